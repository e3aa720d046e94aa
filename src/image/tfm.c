/* tfm.c: blocks of class name, parameters and fixed parameters, and the affine that each class means.
 *
 * Matrices M and translations t are in LPS; y = M (x - c) + c + t with centre c, for every class (ITK 5 sources). */
#include "image/tfm.h"

#include <math.h>
#include <string.h>
#include "image/span.h"

enum { MAX_PARAMETERS = 15, MAX_FIXED = 4, MAX_BLOCKS = 64 };

typedef struct block {
    int line;  /* of its class */
    int class; /* in classes[] */
    double parameters[MAX_PARAMETERS], fixed[MAX_FIXED];
    int n_parameters, n_fixed;
} block;

typedef struct linear {
    double m[3][3], t[3];
} linear;

/* ---- classes ---- */

static linear multiply(linear a, linear b) {
    linear out = {0};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < 3; k++) out.m[r][c] += a.m[r][k] * b.m[k][c];
    return out;
}

/* Rotation about one axis. */
static linear turn(int axis, double angle) {
    int a = (axis + 1) % 3, b = (axis + 2) % 3;
    linear out = {0};
    out.m[axis][axis] = 1;
    out.m[a][a] = out.m[b][b] = cos(angle);
    out.m[b][a] = sin(angle);
    out.m[a][b] = -sin(angle);
    return out;
}

static const char *set_versor(const double *v, linear *out) {
    double norm2 = v[0] * v[0] + v[1] * v[1] + v[2] * v[2];
    if (norm2 > 1 + 1e-10) return "its versor is longer than 1";
    double x = v[0], y = v[1], z = v[2], w = sqrt(fmax(0, 1 - norm2));
    *out = (linear){{{1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)},
                     {2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)},
                     {2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)}},
                    {0}};
    return NULL;
}

static const char *build_identity(const block *b, linear *out) {
    (void)b;
    *out = (linear){.m = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    return NULL;
}

static const char *build_translation(const block *b, linear *out) {
    build_identity(b, out);
    memcpy(out->t, b->parameters, sizeof out->t);
    return NULL;
}

static const char *build_affine(const block *b, linear *out) {
    memcpy(out->m, b->parameters, sizeof out->m);
    memcpy(out->t, b->parameters + 9, sizeof out->t);
    return NULL;
}

static const char *build_rigid(const block *b, linear *out) {
    build_affine(b, out);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double dot = out->m[0][i] * out->m[0][j] + out->m[1][i] * out->m[1][j] + out->m[2][i] * out->m[2][j];
            if (!(fabs(dot - (i == j)) <= 1e-4)) return "its matrix is no rotation (1e-4)";
        }
    return NULL;
}

static const char *build_euler(const block *b, linear *out) {
    const double *angle = b->parameters;
    linear x = turn(0, angle[0]), y = turn(1, angle[1]), z = turn(2, angle[2]);
    bool is_zyx = b->n_fixed == 4 && b->fixed[3] != 0;
    *out = multiply(z, is_zyx ? multiply(y, x) : multiply(x, y));
    memcpy(out->t, b->parameters + 3, sizeof out->t);
    return NULL;
}

static const char *build_versor(const block *b, linear *out) { return set_versor(b->parameters, out); }

static const char *build_versor_rigid(const block *b, linear *out) {
    const char *problem = set_versor(b->parameters, out);
    memcpy(out->t, b->parameters + 3, sizeof out->t);
    return problem;
}

static const char *build_similarity(const block *b, linear *out) {
    const char *problem = build_versor_rigid(b, out);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) out->m[r][c] *= b->parameters[6];
    return problem;
}

/* ITK adds the parts: rotation, scales less 1, skews. */
static const char *build_scale_skew(const block *b, linear *out) {
    const char *problem = build_versor_rigid(b, out);
    const double *scale = b->parameters + 6, *skew = b->parameters + 9;
    for (int r = 0, k = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) out->m[r][c] += r == c ? scale[r] - 1 : skew[k++];
    return problem;
}

