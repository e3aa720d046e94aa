/* phantom_scene.c: one case as tissue maps on its grid: a head, a tumour in it, a probe on the surface above the tumour.
 *
 * The probe is the default of the virtual sweeps (convex, 29 mm radius, 30 degrees to each side, 65 mm deep on 96 mm),
 * scaled to the volume. It is moved along axis 2 in contact with the surface, so the fan's row changes from slice to
 * slice. The probe sits at the low end of axis 1. */
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "data/phantom_parts.h"

enum {
    PRESET_ROWS = 140,
    PRESET_COLUMNS = 192,
    PRESET_FACE_ROW = 8,
    PRESET_RADIUS = 58,
    PRESET_DEPTH = 130
}; /* 0.5 mm pixels */

static med_rng scene_rng(const phantom_scene *s, const char *site) { return med_rng_start(phantom_key(s, site, 0)); }

/* Distance from p, inside, to the surface of the brain along a direction. */
static float surface_along(const phantom_head *head, med_vec3 p, med_vec3 direction) {
    float inside = 0, outside = 1;
    while (outside < 200 && phantom_head_depth(head, vec_along(p, direction, outside)) > 0) inside = outside++;
    for (int turn = 0; turn < 12; turn++) {
        float middle = 0.5f * (inside + outside);
        if (phantom_head_depth(head, vec_along(p, direction, middle)) > 0)
            inside = middle;
        else
            outside = middle;
    }
    return inside;
}

/* A place in the convexity of one hemisphere, not at the base and not at the midline. */
static med_vec3 draw_outward(med_rng *rng) {
    for (;;) {
        float up = (float)med_rng_range(rng, 0.15, 0.95), angle = (float)med_rng_range(rng, 0, 2 * M_PI),
              s = sqrtf(1 - up * up);
        med_vec3 o = vec(s * cosf(angle), s * sinf(angle), up);
        if (fabsf(o.x) > 0.3f) return o;
    }
}

/* The tumour below a place of the surface, and the probe's axes: depth through the tumour, lateral near one of the
 * head's axes, turned at will. Returns the place of the probe's face. */
static med_vec3 place_tumour_and_probe(phantom_scene *s) {
    med_rng rng = scene_rng(s, "phantom/pose");
    float fan_mm = s->probe.depth * s->spacing_mm;
    med_vec3 inner = vec(0, -12, 14), outward = draw_outward(&rng);
    float to_surface = surface_along(&s->head, inner, outward);
    float largest = fminf(19, 0.3f * fan_mm);
    float deep = clampf(fan_mm * (float)med_rng_range(&rng, 0.28, 0.5), 0.8f * largest, 0.62f * to_surface);
    deep = fminf(deep, largest + 22);
    med_vec3 centre = vec_along(inner, outward, to_surface - deep);
    float off_midline = largest * 0.7f;
    if (fabsf(centre.x) < off_midline) centre.x = outward.x < 0 ? -off_midline : off_midline;
    s->tumour = phantom_tumour_create(s->seed, centre, largest);

    med_vec3 tilt = vec((float)med_rng_normal(&rng), (float)med_rng_normal(&rng), (float)med_rng_normal(&rng));
    med_vec3 entry = vec_unit(vec_along(outward, tilt, 0.1f));
    s->d = vec_scale(entry, -1);
    med_vec3 reference = med_rng_uniform(&rng) < 0.5 ? vec(0, 1, 0)
                         : fabsf(s->d.z) < 0.75f     ? vec(0, 0, 1)
                                                     : vec(1, 0, 0);
    med_vec3 a = vec_unit(vec_sub(reference, vec_scale(s->d, vec_dot(reference, s->d)))), b = vec_cross(s->d, a);
    float turn = (float)med_rng_range(&rng, -0.5, 0.5) + (med_rng_uniform(&rng) < 0.5 ? 0 : (float)M_PI);
    s->u = vec_unit(vec_add(vec_scale(a, cosf(turn)), vec_scale(b, sinf(turn))));
    s->e = vec_cross(s->u, s->d);
    float pressed_mm = 0.8f;
    return vec_along(centre, entry, surface_along(&s->head, centre, entry) - pressed_mm);
}

static void set_probe_size(phantom_scene *s) {
    float scale = fminf((float)s->n[0] / PRESET_COLUMNS, (float)s->n[1] / PRESET_ROWS);
    s->probe.radius = PRESET_RADIUS * scale;
    s->probe.depth = PRESET_DEPTH * scale;
    s->probe.half_angle = (float)(M_PI / 6);
    s->probe.x0 = 0.5f * (float)(s->n[0] - 1);
}

