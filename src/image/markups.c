/* markups.c: markups of 3D Slicer as JSON (.mrk.json): the control points of all lists in the file. */
#include <jansson.h>
#include <string.h>
#include "base/memory.h"
#include "image/landmarks.h"

static bool is_markups(const med_mapping *map) {
    return map->size && map->data[0] == '{' && memmem(map->data, map->size, "\"markups\"", 9);
}

static med_status parse_point(const char *path, const json_t *point, size_t i, bool is_lps, med_landmarks *out) {
    const json_t *position = json_object_get(point, "position");
    const char *state = json_string_value(json_object_get(point, "positionStatus"));
    const char *label = json_string_value(json_object_get(point, "label"));
    double ras[3];
    if (state && strcmp(state, "defined") != 0) return MED_OK; /* a name without a place */
    for (size_t a = 0; a < 3; a++) {
        const json_t *x = json_array_get(position, a);
        if (!json_is_number(x) || json_array_size(position) != 3)
            return med_fail(MED_EFORMAT, "%s: control point %zu has no position of three numbers", path, i + 1);
        ras[a] = is_lps && a < 2 ? -json_number_value(x) : json_number_value(x);
    }
    med_landmark *l = med_landmarks_add(out, med_span_of(label ? label : ""));
    memcpy(l->ras[0], ras, sizeof ras);
    return MED_OK;
}

static med_status parse_list(const char *path, const json_t *list, med_landmarks *out) {
    const char *system = json_string_value(json_object_get(list, "coordinateSystem"));
    bool is_lps = !system || strcmp(system, "LPS") == 0; /* LPS is the schema's default */
    const json_t *points = json_object_get(list, "controlPoints");
    size_t i;
    json_t *point;
    if (!is_lps && strcmp(system, "RAS") != 0)
        return med_fail(MED_EFORMAT, "%s: the coordinate system is neither LPS nor RAS", path);
    if (!json_is_array(points)) return med_fail(MED_EFORMAT, "%s: a markup has no list \"controlPoints\"", path);
    json_array_foreach (points, i, point) MED_TRY(parse_point(path, point, i, is_lps, out));
    return MED_OK;
}

static med_status load(const char *path, const med_mapping *map, med_landmarks *out) {
    json_error_t error;
    json_t *root = json_loadb((const char *)map->data, map->size, 0, &error), *list;
    if (!root) return med_fail(MED_EFORMAT, "%s:%d: no JSON: %s", path, error.line, error.text);
    size_t i;
    med_status status = MED_OK;
    json_t *lists = json_object_get(root, "markups");
    if (!json_is_array(lists)) status = med_fail(MED_EFORMAT, "%s: \"markups\" is no list", path);
    json_array_foreach (lists, i, list)
        if (status == MED_OK) status = parse_list(path, list, out);
    json_decref(root);
    return status;
}

static char *print(const med_landmarks *l) {
    json_t *points = json_array();
    for (int i = 0; i < l->n; i++) {
        const double *p = l->item[i].ras[0];
        json_array_append_new(points, json_pack("{s:s, s:s?, s:[f,f,f], s:s}", "id", "", "label", l->item[i].label,
                                                "position", -p[0], -p[1], p[2], "positionStatus", "defined"));
    }
    json_t *root = json_pack(
        "{s:s, s:[{s:s, s:s, s:s, s:o}]}", "@schema",
        "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
        "markups-schema-v1.0.3.json#",
        "markups", "type", "Fiducial", "coordinateSystem", "LPS", "coordinateUnits", "mm", "controlPoints", points);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(root);
    return text;
}

const med_landmarks_format med_landmarks_format_markups = {
    .name = "Slicer markups",
    .ending = ".mrk.json",
    .n_images = 1,
    .is = is_markups,
    .load = load,
    .print = print,
};
