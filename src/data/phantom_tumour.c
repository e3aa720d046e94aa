/* phantom_tumour.c: one tumour: a roughened ellipsoid with the inner structure of its kind, oedema in the white matter
 * around it, and the displacement of the healthy tissue by its mass. */
#include "data/phantom_parts.h"

const char *phantom_tumour_name(phantom_tumour_kind kind) {
    static const char *const names[] = {"glioblastoma", "low-grade", "cystic", "metastasis"};
    return names[kind];
}

static med_vec3 random_direction(med_rng *rng) {
    float z = (float)med_rng_range(rng, -1, 1), angle = (float)med_rng_range(rng, 0, 2 * M_PI), s = sqrtf(1 - z * z);
    return vec(s * cosf(angle), s * sinf(angle), z);
}

/* What sets the kinds apart; ranges as shares of the largest radius, or mm. */
static const struct kind_traits {
    float radius[2], rim_mm[2], oedema_mm[2], roughness, push[2], margin_mm;
} traits[N_TUMOUR_KINDS] = {
    [TUMOUR_GLIOBLASTOMA] = {{0.6f, 1}, {2, 4.5f}, {5, 14}, 0.30f, {0.4f, 0.7f}, 0.4f},
    [TUMOUR_LOW_GRADE] = {{0.55f, 1}, {0, 0}, {1, 4}, 0.34f, {0.2f, 0.5f}, 1.6f},
    [TUMOUR_CYSTIC] = {{0.55f, 0.9f}, {0.8f, 1.6f}, {1.5f, 6}, 0.12f, {0.5f, 0.75f}, 0.2f},
    [TUMOUR_METASTASIS] = {{0.4f, 0.65f}, {3.5f, 7}, {8, 18}, 0.14f, {0.4f, 0.7f}, 0.2f},
};

phantom_tumour phantom_tumour_create(uint64_t case_seed, med_vec3 centre, float largest_radius_mm) {
    med_rng rng = med_rng_start((med_rng_key){case_seed, med_site_of("phantom/tumour"), 0});
    double draw = med_rng_uniform(&rng);
    phantom_tumour t = {.centre = centre};
    t.kind = draw < 0.4    ? TUMOUR_GLIOBLASTOMA
             : draw < 0.7  ? TUMOUR_LOW_GRADE
             : draw < 0.85 ? TUMOUR_CYSTIC
                           : TUMOUR_METASTASIS;
    const struct kind_traits *k = &traits[t.kind];
    t.radius_mm = largest_radius_mm * (float)med_rng_range(&rng, k->radius[0], k->radius[1]);
    t.rim_mm = fminf((float)med_rng_range(&rng, k->rim_mm[0], k->rim_mm[1]), 0.45f * t.radius_mm);
    t.oedema_mm = fminf((float)med_rng_range(&rng, k->oedema_mm[0], k->oedema_mm[1]), 1.2f * t.radius_mm);
    t.roughness = k->roughness;
    t.push = (float)med_rng_range(&rng, k->push[0], k->push[1]);
    t.margin_mm = k->margin_mm;
    t.has_calcium = t.kind == TUMOUR_LOW_GRADE && med_rng_uniform(&rng) < 0.35;

    med_vec3 a = random_direction(&rng), b = vec_unit(vec_cross(a, random_direction(&rng))), c = vec_cross(a, b);
    t.axis[0] = vec_scale(a, 1 / (float)med_rng_range(&rng, 1, 1.35));
    t.axis[1] = vec_scale(b, 1 / (float)med_rng_range(&rng, 0.85, 1.1));
    t.axis[2] = vec_scale(c, 1 / (float)med_rng_range(&rng, 0.8, 1));
    bool has_cyst = t.kind == TUMOUR_GLIOBLASTOMA && med_rng_uniform(&rng) < 0.3;
    t.cyst_radius_mm = has_cyst ? t.radius_mm * (float)med_rng_range(&rng, 0.3, 0.5) : 0;
    t.cyst = vec_along(centre, random_direction(&rng), 0.35f * t.radius_mm);
    t.nodule_radius_mm = t.kind == TUMOUR_CYSTIC ? t.radius_mm * (float)med_rng_range(&rng, 0.3, 0.5) : 0;
    t.nodule = vec_along(centre, random_direction(&rng), 0.8f * t.radius_mm);
    med_noise *noises[] = {&t.shape, &t.inside, &t.spread};
    for (int i = 0; i < 3; i++)
        *noises[i] = med_noise_create((med_rng_key){case_seed, med_site_of("phantom/tumour/noise"), (uint64_t)i});
    return t;
}

