/* nrrd_layers.c: segmentations of 3D Slicer whose segments overlap: a list axis of layers, and for each segment its
 * layer and its value there ("Segment3_Layer:=1", "Segment3_LabelValue:=2"). */
#include "image/nrrd.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/memory.h"
#include "image/format.h"

typedef struct segment {
    int64_t layer, value;
} segment;

/* A number of segment s; false: not there. */
static bool find_number(const med_pairs *pairs, int s, const char *what, int64_t *out) {
    char key[64];
    snprintf(key, sizeof key, "Segment%d_%s", s, what);
    return med_span_to_int(med_span_trim(med_pairs_metadata(pairs, key)), out);
}

static med_status parse_segments(const char *path, const med_nrrd_header *h, int64_t n_layers, segment **out, int *n) {
    segment next;
    *n = 0;
    while (find_number(&h->pairs, *n, "LabelValue", &next.value)) ++*n;
    *out = med_alloc((size_t)(*n + 1) * sizeof **out);
    for (int s = 0; s < *n; s++) {
        segment *at = &(*out)[s];
        find_number(&h->pairs, s, "LabelValue", &at->value);
        if (!find_number(&h->pairs, s, "Layer", &at->layer) || at->layer < 0 || at->layer >= n_layers) {
            free(*out);
            *out = NULL;
            return med_fail(MED_EFORMAT, "%s: Segment%d_Layer is missing or not within the %lld layers", path, s,
                            (long long)n_layers);
        }
    }
    return MED_OK;
}

static void merge(const med_nrrd_space *space, const float *layers, const segment *segments, int n, med_volume *v) {
    size_t n_inner = (size_t)space->n_inner, n_list = (size_t)space->n_list, n_voxels = med_grid_count(v->grid);
    for (size_t i = 0; i < n_voxels; i++) {
        size_t first = i / n_inner * n_inner * n_list + i % n_inner; /* in layer 0 */
        for (int s = 0; s < n; s++)
            if (layers[first + (size_t)segments[s].layer * n_inner] == (float)segments[s].value)
                v->voxel[i] = (float)(s + 1);
    }
}

med_status med_nrrd_load_layers(const char *path, const med_mapping *map, const med_nrrd_header *h,
                                const med_nrrd_space *space, bool with_voxels, med_volume **out) {
    /* all layers as one long volume: converted and checked like any other */
    const int64_t all[3] = {(int64_t)h->payload.n_values, 1, 1};
    med_grid flat = {.affine = space->grid.affine};
    med_volume *layers;
    segment *segments;
    int n;
    MED_TRY(med_image_check_sizes(path, all, 3, flat.n));
    MED_TRY(parse_segments(path, h, space->n_list, &segments, &n));
    med_status status = med_payload_load(path, map, &h->payload, flat, with_voxels, &layers);
    if (status == MED_OK) {
        if (with_voxels)
            status = med_volume_create(space->grid, out);
        else
            *out = med_alloc(sizeof **out);
        if (status == MED_OK) {
            (*out)->grid = space->grid;
            (*out)->stored_type = h->payload.type;
            if (with_voxels) merge(space, layers->voxel, segments, n, *out);
        }
        med_volume_free(layers);
    }
    free(segments);
    return status;
}
