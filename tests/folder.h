/* folder.h: a temporary folder for every test, or for a group of them: the setup and teardown of cmocka. */
#ifndef FOLDER_H
#define FOLDER_H

#include "testing.h"

static char *folder;

static inline int folder_make(void **state) {
    (void)state;
    folder = testing_folder();
    return 0;
}
static inline int folder_remove(void **state) {
    (void)state;
    testing_remove(folder);
    return 0;
}

#endif
