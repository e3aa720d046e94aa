/* release_split.c: one table of case and part. */
#include "data/release_split.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/csv.h"

void med_release_split_free(med_release_split *s) {
    for (int i = 0; i < s->n; i++) free(s->row[i].name);
    free(s->row);
    *s = (med_release_split){0};
}

static bool parse_part(const char *word, med_part *out) {
    static const struct {
        const char *word;
        med_part part;
    } words[] = {{"training", MED_PART_TRAIN}, {"validation", MED_PART_VAL}, {"inference", MED_PART_TEST}};
    for (int w = 0; w < 3; w++)
        if (strcmp(word, words[w].word) == 0) {
            *out = words[w].part;
            return true;
        }
    return false;
}

static med_status check_unique(const char *path, int line, const med_release_split *s, const char *name,
                               med_part part) {
    for (int i = 0; i < s->n; i++) {
        if (strcmp(s->row[i].name, name) != 0) continue;
        med_part other = s->row[i].part;
        if (other == part) return med_fail(MED_EFORMAT, "%s:%d: case '%s' is there twice", path, line, name);
        if (other == MED_PART_TRAIN || part == MED_PART_TRAIN)
            return med_fail(MED_EFORMAT, "%s:%d: case '%s' is in training and in another part", path, line, name);
        med_warn("%s:%d: case '%s' is in validation and in inference", path, line, name);
    }
    return MED_OK;
}

static med_status add_row(const char *path, const med_csv_row *r, bool is_first, med_release_split *s) {
    med_part part;
    if (r->n != 2) return med_fail(MED_EFORMAT, "%s:%d: %d columns, expected case and split", path, r->line, r->n);
    if (!parse_part(r->field[1], &part)) {
        if (is_first) return MED_OK; /* names of the columns */
        return med_fail(MED_EFORMAT, "%s:%d: split '%.40s', expected training, validation or inference", path, r->line,
                        r->field[1]);
    }
    size_t n = strlen(r->field[0]);
    if (n && r->field[0][n - 1] == '-') r->field[0][--n] = '\0';
    if (!n) return med_fail(MED_EFORMAT, "%s:%d: a case without a name", path, r->line);
    MED_TRY(check_unique(path, r->line, s, r->field[0], part));
    s->row = realloc(s->row, (size_t)(s->n + 1) * sizeof *s->row);
    med_assert(s->row != NULL);
    s->row[s->n++] = (med_release_row){med_strdup(r->field[0]), part};
    return MED_OK;
}

static med_status read_rows(const char *path, med_lines lines, med_release_split *s) {
    for (bool is_first = true;; is_first = false) {
        med_csv_row r;
        MED_TRY(med_csv_next(path, &lines, &r));
        if (!r.text) break;
        med_status status = add_row(path, &r, is_first, s);
        med_csv_free(&r);
        MED_TRY(status);
    }
    return s->n ? MED_OK : med_fail(MED_EFORMAT, "%s: holds no case", path);
}

med_status med_release_split_load(const char *path, med_release_split *out) {
    med_mapping map;
    *out = (med_release_split){0};
    MED_TRY(med_file_map(path, &map));
    med_status status = read_rows(path, med_csv_open(map.data, map.size), out);
    med_file_unmap(&map);
    if (status != MED_OK) med_release_split_free(out);
    return status;
}
