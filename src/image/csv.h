/* csv.h: comma-separated tables (RFC 4180 without line breaks in fields): LF or CR LF, a byte order mark, quotes. */
#ifndef MED_IMAGE_CSV_H
#define MED_IMAGE_CSV_H

#include "base/status.h"
#include "image/span.h"

enum { MED_CSV_COLUMNS = 32 };

typedef struct med_csv_row { /* owned; med_csv_free */
    int n, line;
    char *field[MED_CSV_COLUMNS]; /* unquoted */
    char *text;                   /* what the fields point into; NULL: the table has ended */
} med_csv_row;

med_lines med_csv_open(const void *data, size_t n_bytes);
/* The next row that is not empty. MED_EFORMAT with the line: an open quote, too many columns, a NUL. */
MED_CHECK med_status med_csv_next(const char *path, med_lines *lines, med_csv_row *row);
MED_CHECK med_status med_csv_parse(const char *path, int line, med_span text, med_csv_row *row);
void med_csv_free(med_csv_row *row);
/* A text as a field: quoted where it must be, on one line (control characters become spaces). Owned. */
char *med_csv_field(const char *text);
int med_csv_column(const med_csv_row *head, const char *name); /* -1: none */

#endif
