/* voxel.c: one conversion loop per stored type, over pieces that fit the cache. */
#include "image/voxel.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"

/* Every type a file may hold: suffix of MED_VOXEL_, C type, name. */
#define VOXEL_TYPES(X)                                                                                                 \
    X(U8, uint8_t, "uint8")                                                                                            \
    X(I8, int8_t, "int8")                                                                                              \
    X(U16, uint16_t, "uint16")                                                                                         \
    X(I16, int16_t, "int16")                                                                                           \
    X(U32, uint32_t, "uint32")                                                                                         \
    X(I32, int32_t, "int32")                                                                                           \
    X(U64, uint64_t, "uint64")                                                                                         \
    X(I64, int64_t, "int64")                                                                                           \
    X(F32, float, "float32")                                                                                           \
    X(F64, double, "float64")

enum { MAX_BYTES = 8, PIECE = 4096, PIECES_PER_TASK = 32 };

typedef void convert_fn(const void *raw, int n, const med_raw_voxels *how, float *out);

typedef double value_fn(const void *raw);

#define DEFINE_CONVERT(id, type, name)                                                                                 \
    static void convert_##id(const void *raw, int n, const med_raw_voxels *how, float *out) {                          \
        const type *value = raw;                                                                                       \
        if (how->is_scaled)                                                                                            \
            for (int i = 0; i < n; i++) out[i] = (float)((double)value[i] * how->slope + how->inter);                  \
        else                                                                                                           \
            for (int i = 0; i < n; i++) out[i] = (float)value[i];                                                      \
    }                                                                                                                  \
    static double value_##id(const void *raw) { return (double)*(const type *)raw; }
VOXEL_TYPES(DEFINE_CONVERT)

static const struct {
    const char *name;
    size_t n_bytes;
    convert_fn *convert;
    value_fn *value;
} types[] = {
#define ROW(id, type, name) [MED_VOXEL_##id] = {name, sizeof(type), convert_##id, value_##id},
    VOXEL_TYPES(ROW)
#undef ROW
};

const char *med_voxel_type_name(med_voxel_type type) { return types[type].name; }

size_t med_voxel_bytes(med_voxel_type type) { return types[type].n_bytes; }

static void swap_bytes(uint8_t *data, int n, size_t n_bytes) {
    for (int i = 0; i < n; i++, data += n_bytes)
        for (size_t b = 0; b < n_bytes / 2; b++) {
            uint8_t kept = data[b];
            data[b] = data[n_bytes - 1 - b];
            data[n_bytes - 1 - b] = kept;
        }
}

double med_voxel_value(const med_raw_voxels *raw, size_t i) {
    _Alignas(MAX_BYTES) uint8_t piece[MAX_BYTES];
    size_t n_bytes = med_voxel_bytes(raw->type);
    memcpy(piece, raw->data + i * n_bytes, n_bytes);
    if (raw->is_big_endian) swap_bytes(piece, 1, n_bytes);
    double value = types[raw->type].value(piece);
    return raw->is_scaled ? value * raw->slope + raw->inter : value;
}

static bool is_finite(float x) { return fabsf(x) <= FLT_MAX; }

static size_t count_not_finite(const float *x, int n) {
    int count = 0;
    for (int i = 0; i < n; i++) count += !is_finite(x[i]);
    return (size_t)count;
}

typedef struct job {
    const med_raw_voxels *raw;
    float *out;
    size_t n;
    size_t *n_not_finite; /* per task */
} job;

static void convert_task(void *context, int task) {
    const job *j = context;
    size_t n_bytes = med_voxel_bytes(j->raw->type);
    _Alignas(64) uint8_t piece[PIECE * MAX_BYTES];
    size_t begin = (size_t)task * PIECE * PIECES_PER_TASK;
    for (size_t at = begin; at < j->n && at < begin + PIECE * PIECES_PER_TASK; at += PIECE) {
        int n = j->n - at < PIECE ? (int)(j->n - at) : PIECE;
        memcpy(piece, j->raw->data + at * n_bytes, (size_t)n * n_bytes);
        if (j->raw->is_big_endian) swap_bytes(piece, n, n_bytes);
        types[j->raw->type].convert(piece, n, j->raw, j->out + at);
        j->n_not_finite[task] += count_not_finite(j->out + at, n);
    }
}

static med_status fail_not_finite(const char *path, const med_volume *v, size_t n_not_finite) {
    size_t at = 0, n0 = (size_t)v->grid.n[0], n1 = (size_t)v->grid.n[1];
    while (is_finite(v->voxel[at])) at++;
    return med_fail(MED_EFORMAT,
                    "%s: %zu voxel%s not finite (NaN or infinity), the first at index (%zu,%zu,%zu); "
                    "replace by finite values first",
                    path, n_not_finite, n_not_finite == 1 ? " is" : "s are", at % n0, at / n0 % n1, at / n0 / n1);
}

med_status med_voxel_convert(const char *path, med_raw_voxels raw, med_volume *v) {
    size_t n = med_grid_count(v->grid), per_task = PIECE * PIECES_PER_TASK;
    int n_tasks = (int)((n + per_task - 1) / per_task);
    job j = {&raw, v->voxel, n, med_alloc((size_t)n_tasks * sizeof(size_t))};
    med_parallel(n_tasks, convert_task, &j);
    size_t n_not_finite = 0;
    for (int t = 0; t < n_tasks; t++) n_not_finite += j.n_not_finite[t];
    free(j.n_not_finite);
    return n_not_finite && !raw.keeps_nonfinite ? fail_not_finite(path, v, n_not_finite) : MED_OK;
}
