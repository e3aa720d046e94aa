/* components.c: connected parts by union-find. Every slab of planes joins its own voxels (threads do not meet), then the
 * slabs are joined in order. A root is the smallest index of its part, so the result does not depend on the slabs. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/mask.h"

enum { SLAB = 16, MAX_NEIGHBOURS = 13 };

typedef struct job {
    const uint8_t *mask;
    int n[3], n_offsets;
    int offset[MAX_NEIGHBOURS][3]; /* of the neighbours before a voxel in memory */
    int32_t *parent;               /* -1: background */
} job;

static int32_t find_root(int32_t *parent, int32_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static void join(int32_t *parent, int32_t a, int32_t b) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

static void join_before(const job *w, int i, int j, int k, int first_k, int last_k) {
    int32_t at = (int32_t)(((size_t)k * (size_t)w->n[1] + (size_t)j) * (size_t)w->n[0] + (size_t)i);
    for (int o = 0; o < w->n_offsets; o++) {
        int x = i + w->offset[o][0], y = j + w->offset[o][1], z = k + w->offset[o][2];
        if (x < 0 || x >= w->n[0] || y < 0 || y >= w->n[1] || z < first_k || z > last_k) continue;
        int32_t other = (int32_t)(((size_t)z * (size_t)w->n[1] + (size_t)y) * (size_t)w->n[0] + (size_t)x);
        if (w->mask[other]) join(w->parent, at, other);
    }
}

static void join_plane(const job *w, int k, int first_k, int last_k) {
    const uint8_t *row = w->mask + (size_t)k * (size_t)w->n[1] * (size_t)w->n[0];
    for (int j = 0; j < w->n[1]; j++, row += w->n[0])
        for (int i = 0; i < w->n[0]; i++)
            if (row[i]) join_before(w, i, j, k, first_k, last_k);
}

static void slab_task(void *context, int slab) {
    const job *w = context;
    size_t plane = (size_t)w->n[0] * (size_t)w->n[1];
    int begin = slab * SLAB, end = begin + SLAB < w->n[2] ? begin + SLAB : w->n[2];
    for (size_t i = (size_t)begin * plane; i < (size_t)end * plane; i++) w->parent[i] = w->mask[i] ? (int32_t)i : -1;
    for (int k = begin; k < end; k++) join_plane(w, k, begin, k);
}

/* Neighbours that come earlier in memory. */
static void set_offsets(job *w, int connectivity) {
    int most = connectivity == 6 ? 1 : connectivity == 18 ? 2 : 3;
    for (int z = -1; z <= 0; z++)
        for (int y = -1; y <= 1; y++)
            for (int x = -1; x <= 1; x++) {
                int steps = abs(x) + abs(y) + abs(z);
                bool is_before = z < 0 || (z == 0 && (y < 0 || (y == 0 && x < 0)));
                if (!is_before || steps > most) continue;
                memcpy(w->offset[w->n_offsets++], (const int[3]){x, y, z}, sizeof w->offset[0]);
            }
}

/* Roots become numbers in order; a voxel's root lies before it and has its number already. */
static int number_parts(const int32_t *parent, size_t n, int32_t *label) {
    int n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        if (parent[i] < 0)
            label[i] = 0;
        else
            label[i] = parent[i] == (int32_t)i ? ++n_parts : label[parent[i]];
    }
    return n_parts;
}

med_status med_mask_label(const uint8_t *mask, const int n[3], int connectivity, int32_t *label, int *n_parts) {
    med_assert(connectivity == 6 || connectivity == 18 || connectivity == 26);
    size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    if (count > INT32_MAX) return med_fail(MED_EUSAGE, "connected parts of %zu voxels, expected less than 2^31", count);
    void *parent;
    MED_TRY(med_buffer_alloc(count * sizeof(int32_t), "connected parts", &parent));
    job w = {.mask = mask, .n = {n[0], n[1], n[2]}, .parent = parent};
    set_offsets(&w, connectivity);
    med_parallel((n[2] + SLAB - 1) / SLAB, slab_task, &w);
    for (int k = SLAB; k < n[2]; k += SLAB) join_plane(&w, k, k - 1, k);
    *n_parts = number_parts(w.parent, count, label);
    free(parent);
    return MED_OK;
}