static const struct {
    const char *name;
    int n_parameters, min_fixed, max_fixed;
    const char *(*build)(const block *b, linear *out); /* NULL, or what is wrong; NULL function: the composite */
} classes[] = {
    {"AffineTransform", 12, 3, 3, build_affine},
    {"MatrixOffsetTransformBase", 12, 3, 3, build_affine},
    {"Rigid3DTransform", 12, 3, 3, build_rigid},
    {"Euler3DTransform", 6, 3, 4, build_euler},
    {"VersorRigid3DTransform", 6, 3, 3, build_versor_rigid},
    {"VersorTransform", 3, 3, 3, build_versor},
    {"Similarity3DTransform", 7, 3, 3, build_similarity},
    {"ScaleSkewVersor3DTransform", 15, 3, 3, build_scale_skew},
    {"TranslationTransform", 3, 0, 0, build_translation},
    {"IdentityTransform", 0, 0, 0, build_identity},
    {"CompositeTransform", 0, 0, 0, NULL},
};

static bool is_composite(const block *b) { return !classes[b->class].build; }

/* ---- text ---- */

bool med_tfm_is(const void *data, size_t n_bytes) {
    med_lines lines = med_lines_of(data, n_bytes);
    med_span line;
    while (med_lines_next(&lines, &line)) {
        line = med_span_trim(line);
        if (line.n) return med_span_starts(line, "#Insight Transform File");
    }
    return false;
}

bool med_tfm_is_named(const char *path) {
    size_t n = strlen(path);
    return n > 4 && (strcmp(path + n - 4, ".tfm") == 0 || strcmp(path + n - 4, ".txt") == 0);
}

static med_status check_first_line(const char *path, med_lines *lines) {
    char shown[MED_SPAN_SHOWN];
    med_span line = {"", 0};
    while (!line.n && med_lines_next(lines, &line)) line = med_span_trim(line);
    if (!med_span_starts(line, "#Insight Transform File"))
        return med_fail(
            MED_EFORMAT,
            "%s: not an ITK text transform: its first line is '%s', expected \"#Insight Transform File V1.0\"", path,
            med_span_show(line, shown));
    if (line.n < 4 || !med_span_is((med_span){line.at + line.n - 4, 4}, "V1.0"))
        return med_fail(MED_EFORMAT, "%s:%d: '%s', expected version V1.0", path, lines->number,
                        med_span_show(line, shown));
    return MED_OK;
}

/* "AffineTransform_double_3_3" */
static med_status parse_class(const char *path, int line, med_span name, block *out) {
    char shown[MED_SPAN_SHOWN];
    *out = (block){.line = line, .n_parameters = -1, .n_fixed = -1};
    for (size_t c = 0; c < sizeof classes / sizeof *classes; c++) {
        med_span rest = name;
        if (!med_span_starts(rest, classes[c].name)) continue;
        rest.at += strlen(classes[c].name), rest.n -= strlen(classes[c].name);
        if (!med_span_is_any(rest, MED_WORDS("_double_3_3", "_float_3_3"))) continue;
        out->class = (int)c;
        return MED_OK;
    }
    return med_fail(MED_EFORMAT, "%s:%d: unsupported transform class '%s'", path, line, med_span_show(name, shown));
}

static med_status parse_numbers(const char *path, int line, const char *what, med_span text, double *out, int max,
                                int *n) {
    char shown[MED_SPAN_SHOWN];
    if (*n >= 0) return med_fail(MED_EFORMAT, "%s:%d: %s are there twice", path, line, what);
    *n = med_span_to_doubles(text, out, max);
    if (*n < 0)
        return med_fail(MED_EFORMAT, "%s:%d: %s '%s', expected up to %d numbers", path, line, what,
                        med_span_show(text, shown), max);
    for (int i = 0; i < *n; i++)
        if (!isfinite(out[i]))
            return med_fail(MED_EFORMAT, "%s:%d: number %d of %s is not finite", path, line, i + 1, what);
    return MED_OK;
}

static med_status check_counts(const char *path, block *b) {
    int n = b->n_parameters < 0 ? 0 : b->n_parameters, n_fixed = b->n_fixed < 0 ? 0 : b->n_fixed;
    const char *name = classes[b->class].name;
    if (n != classes[b->class].n_parameters)
        return med_fail(MED_EFORMAT, "%s:%d: %s needs %d parameters, found %d", path, b->line, name,
                        classes[b->class].n_parameters, n);
    if (n_fixed < classes[b->class].min_fixed || n_fixed > classes[b->class].max_fixed)
        return med_fail(MED_EFORMAT, "%s:%d: %s needs %d fixed parameters, found %d", path, b->line, name,
                        classes[b->class].min_fixed, n_fixed);
    b->n_parameters = n;
    b->n_fixed = n_fixed;
    return MED_OK;
}

