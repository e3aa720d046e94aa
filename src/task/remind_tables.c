/* remind_tables.c: rows by their case; a case may be there once. */
#include "task/remind_tables.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/csv.h"
#include "image/span.h"

static med_remind_row *find(const med_remind_table *t, const char *name) {
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->item[i].name, name) == 0) return &t->item[i];
    return NULL;
}

const med_remind_row *med_remind_row_find(const med_remind_table *t, const char *name) { return find(t, name); }

void med_remind_table_free(med_remind_table *t) {
    for (int i = 0; i < t->n; i++) {
        free(t->item[i].name);
        free(t->item[i].us);
        free(t->item[i].mr);
        free(t->item[i].target);
    }
    free(t->item);
}

/* A table whose first column is the case and which has `columns`; calls `take` for each row. */
typedef med_status take_fn(const char *path, const med_csv_row *r, const int *column, med_remind_table *t);

static med_status read_rows(const char *path, med_lines *lines, const char *const *columns, take_fn *take, med_remind_table *t) {
    med_csv_row head, r;
    int column[4] = {0};
    MED_TRY(med_csv_next(path, lines, &head));
    if (!head.text) return med_fail(MED_EFORMAT, "%s: is empty, expected a table", path);
    for (int c = 0; columns[c]; c++) {
        column[c] = med_csv_column(&head, columns[c]);
        if (column[c] <= 0) {
            med_csv_free(&head);
            return med_fail(MED_EFORMAT, "%s:1: no column \"%s\" behind that of the cases", path, columns[c]);
        }
    }
    int n_columns = head.n;
    med_csv_free(&head);
    for (;;) {
        MED_TRY(med_csv_next(path, lines, &r));
        if (!r.text) return MED_OK;
        med_status status = r.n == n_columns
                                ? take(path, &r, column, t)
                                : med_fail(MED_EFORMAT, "%s:%d: %d columns, expected %d", path, r.line, r.n, n_columns);
        med_csv_free(&r);
        MED_TRY(status);
    }
}

static med_status read_table(const char *path, const char *const *columns, take_fn *take, med_remind_table *t) {
    med_mapping map;
    MED_TRY(med_file_map(path, &map));
    med_lines lines = med_csv_open(map.data, map.size);
    med_status status = read_rows(path, &lines, columns, take, t);
    med_file_unmap(&map);
    return status;
}

static bool is_file_name(const char *name) { return *name && !strchr(name, '/') && strcmp(name, "..") != 0; }

static med_status take_reference(const char *path, const med_csv_row *r, const int *column, med_remind_table *t) {
    const char *us = r->field[column[0]], *mr = r->field[column[1]];
    if (find(t, r->field[0]))
        return med_fail(MED_EFORMAT, "%s:%d: case '%s' is there twice", path, r->line, r->field[0]);
    if (!is_file_name(r->field[0]) || !is_file_name(us) || !is_file_name(mr))
        return med_fail(MED_EFORMAT, "%s:%d: expected a case and two names of files without a folder", path, r->line);
    t->item = realloc(t->item, (size_t)(t->n + 1) * sizeof *t->item);
    med_assert(t->item != NULL);
    t->item[t->n++] = (med_remind_row){med_strdup(r->field[0]), med_strdup(us), med_strdup(mr), NULL};
    return MED_OK;
}

static med_status take_target(const char *path, const med_csv_row *r, const int *column, med_remind_table *t) {
    med_remind_row *found = find(t, r->field[0]);
    if (!found) {
        med_warn("%s:%d: case '%s' is not in the table of references", path, r->line, r->field[0]);
        return MED_OK;
    }
    if (found->target || !is_file_name(r->field[column[0]]))
        return med_fail(MED_EFORMAT, "%s:%d: case '%s' is there twice, or its label is no name of a file", path,
                        r->line, found->name);
    found->target = med_strdup(r->field[column[0]]);
    return MED_OK;
}

med_status med_remind_table_load(const char *refs, const char *target, med_remind_table *out) {
    *out = (med_remind_table){0};
    med_status status = read_table(refs, MED_WORDS("us", "mr"), take_reference, out);
    if (status == MED_OK && target) status = read_table(target, MED_WORDS("target"), take_target, out);
    return status;
}
