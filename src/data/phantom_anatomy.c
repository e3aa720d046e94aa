/* phantom_anatomy.c: the healthy brain as distance fields: cerebrum with folded cortex, fissures, ventricles, deep
 * nuclei, falx, vessels, cerebellum, brain stem.
 *
 * Sulci are sheets that stand on the surface: the zero set of a noise that hardly changes along the radius. Its value
 * over its gradient is the distance to the sheet; a sheet ends at a depth. Whatever is nearer than half a sulcus' width
 * is CSF, then follows the cortex, then white matter; so the cortical ribbon follows every fold. Veins run in the sulci:
 * where a second noise vanishes on the sheet. */
#include "data/phantom_parts.h"

static const med_vec3 core_centre = {0, -10, 2},
                      core_half = {30, 42, 23}; /* no midline fissure inside: callosum, nuclei */

phantom_head phantom_head_create(uint64_t case_seed) {
    med_rng rng = med_rng_start((med_rng_key){case_seed, med_site_of("phantom/head"), 0});
    float atrophy = (float)med_rng_range(&rng, 0, 1);
    phantom_head head = {
        .half_width = (float)med_rng_range(&rng, 63, 70),
        .half_length = (float)med_rng_range(&rng, 81, 89),
        .half_height = (float)med_rng_range(&rng, 57, 63),
        .csf_mm = 0.8f + 1.4f * atrophy,
        .sulcus_mm = 0.35f + 0.7f * atrophy,
        .cortex_mm = (float)med_rng_range(&rng, 2.3, 3.0),
        .ventricle_scale = 0.75f + 0.5f * atrophy + (float)med_rng_range(&rng, 0, 0.35),
        .spot_load = (float)med_rng_range(&rng, 0, 1),
        .sylvian_tilt = (float)med_rng_range(&rng, 0.15, 0.4),
        .vessel_mm = (float)med_rng_range(&rng, 0.45, 0.9),
    };
    med_noise *noises[] = {&head.warp[0],   &head.warp[1], &head.warp[2], &head.primary,
                           &head.secondary, &head.vessel,  &head.detail,  &head.spots};
    for (int i = 0; i < (int)(sizeof noises / sizeof *noises); i++)
        *noises[i] = med_noise_create((med_rng_key){case_seed, med_site_of("phantom/head/noise"), (uint64_t)i});
    return head;
}

/* ---- distances ---- */

/* To an ellipsoid: exact on the surface, first order near it. */
static float ellipsoid(med_vec3 p, med_vec3 centre, med_vec3 half) {
    med_vec3 a = vec_sub(p, centre), b = vec(a.x / half.x, a.y / half.y, a.z / half.z),
             c = vec(b.x / half.x, b.y / half.y, b.z / half.z);
    float k = vec_length(b);
    return k * (k - 1) / (vec_length(c) + 1e-6f);
}

/* To a tube from a to b whose radius goes from ra to rb. */
static float tube(med_vec3 p, med_vec3 a, med_vec3 b, float ra, float rb) {
    med_vec3 ab = vec_sub(b, a), ap = vec_sub(p, a);
    float t = clampf(vec_dot(ap, ab) / vec_dot(ab, ab), 0, 1);
    return vec_length(vec_sub(ap, vec_scale(ab, t))) - (ra + t * (rb - ra));
}

/* Slow bending of the whole anatomy: no two heads have the same outline or ventricles. */
static med_vec3 bend(const phantom_head *head, med_vec3 p) {
    med_vec3 q = vec_scale(p, 1 / 62.0f);
    return vec(p.x + 9 * med_noise_at(&head->warp[0], q), p.y + 9 * med_noise_at(&head->warp[1], q),
               p.z + 9 * med_noise_at(&head->warp[2], q));
}

static float cerebrum(const phantom_head *head, med_vec3 q) {
    float d = ellipsoid(q, vec(0, -14, 13), vec(head->half_width, head->half_length, head->half_height));
    float base = -q.z - 36 + 0.35f * fmaxf(q.y - 5, 0); /* temporal and, higher, orbitofrontal base */
    return -soft_min(-d, -base, 14);
}
static float cerebellum(med_vec3 q) { return ellipsoid(q, vec(0, -64, -40), vec(48, 30, 24)); }
static float stem(med_vec3 q) { return tube(q, vec(0, -22, -12), vec(0, -36, -72), 15, 11); }

