/* pairs.h: a text header as the list of its "key, value" lines, before anybody asks what they mean. */
#ifndef MED_IMAGE_PAIRS_H
#define MED_IMAGE_PAIRS_H

#include "base/status.h"
#include "image/span.h"

typedef struct med_pair { /* views of the file */
    med_span key, value;
    int line;
    bool is_metadata; /* NRRD's "key:=value": anybody's text, not a field of the format */
} med_pair;

typedef struct med_pairs { /* owned; med_pairs_free */
    med_pair *item;
    int n, room;
} med_pairs;

void med_pairs_add(med_pairs *pairs, med_pair pair);
void med_pairs_free(med_pairs *pairs);

/* The field called by one of `names` (NULL-terminated: the usual one first, then other spellings); NULL: not there.
 * MED_EFORMAT: there more than once. */
MED_CHECK med_status med_pairs_find(const char *path, const med_pairs *pairs, const char *const *names,
                                    const med_pair **out);
/* The same, where it must be there. */
MED_CHECK med_status med_pairs_need(const char *path, const med_pairs *pairs, const char *const *names,
                                    const med_pair **out);
/* Metadata by its key; n 0 when it is not there. */
med_span med_pairs_metadata(const med_pairs *pairs, const char *key);

#endif
