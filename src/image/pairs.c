/* pairs.c: the growing list, and looking fields up by name. */
#include "image/pairs.h"

#include <stdlib.h>
#include "base/memory.h"

void med_pairs_add(med_pairs *p, med_pair pair) {
    if (p->n == p->room) {
        p->room = p->room ? 2 * p->room : 32;
        p->item = realloc(p->item, (size_t)p->room * sizeof *p->item);
        med_assert(p->item != NULL);
    }
    p->item[p->n++] = pair;
}

void med_pairs_free(med_pairs *p) {
    free(p->item);
    *p = (med_pairs){0};
}

med_status med_pairs_find(const char *path, const med_pairs *pairs, const char *const *names, const med_pair **out) {
    *out = NULL;
    for (int i = 0; i < pairs->n; i++) {
        const med_pair *p = &pairs->item[i];
        if (p->is_metadata || !med_span_is_any(p->key, names)) continue;
        if (*out)
            return med_fail(MED_EFORMAT, "%s:%d: the field \"%s\" is there twice, first in line %d", path, p->line,
                            names[0], (*out)->line);
        *out = p;
    }
    return MED_OK;
}

med_status med_pairs_need(const char *path, const med_pairs *pairs, const char *const *names, const med_pair **out) {
    MED_TRY(med_pairs_find(path, pairs, names, out));
    return *out ? MED_OK : med_fail(MED_EFORMAT, "%s: the field \"%s\" is missing", path, names[0]);
}

med_span med_pairs_metadata(const med_pairs *pairs, const char *key) {
    for (int i = 0; i < pairs->n; i++)
        if (pairs->item[i].is_metadata && med_span_is(pairs->item[i].key, key)) return pairs->item[i].value;
    return (med_span){"", 0};
}