float phantom_head_depth(const phantom_head *head, med_vec3 p) {
    med_vec3 q = bend(head, p);
    return -fminf(cerebrum(head, q), fminf(cerebellum(q), stem(q)));
}

/* ---- cortex ---- */

typedef struct folds {
    float surface; /* distance to the nearest pial surface, negative in CSF */
    float artery;  /* distance to the nearest vessel's wall, negative inside */
} folds;

/* `core`: distance to the region around callosum and nuclei where the hemispheres are joined. */
static float midline_fissure(med_vec3 q, float core) { return core >= 0 ? fabsf(q.x) : hypotf(q.x, core); }

/* Sylvian fissure with the insula at its bottom: a T of two sheets. */
static float sylvian_fissure(const phantom_head *head, med_vec3 q, float ruffle) {
    float x = fabsf(q.x), level = -4 - head->sylvian_tilt * (q.y - 10), off = q.z - level + 14 * ruffle;
    float along = fmaxf(fabsf(q.y + 6) - 34, 0);
    float stemmed = hypotf(off, hypotf(fmaxf(40 - x, 0), along));
    float insula = hypotf(x - 39, hypotf(fmaxf(fabsf(off) - 11, 0), fmaxf(fabsf(q.y - 2) - 20, 0)));
    return fminf(stemmed, insula);
}

/* Distance to the sheet where the noise vanishes; `stretch`: mm in the head per mm in the noise's domain. */
static float sheet_distance(const med_noise *noise, med_vec3 domain, float wave_mm, float stretch) {
    med_vec3 slope;
    float value = med_noise_with_gradient(noise, vec_scale(domain, 1 / wave_mm), &slope);
    return fabsf(value) * wave_mm * stretch / sqrtf(vec_dot(slope, slope) + 0.04f);
}

static folds cortical_folds(const phantom_head *head, med_vec3 q, float depth, float core) {
    float side = q.x < 0 ? -1.0f : 1.0f;
    med_vec3 v = vec_sub(q, vec(side * 27, -14, 8));
    float rho = sqrtf(v.x * v.x / (40 * 40) + v.y * v.y / (86 * 86) + v.z * v.z / (58 * 58)) + 0.05f;
    float stretch = sqrtf(rho) * sqrtf(sqrtf(rho)); /* rho^(3/4): sheets lean a little against the radius */
    med_vec3 domain = vec_scale(v, 1 / stretch);
    domain.x += side * 211; /* the hemispheres fold differently */
    float ruffle = med_noise_at(&head->detail, vec_scale(q, 1 / 17.0f));
    float fissure = midline_fissure(q, core), pial_depth = fminf(depth, fissure);
    float joined = fmaxf(7 + 8 * ruffle - core, 0); /* no sulcus reaches the callosum */
    float primary = sheet_distance(&head->primary, domain, 27, stretch),
          secondary = sheet_distance(&head->secondary, domain, 14, stretch);
    float half_width = head->sulcus_mm * (0.7f + 1.2f * expf(-0.25f * pial_depth));
    float floor_primary = 17 + 14 * ruffle, floor_secondary = 9 + 10 * ruffle;

    folds f = {.artery = 1e3f};
    float crown = soft_min(depth - head->csf_mm, fissure - 1.4f, 2);
    float sulcus = hypotf(primary, fmaxf(pial_depth - floor_primary, joined)) - half_width * 1.3f;
    sulcus = soft_min(sulcus, hypotf(secondary, fmaxf(pial_depth - floor_secondary, joined)) - half_width, 1.5f);
    f.surface = soft_min(crown, fminf(sulcus, sylvian_fissure(head, q, ruffle) - 1.1f - head->sulcus_mm), 3);

    if (fminf(primary, pial_depth) < 3 && pial_depth < floor_primary && joined == 0) {
        float across = sheet_distance(&head->vessel, domain, 24, stretch);
        float in_sulcus = hypotf(primary, across), on_surface = hypotf(pial_depth - 0.5f * head->csf_mm, across);
        f.artery = fminf(in_sulcus, on_surface) - head->vessel_mm * (1 + ruffle);
    }
    return f;
}