static med_status parse_line(const char *path, int number, med_span line, block *blocks, int *n) {
    char shown[MED_SPAN_SHOWN];
    med_span key, whole = line;
    if (!line.n || line.at[0] == '#') return MED_OK;
    if (!med_span_cut(&line, ":", &key))
        return med_fail(MED_EFORMAT, "%s:%d: '%s', expected \"Transform:\", \"Parameters:\" or \"FixedParameters:\"",
                        path, number, med_span_show(whole, shown));
    key = med_span_trim(key);
    line = med_span_trim(line);
    if (med_span_is(key, "Transform")) {
        if (*n == MAX_BLOCKS) return med_fail(MED_EFORMAT, "%s:%d: more than %d transforms", path, number, MAX_BLOCKS);
        return parse_class(path, number, line, &blocks[(*n)++]);
    }
    block *b = *n ? &blocks[*n - 1] : NULL;
    if (b && med_span_is(key, "Parameters"))
        return parse_numbers(path, number, "Parameters", line, b->parameters, MAX_PARAMETERS, &b->n_parameters);
    if (b && med_span_is(key, "FixedParameters"))
        return parse_numbers(path, number, "FixedParameters", line, b->fixed, MAX_FIXED, &b->n_fixed);
    return med_fail(MED_EFORMAT, "%s:%d: '%s' is not expected here", path, number, med_span_show(whole, shown));
}

static med_status parse_blocks(const char *path, med_lines *lines, block *blocks, int *n) {
    med_span line;
    *n = 0;
    while (med_lines_next(lines, &line)) MED_TRY(parse_line(path, lines->number, med_span_trim(line), blocks, n));
    for (int b = 0; b < *n; b++) MED_TRY(check_counts(path, &blocks[b]));
    return *n ? MED_OK : med_fail(MED_EFORMAT, "%s: holds no transform", path);
}

/* ---- meaning ---- */

static med_status add_part(const char *path, const block *b, med_transform *t) {
    if (is_composite(b))
        return med_fail(MED_EFORMAT, "%s:%d: a CompositeTransform within others is not supported", path, b->line);
    linear l;
    const char *problem = classes[b->class].build(b, &l);
    if (problem) return med_fail(MED_EFORMAT, "%s:%d: %s: %s", path, b->line, classes[b->class].name, problem);
    med_affine a = med_affine_identity(); /* F l F: RAS on both sides */
    for (int r = 0; r < 3; r++) {
        double shift = b->fixed[r] + l.t[r];
        for (int c = 0; c < 3; c++) {
            a.m[r][c] = (r < 2) != (c < 2) ? -l.m[r][c] : l.m[r][c];
            shift -= l.m[r][c] * b->fixed[c];
        }
        a.m[r][3] = r < 2 ? -shift : shift;
    }
    double determinant = med_affine_determinant(a);
    if (!(determinant > 0) || !isfinite(determinant))
        return med_fail(MED_EFORMAT, "%s:%d: %s has the determinant %g, expected more than 0", path, b->line,
                        classes[b->class].name, determinant);
    med_transform_add(t, a);
    return MED_OK;
}

static med_status add_composite(const char *path, const block *blocks, int n, med_transform *t) {
    if (n == 1) return med_fail(MED_EFORMAT, "%s: a CompositeTransform without parts", path);
    for (int b = 1; b < n; b++) MED_TRY(add_part(path, &blocks[b], t));
    return MED_OK;
}

med_status med_tfm_read(const char *path, const void *data, size_t n_bytes, int index, med_transform *t,
                        const char **class_name) {
    block blocks[MAX_BLOCKS];
    int n;
    med_lines lines = med_lines_of(data, n_bytes);
    MED_TRY(check_first_line(path, &lines));
    MED_TRY(parse_blocks(path, &lines, blocks, &n));
    if (index >= n) return med_fail(MED_EUSAGE, "%s: holds %d transforms, number %d was asked for", path, n, index);
    if (index < 0 && n > 1 && !is_composite(&blocks[0]))
        return med_fail(MED_EFORMAT, "%s: holds %d transforms side by side, not a composite; choose one with --index",
                        path, n);
    const block *chosen = &blocks[index < 0 ? 0 : index];
    *class_name = classes[chosen->class].name;
    return index < 0 && is_composite(chosen) ? add_composite(path, blocks, n, t) : add_part(path, chosen, t);
}
