/* nrrd_space.c: how the axes of a NRRD file lie in the patient. */
#include "image/nrrd.h"

#include <string.h>
#include "base/log.h"
#include "image/format.h"

/* Signs that turn coordinates of a space into RAS. */
static const struct {
    const char *name, *letters;
    double sign[3];
} spaces[] = {
    {"left-posterior-superior", "LPS", {-1, -1, 1}},
    {"right-anterior-superior", "RAS", {1, 1, 1}},
    {"left-anterior-superior", "LAS", {-1, 1, 1}},
};

static med_status parse_space(const char *path, const med_pairs *pairs, const char *assumed, const double **sign) {
    const med_pair *field;
    char shown[MED_SPAN_SHOWN];
    MED_TRY(med_pairs_find(path, pairs, MED_WORDS("space"), &field));
    if (!field && !assumed)
        return med_fail(MED_EFORMAT, "%s: the field \"space\" is missing: its orientation in the patient is unknown",
                        path);
    med_span space = field ? field->value : med_span_of(assumed);
    for (size_t s = 0; s < sizeof spaces / sizeof *spaces; s++)
        if (med_span_is(space, spaces[s].name) || med_span_is(space, spaces[s].letters)) {
            *sign = spaces[s].sign;
            return MED_OK;
        }
    return med_fail(MED_EFORMAT,
                    "%s:%d: space '%s' is not supported, expected one of LPS, RAS, LAS or their long names", path,
                    field ? field->line : 0, med_span_show(space, shown));
}

/* The next "(x,y,z)" of *rest, or "none" (*is_none). */
static bool next_vector(med_span *rest, double vector[3], bool *is_none) {
    *rest = med_span_trim(*rest);
    *is_none = med_span_starts(*rest, "none");
    if (*is_none) {
        rest->at += strlen("none"), rest->n -= strlen("none");
        return true;
    }
    med_span inside, number;
    if (!med_span_starts(*rest, "(") || !med_span_cut(rest, ")", &inside)) return false;
    inside.at++, inside.n--;
    for (int r = 0; r < 3; r++) {
        if (r == 2)
            number = inside;
        else if (!med_span_cut(&inside, ",", &number))
            return false;
        if (!med_span_to_double(med_span_trim(number), &vector[r])) return false;
    }
    return true;
}

/* The axes as the header gives them, before they are sorted into space and list. */
typedef struct axes {
    double direction[MED_NRRD_MAX_DIM][3], origin[3];
    bool is_list[MED_NRRD_MAX_DIM];
} axes;

static med_status parse_directions(const char *path, const med_nrrd_header *h, const med_pair *field, axes *out) {
    med_span rest = field->value;
    for (int d = 0; d < h->n_dim; d++)
        if (!next_vector(&rest, out->direction[d], &out->is_list[d]))
            return med_fail(MED_EFORMAT, "%s:%d: space directions: expected %d of \"(x,y,z)\" or \"none\", found %d",
                            path, field->line, h->n_dim, d);
    if (med_span_trim(rest).n)
        return med_fail(MED_EFORMAT, "%s:%d: space directions: more than the %d axes have", path, field->line,
                        h->n_dim);
    return MED_OK;
}

/* Old files: distances without directions. */
static med_status parse_spacings(const char *path, const med_nrrd_header *h, axes *out) {
    const med_pair *field;
    double spacing[MED_NRRD_MAX_DIM];
    MED_TRY(med_pairs_find(path, &h->pairs, MED_WORDS("spacings"), &field));
    if (!field)
        return med_fail(MED_EFORMAT, "%s: the field \"space directions\" is missing: its orientation is unknown", path);
    if (med_span_to_doubles(field->value, spacing, MED_NRRD_MAX_DIM) != h->n_dim)
        return med_fail(MED_EFORMAT, "%s:%d: spacings: expected %d numbers", path, field->line, h->n_dim);
    for (int d = 0; d < h->n_dim; d++) {
        out->is_list[d] = d >= 3;
        if (d < 3) out->direction[d][d] = spacing[d];
    }
    med_warn("%s: has spacings without directions: its axes are taken to lie along those of its space", path);
    return MED_OK;
}

static med_status parse_axes(const char *path, const med_nrrd_header *h, axes *out) {
    const med_pair *directions, *origin;
    bool is_none;
    *out = (axes){0};
    MED_TRY(med_pairs_find(path, &h->pairs, MED_WORDS("space directions"), &directions));
    MED_TRY(directions ? parse_directions(path, h, directions, out) : parse_spacings(path, h, out));
    MED_TRY(med_pairs_find(path, &h->pairs, MED_WORDS("space origin"), &origin));
    if (!origin) {
        med_warn("%s: has no space origin: (0,0,0) is taken", path);
        return MED_OK;
    }
    med_span rest = origin->value;
    if (!next_vector(&rest, out->origin, &is_none) || is_none || med_span_trim(rest).n)
        return med_fail(MED_EFORMAT, "%s:%d: space origin: expected \"(x,y,z)\"", path, origin->line);
    return MED_OK;
}

/* Sizes and columns of the axes in space; the list axis, where one is longer than 1. */
static med_status sort_axes(const char *path, const med_nrrd_header *h, const axes *from, med_nrrd_space *out) {
    int64_t size[MED_NRRD_MAX_DIM], inner = 1;
    int n_space = 0;
    out->list_axis = -1;
    out->n_list = out->n_inner = 1;
    for (int d = 0; d < h->n_dim; inner *= h->size[d], d++) {
        if (!from->is_list[d]) {
            if (n_space < 3)
                for (int r = 0; r < 3; r++) out->grid.affine.m[r][n_space] = from->direction[d][r];
            size[n_space++] = h->size[d];
        } else if (h->size[d] > 1) {
            if (out->list_axis >= 0)
                return med_fail(MED_EFORMAT, "%s: axes %d and %d both lie outside space, expected one at most", path,
                                out->list_axis + 1, d + 1);
            *out = (med_nrrd_space){out->grid, d, inner, h->size[d]};
        }
    }
    return med_image_check_sizes(path, size, n_space, out->grid.n);
}

med_status med_nrrd_parse_space(const char *path, const med_nrrd_header *h, const char *assumed, med_nrrd_space *out) {
    const double *sign = NULL;
    axes found;
    *out = (med_nrrd_space){.grid.affine = med_affine_identity()};
    MED_TRY(parse_space(path, &h->pairs, assumed, &sign));
    MED_TRY(parse_axes(path, h, &found));
    MED_TRY(sort_axes(path, h, &found, out));
    for (int r = 0; r < 3; r++) {
        out->grid.affine.m[r][3] = found.origin[r];
        for (int c = 0; c < 4; c++) out->grid.affine.m[r][c] *= sign[r];
    }
    return med_image_check_affine(path, "matrix of space directions", out->grid.affine);
}
