/* holes.c: what is enclosed by a mask, and which of its parts is the largest. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "image/mask.h"

med_status med_mask_keep_largest(uint8_t *mask, const int n[3], int connectivity) {
    size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    void *buffer;
    int n_parts;
    MED_TRY(med_buffer_alloc(count * sizeof(int32_t), "connected parts", &buffer));
    int32_t *label = buffer;
    med_status status = med_mask_label(mask, n, connectivity, label, &n_parts);
    if (status == MED_OK && n_parts > 1) {
        size_t *size = med_alloc((size_t)(n_parts + 1) * sizeof *size);
        int largest = 1;
        for (size_t i = 0; i < count; i++) size[label[i]]++;
        for (int p = 2; p <= n_parts; p++)
            if (size[p] > size[largest]) largest = p;
        for (size_t i = 0; i < count; i++) mask[i] = label[i] == largest ? mask[i] : 0;
        free(size);
    }
    free(buffer);
    return status;
}

/* Background that is reached from the border gets 1 in `outside`; a queue of indices, each entered once. With
 * in_plane, only the four neighbours in the plane count. */
typedef struct flood {
    const uint8_t *mask;
    uint8_t *outside;
    int32_t *queue;
    size_t n_queued;
} flood;

static void enter(flood *f, int32_t i) {
    if (f->mask[i] || f->outside[i]) return;
    f->outside[i] = 1;
    f->queue[f->n_queued++] = i;
}

static void flood_from_border(flood *f, const int n[3], int n_axes) {
    const int32_t step[3] = {1, n[0], n[0] * n[1]};
    for (int32_t k = 0, i = 0; k < n[2]; k++)
        for (int32_t j = 0; j < n[1]; j++)
            for (int32_t x = 0; x < n[0]; x++, i++)
                if (x == 0 || x == n[0] - 1 || j == 0 || j == n[1] - 1 || (n_axes == 3 && (k == 0 || k == n[2] - 1)))
                    enter(f, i);
    for (size_t q = 0; q < f->n_queued; q++) {
        int32_t i = f->queue[q];
        const int32_t at[3] = {i % n[0], i / n[0] % n[1], i / step[2]};
        for (int a = 0; a < n_axes; a++) {
            if (at[a] > 0) enter(f, i - step[a]);
            if (at[a] < n[a] - 1) enter(f, i + step[a]);
        }
    }
}

static void fill(flood *f, uint8_t *mask, const int n[3], int n_axes, size_t count) {
    memset(f->outside, 0, count);
    f->n_queued = 0;
    flood_from_border(f, n, n_axes);
    for (size_t i = 0; i < count; i++)
        if (!f->outside[i] && !mask[i]) mask[i] = 1;
}

med_status med_mask_fill_holes(uint8_t *mask, const int n[3]) {
    size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    void *buffer;
    if (count > INT32_MAX) return med_fail(MED_EUSAGE, "holes among %zu voxels, expected less than 2^31", count);
    MED_TRY(med_buffer_alloc(count * (sizeof(int32_t) + 1), "filling holes", &buffer));
    int32_t *queue = buffer;
    flood f = {mask, (uint8_t *)(queue + count), queue, 0};
    fill(&f, mask, n, 3, count);
    free(buffer);
    return MED_OK;
}

typedef struct planes {
    uint8_t *mask;
    int n[3];
} planes;

static void plane_task(void *context, int k) {
    const planes *p = context;
    size_t count = (size_t)p->n[0] * (size_t)p->n[1];
    int32_t *queue = med_scratch(0, count * (sizeof(int32_t) + 1));
    uint8_t *plane = p->mask + (size_t)k * count;
    flood f = {plane, (uint8_t *)(queue + count), queue, 0};
    fill(&f, plane, (const int[3]){p->n[0], p->n[1], 1}, 2, count);
}

med_status med_mask_fill_plane_holes(uint8_t *mask, const int n[3]) {
    if ((size_t)n[0] * (size_t)n[1] > INT32_MAX)
        return med_fail(MED_EUSAGE, "holes in a plane of %d x %d voxels, expected less than 2^31", n[0], n[1]);
    planes p = {mask, {n[0], n[1], n[2]}};
    med_parallel(n[2], plane_task, &p);
    return MED_OK;
}