/* Per slice the row where the middle of the face touches the brain; slices beside the brain keep their neighbour's. */
static void slide_probe(phantom_scene *s, float middle_row) {
    int middle = s->n[2] / 2;
    float largest = middle_row + 0.35f * (float)s->n[1];
    for (int step = 0; step < s->n[2]; step++) {
        int k = step <= middle ? middle - step : step; /* down from the middle to 0, then up */
        int from = step == 0 ? -1 : step <= middle ? k + 1 : step == middle + 1 ? middle : k - 1;
        float row = from < 0 ? middle_row : s->probe.y0[from], limit = row + 3;
        while (row > 0 && phantom_head_depth(&s->head, phantom_scene_at(s, s->probe.x0, row, (float)k)) > 0.8f)
            row -= 0.25f;
        while (row < limit && phantom_head_depth(&s->head, phantom_scene_at(s, s->probe.x0, row, (float)k)) < 0.8f)
            row += 0.25f;
        s->probe.y0[k] = clampf(row, 0, largest);
    }
}

bool phantom_probe_polar(const phantom_probe *probe, int k, float x, float y, float *range, float *angle) {
    float dx = x - probe->x0, dy = y - probe->y0[k] + probe->radius;
    *range = hypotf(dx, dy) - probe->radius;
    *angle = atan2f(dx, dy);
    return *range >= 0 && *range <= probe->depth && fabsf(*angle) <= probe->half_angle;
}

static void map_voxel(phantom_scene *s, size_t at, med_vec3 p) {
    float depth = phantom_head_depth(&s->head, p);
    if (depth <= 0) return;
    phantom_mix m;
    phantom_head_mix(&s->head, phantom_tumour_pull_back(&s->tumour, p, depth), depth, s->blur_mm, &m);
    phantom_tumour_mix(&s->tumour, p, s->blur_mm, &m);
    s->is_brain[at] = 1;
    s->label[at] = (uint8_t)phantom_label(&m);
    for (int t = 0; t < N_TISSUES; t++) s->part[t][at] = (uint8_t)(255 * m.part[t] + 0.5f);
}

typedef struct map_job {
    phantom_scene *scene;
    bool is_fan_enough;
} map_job;
static void map_slice(void *context, int k) {
    map_job *job = context;
    phantom_scene *s = job->scene;
    for (int j = 0; j < s->n[1]; j++)
        for (int i = 0; i < s->n[0]; i++) {
            size_t at = ((size_t)k * (size_t)s->n[1] + (size_t)j) * (size_t)s->n[0] + (size_t)i;
            float range, angle;
            s->is_fan[at] = phantom_probe_polar(&s->probe, k, (float)i, (float)j, &range, &angle);
            /* Two voxels around the fan are kept for gradients and interpolation. */
            bool is_near = range > -2.5f && range < s->probe.depth + 2.5f &&
                           (fabsf(angle) - s->probe.half_angle) * (range + s->probe.radius) < 2.5f;
            if (is_near || !job->is_fan_enough) map_voxel(s, at, phantom_scene_at(s, (float)i, (float)j, (float)k));
        }
}

static med_status allocate(phantom_scene *s) {
    int n_maps = N_TISSUES + 3;
    size_t rows = (size_t)s->n[2] * sizeof(float), total = (size_t)n_maps * s->count + rows;
    MED_TRY(med_buffer_alloc(total, "tissue maps of a phantom", &s->memory));
    memset(s->memory, 0, total);
    s->probe.y0 = s->memory;
    uint8_t *map = (uint8_t *)s->memory + rows;
    for (int t = 0; t < N_TISSUES; t++, map += s->count) s->part[t] = map;
    s->is_brain = map;
    s->is_fan = map + s->count;
    s->label = map + 2 * s->count;
    return MED_OK;
}

med_status phantom_scene_create(const med_phantom_config *config, int case_index, phantom_scene *s) {
    *s = (phantom_scene){.spacing_mm = (float)config->spacing_mm, .blur_mm = 0.6f * (float)config->spacing_mm};
    uint32_t words[4];
    med_philox((med_rng_key){config->seed, med_site_of("phantom/case"), (uint64_t)case_index}, 0, words);
    s->seed = (uint64_t)words[0] << 32 | words[1];
    memcpy(s->n, config->size, sizeof s->n);
    s->count = (size_t)s->n[0] * (size_t)s->n[1] * (size_t)s->n[2];
    MED_TRY(allocate(s));

    s->head = phantom_head_create(s->seed);
    set_probe_size(s);
    med_vec3 face = place_tumour_and_probe(s);
    float middle_row = s->probe.radius * ((float)PRESET_FACE_ROW / PRESET_RADIUS), middle = (float)(s->n[2] / 2),
          h = s->spacing_mm;
    s->origin = vec_along(vec_along(vec_along(face, s->u, -s->probe.x0 * h), s->d, -middle_row * h), s->e, -middle * h);
    slide_probe(s, middle_row);
    map_job job = {s, config->is_cut_to_fan};
    med_parallel(s->n[2], map_slice, &job);
    return MED_OK;
}

void phantom_scene_free(phantom_scene *s) {
    free(s->memory);
    s->memory = NULL;
}
