/* span.c: cutting text into lines, words and numbers. */
#include "image/span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

med_span med_span_of(const char *text) { return (med_span){text, strlen(text)}; }

med_span med_span_trim(med_span t) {
    while (t.n && is_blank(t.at[0])) t.at++, t.n--;
    while (t.n && is_blank(t.at[t.n - 1])) t.n--;
    return t;
}

bool med_span_is(med_span t, const char *expected) { return med_span_starts(t, expected) && t.n == strlen(expected); }

bool med_span_starts(med_span t, const char *expected) {
    size_t n = strlen(expected);
    return t.n >= n && memcmp(t.at, expected, n) == 0;
}

bool med_span_is_any(med_span t, const char *const *words) {
    for (; *words; words++)
        if (med_span_is(t, *words)) return true;
    return false;
}

char *med_span_copy(med_span t) {
    char *copy = med_alloc(t.n + 1);
    if (t.n) memcpy(copy, t.at, t.n);
    return copy;
}

bool med_span_cut(med_span *rest, const char *separator, med_span *before) {
    size_t n = strlen(separator);
    const char *found = rest->n ? memmem(rest->at, rest->n, separator, n) : NULL;
    if (!found) return false;
    *before = (med_span){rest->at, (size_t)(found - rest->at)};
    rest->n -= before->n + n;
    rest->at = found + n;
    return true;
}

bool med_span_word(med_span *rest, med_span *word) {
    *rest = med_span_trim(*rest);
    *word = (med_span){rest->at, 0};
    while (word->n < rest->n && !is_blank(rest->at[word->n])) word->n++;
    rest->at += word->n;
    rest->n -= word->n;
    return word->n > 0;
}

/* ---- numbers ---- */

enum { NUMBER_BYTES = 64 }; /* longer ones are no numbers that anybody wrote */

static bool copy_number(med_span t, char out[NUMBER_BYTES]) {
    if (!t.n || t.n >= NUMBER_BYTES || memchr(t.at, '\0', t.n) || (unsigned char)t.at[0] <= ' ') return false;
    memcpy(out, t.at, t.n);
    out[t.n] = '\0';
    return true;
}

bool med_span_to_double(med_span t, double *out) {
    char text[NUMBER_BYTES], *end;
    if (!copy_number(t, text)) return false;
    *out = strtod(text, &end);
    return *end == '\0';
}

bool med_span_to_int(med_span t, int64_t *out) {
    char text[NUMBER_BYTES], *end;
    if (!copy_number(t, text)) return false;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

int med_span_to_doubles(med_span t, double *out, int max) {
    med_span word;
    int n = 0;
    for (; med_span_word(&t, &word); n++)
        if (n == max || !med_span_to_double(word, &out[n])) return -1;
    return n;
}

int med_span_to_ints(med_span t, int64_t *out, int max) {
    med_span word;
    int n = 0;
    for (; med_span_word(&t, &word); n++)
        if (n == max || !med_span_to_int(word, &out[n])) return -1;
    return n;
}

/* ---- messages ---- */

const char *med_span_show(med_span t, char out[MED_SPAN_SHOWN]) {
    size_t n = t.n <= MED_SPAN_SHOWN - 4 ? t.n : MED_SPAN_SHOWN - 4;
    for (size_t i = 0; i < n; i++) out[i] = (unsigned char)t.at[i] < ' ' || t.at[i] == 0x7f ? '?' : t.at[i];
    strcpy(out + n, n < t.n ? "..." : "");
    return out;
}

/* ---- lines ---- */

med_lines med_lines_of(const void *data, size_t n_bytes) {
    const char *at = n_bytes ? data : "";
    return (med_lines){at, at + n_bytes, 0};
}

bool med_lines_next(med_lines *l, med_span *line) {
    if (l->at == l->end) return false;
    const char *end = memchr(l->at, '\n', (size_t)(l->end - l->at));
    *line = (med_span){l->at, (size_t)((end ? end : l->end) - l->at)};
    l->at = end ? end + 1 : l->end;
    l->number++;
    if (line->n && line->at[line->n - 1] == '\r') line->n--;
    return true;
}