/* ---- deep structures ---- */

typedef struct tube_part {
    med_vec3 a, b;
    float ra, rb;
} tube_part;
static const tube_part ventricle_parts[] = {
    /* right side, x > 0; radii at scale 1 */
    {{11, 33, 5}, {9, 12, 14}, 2.5f, 4}, {{9, 12, 14}, {12, -18, 19}, 4, 4.5f},  {{12, -18, 19}, {23, -42, 9}, 4.5f, 7},
    {{23, -42, 9}, {21, -66, 3}, 6, 2},  {{23, -42, 9}, {33, -28, -9}, 6.5f, 3}, {{33, -28, -9}, {31, -8, -17}, 3, 2},
};
enum { N_VENTRICLE_PARTS = sizeof ventricle_parts / sizeof *ventricle_parts };

static float lateral_ventricle(const phantom_head *head, med_vec3 q) {
    float d = 1e3f;
    for (int i = 0; i < N_VENTRICLE_PARTS; i++) {
        const tube_part *t = &ventricle_parts[i];
        d = soft_min(d, tube(q, t->a, t->b, t->ra * head->ventricle_scale, t->rb * head->ventricle_scale), 3);
    }
    return fmaxf(d, 1.2f - fabsf(q.x)); /* septum */
}

static void mix_deep(const phantom_head *head, med_vec3 q, float blur, phantom_mix *m) {
    if (fabsf(q.x) > 46 || fabsf(q.y + 15) > 62 || q.z < -27 || q.z > 36) return;
    med_vec3 r = vec(fabsf(q.x), q.y, q.z); /* the right side stands for both */
    float caudate =
        fminf(ellipsoid(r, vec(15, 18, 7), vec(5, 11, 9)), tube(r, vec(16, 10, 15), vec(20, -22, 19), 4, 2));
    float nuclei = fminf(ellipsoid(r, vec(11, -18, 6), vec(8.5f, 14, 9)),
                         fminf(caudate, ellipsoid(r, vec(26, 2, 1), vec(7, 17, 10))));
    float ventricle = lateral_ventricle(head, r),
          third = ellipsoid(q, vec(0, -9, -1), vec(1.6f + head->ventricle_scale, 13, 10));
    mix_over(m, T_DEEP, coverage(nuclei, blur));
    mix_over(m, T_VENTRICLE, coverage(fminf(ventricle, third), blur));
    float tuft =
        ellipsoid(r, vec(22, -38, 9), vec(3.5f, 8, 3.5f)) + 3 * med_noise_at(&head->detail, vec_scale(q, 1 / 4.0f));
    if (tuft < blur) mix_over(m, T_PLEXUS, coverage(fmaxf(tuft, ventricle + 0.5f), blur));

    /* Small bright spots of ageing: around the ventricles and scattered. Only MR sees them. */
    float near = expf(-fmaxf(ventricle, 0) / 7), field = med_noise_at(&head->spots, vec_scale(q, 1 / 7.0f));
    float spot = coverage((0.68f - 0.2f * head->spot_load - 0.35f * near * head->spot_load - field) * 7, blur + 1) *
                 m->part[T_WHITE];
    m->part[T_WHITE] -= spot;
    m->part[T_SPOT] += spot;
}

