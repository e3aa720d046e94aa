/* phantom_parts.h: what the files of the phantom share: tissues, points, the parts of a head, the maps of a case.
 *
 * Head coordinates: millimetres, x to the right, y to the front, z up; the origin lies in the middle of the brain,
 * near the anterior commissure. A tissue mixture says how much of a voxel each tissue fills. */
#ifndef MED_DATA_PHANTOM_PARTS_H
#define MED_DATA_PHANTOM_PARTS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include "data/noise.h"
#include "data/phantom.h"

typedef enum phantom_tissue {
    T_CSF,
    T_VENTRICLE,
    T_GREY,
    T_WHITE,
    T_DEEP,
    T_VESSEL,
    T_DURA,
    T_PLEXUS,
    T_SPOT, /* CSF: around the brain; spot: bright, in white matter */
    T_SOLID,
    T_NECROSIS,
    T_RIM,
    T_OEDEMA,
    T_CYST,
    T_CALCIUM, /* tumour; rim: enhancing tissue */
    N_TISSUES
} phantom_tissue;

typedef struct phantom_mix {
    float part[N_TISSUES];
} phantom_mix; /* sums to 1 */

/* ---- points ---- */

static inline med_vec3 vec(float x, float y, float z) { return (med_vec3){x, y, z}; }
static inline med_vec3 vec_add(med_vec3 a, med_vec3 b) { return vec(a.x + b.x, a.y + b.y, a.z + b.z); }
static inline med_vec3 vec_sub(med_vec3 a, med_vec3 b) { return vec(a.x - b.x, a.y - b.y, a.z - b.z); }
static inline med_vec3 vec_scale(med_vec3 a, float s) { return vec(a.x * s, a.y * s, a.z * s); }
static inline med_vec3 vec_along(med_vec3 a, med_vec3 direction, float t) {
    return vec_add(a, vec_scale(direction, t));
}
static inline float vec_dot(med_vec3 a, med_vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline float vec_length(med_vec3 a) { return sqrtf(vec_dot(a, a)); }
static inline med_vec3 vec_unit(med_vec3 a) { return vec_scale(a, 1 / (vec_length(a) + 1e-12f)); }
static inline med_vec3 vec_cross(med_vec3 a, med_vec3 b) {
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float clampf(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }
/* How much of a voxel lies within a surface at signed distance d (negative inside). */
static inline float coverage(float d, float blur_mm) { return clampf(0.5f - 0.5f * d / blur_mm, 0, 1); }
/* Minimum with a fillet of radius k (and, with the signs changed, maximum). */
static inline float soft_min(float a, float b, float k) {
    float h = fmaxf(k - fabsf(a - b), 0);
    return fminf(a, b) - 0.25f * h * h / k;
}
/* Put tissue over what is there, covering `share` of the voxel. */
static inline void mix_over(phantom_mix *m, phantom_tissue tissue, float share) {
    if (share <= 0) return;
    for (int t = 0; t < N_TISSUES; t++) m->part[t] *= 1 - share;
    m->part[tissue] += share;
}

/* ---- healthy anatomy (phantom_anatomy.c) ---- */

typedef struct phantom_head {
    float half_width, half_length, half_height; /* of the cerebrum, mm */
    float csf_mm, sulcus_mm, cortex_mm; /* subarachnoid space, half width of a sulcus, thickness of the cortex */
    float ventricle_scale, spot_load;
    float sylvian_tilt, vessel_mm;
    med_noise warp[3], primary, secondary, vessel, detail, spots;
} phantom_head;

phantom_head phantom_head_create(uint64_t case_seed);
/* Depth below the surface of the brain, positive inside, in mm (good to some per cent near the surface). */
float phantom_head_depth(const phantom_head *head, med_vec3 p);
/* Tissues at p, where `depth` is phantom_head_depth(p) > 0. */
void phantom_head_mix(const phantom_head *head, med_vec3 p, float depth, float blur_mm, phantom_mix *m);
/* Named points of the anatomy, before a tumour displaces it. */
enum { PHANTOM_N_POINTS = 18 };
typedef struct phantom_point {
    const char *name;
    med_vec3 p;
} phantom_point;
void phantom_head_points(const phantom_head *head, phantom_point points[PHANTOM_N_POINTS]);

/* ---- tumour (phantom_tumour.c) ---- */

typedef enum phantom_tumour_kind {
    TUMOUR_GLIOBLASTOMA,
    TUMOUR_LOW_GRADE,
    TUMOUR_CYSTIC,
    TUMOUR_METASTASIS,
    N_TUMOUR_KINDS
} phantom_tumour_kind;

typedef struct phantom_tumour {
    phantom_tumour_kind kind;
    med_vec3 centre, axis[3]; /* axis: orthogonal, length = inverse stretch */
    float radius_mm, rim_mm, oedema_mm, roughness, push, margin_mm;
    float cyst_radius_mm, nodule_radius_mm;
    med_vec3 cyst, nodule;
    bool has_calcium;
    med_noise shape, inside, spread;
} phantom_tumour;

/* A tumour around `centre`. */
phantom_tumour phantom_tumour_create(uint64_t case_seed, med_vec3 centre, float largest_radius_mm);
const char *phantom_tumour_name(phantom_tumour_kind kind);
/* Where the tissue now at p was before the tumour pushed it aside; `depth` fixes the brain's surface. */
med_vec3 phantom_tumour_pull_back(const phantom_tumour *t, med_vec3 p, float depth);
/* Put the tumour over the healthy mixture. */
void phantom_tumour_mix(const phantom_tumour *t, med_vec3 p, float blur_mm, phantom_mix *m);
/* 1 core (solid, necrosis, cyst), 2 oedema, 4 enhancing, 0 none: the largest part where at least half is tumour. */
int phantom_label(const phantom_mix *m);

/* ---- one case: where the probe sits, and the maps on its grid (phantom_scene.c) ---- */

typedef struct phantom_probe {       /* convex fan in the plane of axes 0 and 1, in voxels */
    float radius, depth, half_angle; /* of the face; imaged; radians */
    float x0;
    float *y0; /* row of the face's centre, per slice */
} phantom_probe;

typedef struct phantom_scene { /* owned; phantom_scene_free */
    uint64_t seed;             /* of the case */
    int n[3];
    size_t count;
    float spacing_mm, blur_mm;
    med_vec3 origin, u, d, e; /* head position of voxel (0,0,0); lateral, depth, elevation */
    phantom_head head;
    phantom_tumour tumour;
    phantom_probe probe;
    uint8_t *part[N_TISSUES]; /* share in 1/255; all 0 outside the brain */
    uint8_t *is_brain, *is_fan, *label;
    void *memory;
} phantom_scene;

MED_CHECK med_status phantom_scene_create(const med_phantom_config *config, int case_index, phantom_scene *scene);
void phantom_scene_free(phantom_scene *scene);
static inline med_vec3 phantom_scene_at(const phantom_scene *s, float i, float j, float k) {
    float h = s->spacing_mm;
    return vec_along(vec_along(vec_along(s->origin, s->u, i * h), s->d, j * h), s->e, k * h);
}
/* Whether the middle of voxel (x, y) of slice k lies in the fan; range in voxels from the face, angle in radians. */
bool phantom_probe_polar(const phantom_probe *probe, int k, float x, float y, float *range, float *angle);
/* Mean of a property over the tissues of a voxel of the brain. */
static inline float phantom_scene_mean(const phantom_scene *s, size_t voxel, const float property[N_TISSUES]) {
    float sum = 0, total = 1e-6f;
    for (int t = 0; t < N_TISSUES; t++) {
        sum += (float)s->part[t][voxel] * property[t];
        total += (float)s->part[t][voxel];
    }
    return sum / total;
}
static inline med_rng_key phantom_key(const phantom_scene *s, const char *site, uint64_t step) {
    return (med_rng_key){s->seed, med_site_of(site), step};
}

/* ---- images (phantom_mr.c, phantom_us.c) ---- */

typedef struct phantom_mr_volumes {
    float *acquired, *target;
} phantom_mr_volumes; /* borrowed, scene->count each */
/* `mr`: one of phantom_mr_names. */
extern const char *const phantom_mr_names[]; /* NULL at the end */
void phantom_mr_draw(const phantom_scene *scene, const char *mr, phantom_mr_volumes out);

/* Acoustic properties of a tissue: scattered amplitude in dB, impedance and attenuation relative to white matter. */
typedef struct phantom_acoustics {
    float scatter_db[N_TISSUES], impedance[N_TISSUES], attenuation[N_TISSUES];
} phantom_acoustics;
typedef struct phantom_us_setting {
    phantom_acoustics acoustics;
    float axial_mm, lateral_mm, elevation_mm; /* standard deviations of the point spread at the focus */
    float focus, attenuation_db_per_cm, specular, noise_db, gain_db, range_db;
    int n_looks; /* independent speckle patterns averaged: voxels larger than a speckle hold several */
} phantom_us_setting;
phantom_us_setting phantom_us_setting_of(const phantom_scene *scene);
/* Envelope (linear, white matter about 1) in the fan, 0 outside. MED_ENOMEM. */
MED_CHECK med_status phantom_us_envelope(const phantom_scene *scene, const phantom_us_setting *setting, float *out);
/* Log compression: 1..255 in the fan, 0 outside; in place. */
void phantom_us_compress(const phantom_scene *scene, const phantom_us_setting *setting, float *image);

#endif
