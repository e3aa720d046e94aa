/* fcsv.c: fiducials of 3D Slicer as a table (.fcsv): comment lines with the coordinate system and the columns, then rows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "image/csv.h"
#include "image/landmarks.h"

static const char USUAL_COLUMNS[] = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID";

static bool is_fcsv(const med_mapping *map) {
    med_lines lines = med_lines_of(map->data, map->size);
    med_span line;
    return med_lines_next(&lines, &line) && med_span_starts(line, "# Markups fiducial file");
}

typedef struct table {
    bool has_system, is_lps;
    int x, label; /* columns; y and z follow x */
} table;

static med_status parse_system(const char *path, int line, med_span value, table *t) {
    char shown[MED_SPAN_SHOWN];
    t->has_system = true;
    t->is_lps = med_span_is_any(value, MED_WORDS("LPS", "1"));
    if (!t->is_lps && !med_span_is_any(value, MED_WORDS("RAS", "0")))
        return med_fail(MED_EFORMAT, "%s:%d: coordinate system '%s', expected LPS or RAS", path, line,
                        med_span_show(value, shown));
    return MED_OK;
}

static med_status parse_columns(const char *path, int line, med_span value, table *t) {
    med_csv_row row;
    MED_TRY(med_csv_parse(path, line, value, &row));
    t->x = med_csv_column(&row, "x");
    t->label = med_csv_column(&row, "label");
    bool is_usable = t->x >= 0 && med_csv_column(&row, "y") == t->x + 1 && med_csv_column(&row, "z") == t->x + 2;
    med_csv_free(&row);
    return is_usable ? MED_OK : med_fail(MED_EFORMAT, "%s:%d: expected the columns x, y, z side by side", path, line);
}

static med_status parse_comment(const char *path, int line, med_span text, table *t) {
    med_span key;
    text.at++, text.n--;
    if (!med_span_cut(&text, "=", &key)) return MED_OK;
    key = med_span_trim(key);
    text = med_span_trim(text);
    if (med_span_is(key, "CoordinateSystem")) return parse_system(path, line, text, t);
    if (med_span_is(key, "columns")) return parse_columns(path, line, text, t);
    return MED_OK;
}

static med_status parse_row(const char *path, const med_csv_row *row, const table *t, med_landmarks *out) {
    double ras[3];
    for (int a = 0; a < 3; a++)
        if (t->x + a >= row->n || !med_span_to_double(med_span_of(row->field[t->x + a]), &ras[a]))
            return med_fail(MED_EFORMAT, "%s:%d: no number in column %d", path, row->line, t->x + a + 1);
    MED_TRY(med_landmarks_check(path, row->line, ras));
    for (int a = 0; t->is_lps && a < 2; a++) ras[a] = -ras[a];
    bool has_label = t->label >= 0 && t->label < row->n;
    med_landmark *l = med_landmarks_add(out, med_span_of(has_label ? row->field[t->label] : ""));
    memcpy(l->ras[0], ras, sizeof ras);
    return MED_OK;
}

static med_status load(const char *path, const med_mapping *map, med_landmarks *out) {
    med_lines lines = med_lines_of(map->data, map->size);
    med_span line;
    table t = {0};
    MED_TRY(parse_columns(path, 0, med_span_of(USUAL_COLUMNS), &t));
    while (med_lines_next(&lines, &line)) {
        if (!med_span_trim(line).n) continue;
        if (line.at[0] == '#') {
            MED_TRY(parse_comment(path, lines.number, line, &t));
            continue;
        }
        med_csv_row row;
        MED_TRY(med_csv_parse(path, lines.number, line, &row));
        med_status status = parse_row(path, &row, &t, out);
        med_csv_free(&row);
        MED_TRY(status);
    }
    if (!t.has_system) med_warn("%s: names no coordinate system: RAS is taken", path);
    return MED_OK;
}

static char *print(const med_landmarks *l) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    fprintf(to, "# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n# columns = %s\n", USUAL_COLUMNS);
    for (int i = 0; i < l->n; i++) {
        const double *p = l->item[i].ras[0];
        char *label = med_csv_field(l->item[i].label);
        fprintf(to, "%d,%.17g,%.17g,%.17g,0,0,0,1,1,1,0,%s,,\n", i + 1, -p[0], -p[1], p[2], label);
        free(label);
    }
    fclose(to);
    return text;
}

const med_landmarks_format med_landmarks_format_fcsv = {
    .name = "Slicer fiducials",
    .ending = ".fcsv",
    .n_images = 1,
    .is = is_fcsv,
    .load = load,
    .print = print,
};