/* Cortex of the cerebellum: thin leaves around its stalk, deeper ones between groups of leaves. */
static void mix_cerebellum(const phantom_head *head, med_vec3 q, float d, float blur, phantom_mix *m) {
    med_vec3 v = vec_sub(q, vec(0, -52, -38));
    float turn = atan2f(v.z, -v.y) * 26 + 5 * med_noise_at(&head->detail, vec_scale(q, 1 / 20.0f)),
          rho = hypotf(v.y, v.z) / 26 + 0.1f;
    float leaf = fabsf(turn / 3.6f - rintf(turn / 3.6f)) * 3.6f * rho,
          group = fabsf(turn / 10.8f - rintf(turn / 10.8f)) * 10.8f * rho;
    float leaf_sheet = hypotf(leaf, fmaxf(-d - 7, 0)) - 0.2f, group_sheet = hypotf(group, fmaxf(-d - 15, 0)) - 0.3f;
    float surface = fminf(-d - 1, fminf(leaf_sheet, group_sheet));
    *m = (phantom_mix){{0}};
    m->part[T_WHITE] = 1;
    mix_over(m, T_GREY, coverage(surface - 1.3f, blur));
    mix_over(m, T_CSF, coverage(surface, blur));
}

/* ---- all together ---- */

void phantom_head_mix(const phantom_head *head, med_vec3 p, float depth, float blur, phantom_mix *m) {
    med_vec3 q = bend(head, p);
    float below = cerebellum(q), brain_stem = stem(q), cover = cerebrum(head, q);
    *m = (phantom_mix){{0}};
    m->part[T_WHITE] = 1;
    if (below < 0 && below < cover + 30) {
        mix_cerebellum(head, q, below, blur, m);
        return;
    }
    if (cover > 0) { /* brain stem below the cerebrum */
        mix_over(m, T_DEEP, 0.6f);
        mix_over(m, T_CSF, coverage(depth - 1, blur));
        return;
    }
    float core = ellipsoid(q, core_centre, core_half);
    folds f = cortical_folds(head, q, depth, core);
    f.surface = fminf(f.surface, fmaxf(below - 3, 3 - brain_stem)); /* cistern above the cerebellum, not in the stem */
    mix_over(m, T_GREY, coverage(f.surface - head->cortex_mm, blur));
    mix_deep(head, q, blur, m);
    mix_over(m, T_DEEP, 0.6f * coverage(fmaxf(brain_stem, q.z + 10), blur + 2));
    if (f.surface < blur) mix_over(m, T_CSF, coverage(f.surface, blur));

    bool is_falx_region = q.z > -12 && core > 4;
    float falx = is_falx_region ? fabsf(q.x) - 0.55f : 1e3f, tent = fabsf(below - 1.6f) - 0.5f;
    mix_over(m, T_DURA, coverage(fminf(falx, tent), blur));
    float sinus = is_falx_region && q.z > 0 ? hypotf(q.x, depth - 2.6f) - 2.7f : 1e3f;
    mix_over(m, T_VESSEL, coverage(fminf(f.artery, sinus), blur));
}

void phantom_head_points(const phantom_head *head, phantom_point points[PHANTOM_N_POINTS]) {
    static const phantom_point of_right[] = {
        {"frontal-horn", {11, 33, 5}},    {"ventricle-body", {12, -18, 19}}, {"atrium", {23, -42, 9}},
        {"occipital-horn", {21, -66, 3}}, {"temporal-horn", {31, -8, -17}},  {"thalamus", {11, -18, 6}},
        {"caudate-head", {15, 18, 7}},    {"lentiform", {26, 2, 1}},         {"insula", {39, 2, 0}},
    };
    static const char *const left[] = {"frontal-horn-left",   "ventricle-body-left", "atrium-left",
                                       "occipital-horn-left", "temporal-horn-left",  "thalamus-left",
                                       "caudate-head-left",   "lentiform-left",      "insula-left"};
    for (int i = 0; i < PHANTOM_N_POINTS; i++) {
        bool is_left = i >= PHANTOM_N_POINTS / 2;
        points[i] = of_right[i % (PHANTOM_N_POINTS / 2)];
        med_vec3 aim = points[i].p;
        if (is_left) {
            points[i].name = left[i - PHANTOM_N_POINTS / 2];
            aim.x = -aim.x;
        }
        med_vec3 p = aim; /* bend(p) = aim, by fixed point: the bending is a contraction */
        for (int turn = 0; turn < 12; turn++) p = vec_add(p, vec_sub(aim, bend(head, p)));
        points[i].p = p;
    }
}
