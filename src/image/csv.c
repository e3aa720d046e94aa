/* csv.c: one line cut into its fields, quotes undone in place. */
#include "image/csv.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

med_lines med_csv_open(const void *data, size_t n_bytes) {
    bool has_mark = n_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    return med_lines_of(has_mark ? (const char *)data + 3 : data, has_mark ? n_bytes - 3 : n_bytes);
}

/* Copies a field from *from to *to and ends it there; false: a quote stays open. */
static bool take_field(const char **from, char **to) {
    bool is_quoted = **from == '"';
    if (is_quoted) ++*from;
    for (; **from && (is_quoted || **from != ','); ++*from) {
        if (is_quoted && **from == '"' && *++*from != '"') { /* not the double quote that stands for one */
            is_quoted = false;
            --*from;
            continue;
        }
        *(*to)++ = **from;
    }
    *(*to)++ = '\0';
    return !is_quoted;
}

med_status med_csv_parse(const char *path, int line, med_span text, med_csv_row *row) {
    *row = (med_csv_row){.line = line};
    if (text.n && memchr(text.at, '\0', text.n)) return med_fail(MED_EFORMAT, "%s:%d: a NUL in a table", path, line);
    char *copy = med_span_copy(text);
    const char *from = copy;
    char *to = row->text = med_span_copy(text);
    med_status status = MED_OK;
    for (bool is_more = true; is_more && status == MED_OK;) {
        if (row->n == MED_CSV_COLUMNS) {
            status = med_fail(MED_EFORMAT, "%s:%d: more than %d columns", path, line, MED_CSV_COLUMNS);
            break;
        }
        row->field[row->n++] = to;
        if (!take_field(&from, &to)) status = med_fail(MED_EFORMAT, "%s:%d: a quote is not closed", path, line);
        is_more = *from == ',';
        from += is_more;
    }
    free(copy);
    if (status != MED_OK) med_csv_free(row);
    return status;
}

med_status med_csv_next(const char *path, med_lines *lines, med_csv_row *row) {
    med_span line;
    *row = (med_csv_row){0};
    while (med_lines_next(lines, &line))
        if (med_span_trim(line).n) return med_csv_parse(path, lines->number, line, row);
    return MED_OK;
}

void med_csv_free(med_csv_row *row) {
    free(row->text);
    *row = (med_csv_row){0};
}

int med_csv_column(const med_csv_row *head, const char *name) {
    for (int c = 0; c < head->n; c++)
        if (strcmp(head->field[c], name) == 0) return c;
    return -1;
}

char *med_csv_field(const char *text) {
    char *field = med_alloc(2 * strlen(text) + 3), *to = field;
    bool is_quoted = false;
    for (const char *p = text; *p; p++) is_quoted |= strchr(",\"", *p) || (unsigned char)*p < ' ';
    if (is_quoted) *to++ = '"';
    for (const char *p = text; *p; p++) {
        if (*p == '"') *to++ = '"';
        *to++ = (unsigned char)*p < ' ' ? ' ' : *p;
    }
    if (is_quoted) *to++ = '"';
    *to = '\0';
    return field;
}
