/* modset.c: between modalities' names and their bits. */
#include "base/modset.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

int med_modset_find(med_mod_names names, int n, const char *name) {
    for (int j = 0; j < n; j++)
        if (!strcmp(names[j], name)) return j;
    return -1;
}

char *med_modset_join(med_mod_names names, med_modset set, const char *separator) {
    char *joined = med_strdup("");
    MED_MODSET_EACH (j, set) {
        char *longer = med_format("%s%s%s", joined, *joined ? separator : "", names[j]);
        free(joined);
        joined = longer;
    }
    return joined;
}