/* The mass of a ball of radius push * radius came in at the centre; tissue around it keeps its volume. The surface of
 * the brain stays (there is a skull): the displacement fades within 12 mm of it. */
med_vec3 phantom_tumour_pull_back(const phantom_tumour *t, med_vec3 p, float depth) {
    med_vec3 v = vec_sub(p, t->centre);
    float r = vec_length(v), ball = t->push * t->radius_mm;
    if (r > 6 * ball || r < 1e-3f) return p;
    float before = cbrtf(fmaxf(r * r * r - ball * ball * ball, 0));
    float fade = clampf(depth / 12, 0, 1) * clampf((6 * ball - r) / (2 * ball), 0, 1);
    return vec_along(p, vec_scale(v, 1 / r), (before - r) * fade);
}

/* Distance to the tumour's border, negative inside. */
static float border(const phantom_tumour *t, med_vec3 p) {
    med_vec3 v = vec_sub(p, t->centre);
    med_vec3 stretched = vec(vec_dot(v, t->axis[0]), vec_dot(v, t->axis[1]), vec_dot(v, t->axis[2]));
    float r = vec_length(stretched), wave = 1 / t->radius_mm;
    float bumps =
        med_noise_at(&t->shape, vec_scale(p, wave)) + 0.4f * med_noise_at(&t->shape, vec_scale(p, 2.7f * wave));
    return r - t->radius_mm * (1 + 1.6f * t->roughness * bumps);
}

static void mix_inside(const phantom_tumour *t, med_vec3 p, float d, float blur, phantom_mix *m) {
    float patch = med_noise_at(&t->inside, vec_scale(p, 1 / 8.0f));
    float body = coverage(d, blur + t->margin_mm);
    float cyst = vec_length(vec_sub(p, t->cyst)) - t->cyst_radius_mm,
          nodule = vec_length(vec_sub(p, t->nodule)) - t->nodule_radius_mm;
    switch (t->kind) {
    case TUMOUR_GLIOBLASTOMA:
    case TUMOUR_METASTASIS: {
        float rim = t->rim_mm * clampf(1 + 1.6f * patch, 0.25f, 2);
        mix_over(m, T_RIM, body);
        mix_over(m, T_NECROSIS, coverage(d + rim, blur));
        if (t->cyst_radius_mm > 0) mix_over(m, T_CYST, coverage(fmaxf(cyst, d + t->rim_mm), blur));
        break;
    }
    case TUMOUR_LOW_GRADE: {
        mix_over(m, T_SOLID, body);
        float grains = med_noise_at(&t->inside, vec_scale(p, 1 / 3.5f));
        if (t->has_calcium)
            mix_over(m, T_CALCIUM, coverage(fmaxf((0.42f - grains) * 5, d + 2), blur) * (patch > 0.05f));
        break;
    }
    default:
        mix_over(m, T_RIM, body);
        mix_over(m, T_CYST, coverage(d + t->rim_mm, blur));
        mix_over(m, T_RIM, coverage(fmaxf(nodule, d), blur));
    }
}

void phantom_tumour_mix(const phantom_tumour *t, med_vec3 p, float blur, phantom_mix *m) {
    float reach = 1.8f * t->radius_mm + 1.6f * t->oedema_mm + 4;
    if (vec_length(vec_sub(p, t->centre)) > reach) return;
    float d = border(t, p);
    float fingers =
        med_noise_at(&t->spread, vec_scale(p, 1 / 15.0f)) + 0.5f * med_noise_at(&t->spread, vec_scale(p, 1 / 6.0f));
    float water = coverage(d - t->oedema_mm * clampf(1 + 1.6f * fingers, 0, 2), blur + 1);
    float share = water * m->part[T_WHITE]; /* oedema follows the white matter and spares the cortex */
    m->part[T_WHITE] -= share;
    m->part[T_OEDEMA] += share;
    if (d < blur + t->margin_mm) mix_inside(t, p, d, blur, m);
}

int phantom_label(const phantom_mix *m) {
    float enhancing = m->part[T_RIM], oedema = m->part[T_OEDEMA];
    float core = m->part[T_SOLID] + m->part[T_NECROSIS] + m->part[T_CYST] + m->part[T_CALCIUM];
    if (core + enhancing + oedema < 0.5f) return 0;
    if (core >= enhancing && core >= oedema) return 1;
    return enhancing >= oedema ? 4 : 2;
}
