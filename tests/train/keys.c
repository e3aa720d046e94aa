/* keys.c: docs/training.md explains every key. */
#include "testing.h"

#include <jansson.h>

#include "base/file.h"
#include "task/train_config.h"

#define PAGE MEDLEY_SOURCE "/docs/training.md"

static void every_key_is_explained(void **state) {
    (void)state;
    med_mapping page;
    assert_ok(med_file_map(PAGE, &page));
    char *text = strndup((const char *)page.data, page.size), *table = strstr(text, "## Keys");
    assert_non_null(table);
    for (const med_option *o = med_train_keys; o->name; o++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "`%s`", o->name);
        if (!strstr(table, quoted)) fail_msg("%s does not explain %s", PAGE, o->name);
    }
    free(text);
    med_file_unmap(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_key_is_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
