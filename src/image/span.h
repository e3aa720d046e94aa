/* span.h: views of the text in a file, for the readers of headers, transforms and tables. Nothing is copied and nothing
 * needs a terminating NUL; what a file says is data, so texts are shown in messages only after med_span_show. */
#ifndef MED_IMAGE_SPAN_H
#define MED_IMAGE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct med_span { /* borrowed */
    const char *at;
    size_t n;
} med_span;

med_span med_span_of(const char *text);
med_span med_span_trim(med_span text); /* without blanks at both ends */
bool med_span_is(med_span text, const char *expected);
bool med_span_starts(med_span text, const char *expected);
bool med_span_is_any(med_span text, const char *const *words); /* NULL-terminated: MED_WORDS("a", "b") */
#define MED_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
char *med_span_copy(med_span text); /* owned */

/* The part before the first `separator`, out of *rest; false where there is no separator. */
bool med_span_cut(med_span *rest, const char *separator, med_span *before);
/* The next word of *rest; words are separated by blanks. False at the end. */
bool med_span_word(med_span *rest, med_span *word);

/* The whole text is one number. "nan" and "inf" are numbers here: the caller says what may be infinite. */
bool med_span_to_double(med_span text, double *out);
bool med_span_to_int(med_span text, int64_t *out); /* false as well when it needs more than 64 bits */
/* All words as numbers; -1 when one is none or there are more than `max`. */
int med_span_to_doubles(med_span text, double *out, int max);
int med_span_to_ints(med_span text, int64_t *out, int max);

/* At most 60 bytes, fit for a one-line message: control characters become '?', more is "...". */
enum { MED_SPAN_SHOWN = 64 };
const char *med_span_show(med_span text, char out[MED_SPAN_SHOWN]);

/* Lines end in LF or CR LF, which the views leave out; the last may end with the file. */
typedef struct med_lines {
    const char *at, *end;
    int number; /* of the line read last, from 1 */
} med_lines;
med_lines med_lines_of(const void *data, size_t n_bytes);
bool med_lines_next(med_lines *lines, med_span *line);

#endif
