/* tag.c: MNI tag points (.tag) of two volumes, as RESECT has them: a landmark is a line of six numbers in RAS mm, then
 * perhaps weight, structure and patient, then perhaps a quoted label; a semicolon ends the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/landmarks.h"

static bool is_tag(const med_mapping *map) {
    med_lines lines = med_lines_of(map->data, map->size);
    med_span line;
    return med_lines_next(&lines, &line) && med_span_starts(line, "MNI Tag Point File");
}

static bool is_comment(med_span line) { return !line.n || line.at[0] == '%' || line.at[0] == '#'; }

/* "Volumes = 2;" */
static med_status parse_volumes(const char *path, int number, med_span line) {
    med_span value, rest = line;
    int64_t n = 0;
    med_span_cut(&rest, "=", &value);
    if (med_span_cut(&rest, ";", &value)) rest = value;
    if (!med_span_to_int(med_span_trim(rest), &n) || n != 2)
        return med_fail(MED_EFORMAT, "%s:%d: two volumes needed (\"Volumes = 2;\"), MR and ultrasound", path, number);
    return MED_OK;
}

/* Takes the label and the semicolon off the end of a line. */
static med_status take_tail(const char *path, int number, med_span *line, med_span *label, bool *is_last) {
    *label = (med_span){"", 0};
    med_span rest = *line, before;
    if (med_span_cut(&rest, "\"", &before)) {
        *line = before;
        if (!med_span_cut(&rest, "\"", label))
            return med_fail(MED_EFORMAT, "%s:%d: the label's quote is not closed", path, number);
        *is_last = med_span_is(med_span_trim(rest), ";");
        return *is_last || !med_span_trim(rest).n ? MED_OK
                                                  : med_fail(MED_EFORMAT, "%s:%d: more behind the label", path, number);
    }
    *is_last = med_span_cut(&rest, ";", &before);
    if (*is_last) *line = before;
    return MED_OK;
}

static med_status parse_point(const char *path, int number, med_span line, med_span label, med_landmarks *out) {
    enum { MOST = 9 };
    double value[MOST];
    int n = med_span_to_doubles(line, value, MOST);
    if (n != 6 && n != 7 && n != 9)
        return med_fail(
            MED_EFORMAT,
            "%s:%d: expected the 6 coordinates of a pair of points (and perhaps weight, structure and patient)", path,
            number);
    MED_TRY(med_landmarks_check(path, number, value));
    MED_TRY(med_landmarks_check(path, number, value + 3));
    memcpy(med_landmarks_add(out, label)->ras, value, sizeof out->item->ras);
    return MED_OK;
}

static med_status parse_points(const char *path, med_lines *lines, med_span first, med_landmarks *out) {
    med_span line = med_span_trim(first), label;
    bool is_last = false;
    do {
        if (is_comment(line)) continue;
        MED_TRY(take_tail(path, lines->number, &line, &label, &is_last));
        if (med_span_trim(line).n) MED_TRY(parse_point(path, lines->number, line, label, out));
        if (is_last) return MED_OK;
    } while (med_lines_next(lines, &line) && ((line = med_span_trim(line)), true));
    return med_fail(MED_EFORMAT, "%s: cut: the list of points does not end with \";\"", path);
}

static med_status load(const char *path, const med_mapping *map, med_landmarks *out) {
    med_lines lines = med_lines_of(map->data, map->size);
    med_span line, before;
    bool has_volumes = false;
    med_lines_next(&lines, &line); /* the magic */
    while (med_lines_next(&lines, &line)) {
        line = med_span_trim(line);
        if (is_comment(line)) continue;
        if (med_span_starts(line, "Volumes")) {
            MED_TRY(parse_volumes(path, lines.number, line));
            has_volumes = true;
        } else if (med_span_starts(line, "Points") && med_span_cut(&line, "=", &before)) {
            return has_volumes ? parse_points(path, &lines, line, out)
                               : med_fail(MED_EFORMAT, "%s:%d: points before \"Volumes = 2;\"", path, lines.number);
        } else {
            return med_fail(MED_EFORMAT, "%s:%d: expected \"Volumes = 2;\" or \"Points =\"", path, lines.number);
        }
    }
    return med_fail(MED_EFORMAT, "%s: holds no \"Points =\"", path);
}

static char *print(const med_landmarks *l) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    fprintf(to, "MNI Tag Point File\nVolumes = 2;\n\nPoints =");
    for (int i = 0; i < l->n; i++) {
        const double *p = l->item[i].ras[0], *q = l->item[i].ras[1];
        fprintf(to, "\n %.17g %.17g %.17g %.17g %.17g %.17g \"%s\"", p[0], p[1], p[2], q[0], q[1], q[2],
                l->item[i].label);
    }
    fprintf(to, ";\n");
    fclose(to);
    return text;
}

const med_landmarks_format med_landmarks_format_tag = {
    .name = "MNI tags",
    .ending = ".tag",
    .n_images = 2,
    .is = is_tag,
    .load = load,
    .print = print,
};
