/* phantom.c: one case of the phantom as volumes in patient space: which modalities it lacks, its images by
 * phantom_mr.c and phantom_us.c, label, field of view and landmarks. */
#include "data/phantom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "data/phantom_parts.h"

enum { SMALLEST = 8 }; /* voxels per axis */

static bool is_us(const char *mod) { return strcmp(mod, "us") == 0; }

static bool is_known(const char *mod) {
    if (is_us(mod)) return true;
    for (int i = 0; phantom_mr_names[i]; i++)
        if (strcmp(mod, phantom_mr_names[i]) == 0) return true;
    return false;
}

med_status med_phantom_check(const med_phantom_config *config) {
    int n_mr = 0;
    for (int i = 0; i < 3; i++)
        if (config->size[i] < SMALLEST || config->size[i] > 1024)
            return med_fail(MED_EUSAGE, "size %d,%d,%d: each axis of a phantom has %d to 1024 voxels", config->size[0],
                            config->size[1], config->size[2], SMALLEST);
    if (!(config->spacing_mm >= 0.1 && config->spacing_mm <= 10))
        return med_fail(MED_EUSAGE, "spacing %g mm: a phantom needs 0.1 to 10 mm", config->spacing_mm);
    if (!(config->missing >= 0 && config->missing <= 1))
        return med_fail(MED_EUSAGE, "missing %g: expected a probability, 0 to 1", config->missing);
    if (config->n_mods < 1 || config->n_mods > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "a phantom needs 1 to %d modalities, found %d", MED_MAX_MODS, config->n_mods);
    for (int i = 0; i < config->n_mods; i++) {
        if (!is_known(config->mods[i]))
            return med_fail(MED_EUSAGE, "modality '%s': a phantom can draw us, t2, cet1, flair, t1", config->mods[i]);
        for (int j = 0; j < i; j++)
            if (strcmp(config->mods[i], config->mods[j]) == 0)
                return med_fail(MED_EUSAGE, "modality '%s' is named twice", config->mods[i]);
        n_mr += !is_us(config->mods[i]);
    }
    if (n_mr == 0) return med_fail(MED_EUSAGE, "a phantom needs at least one MR modality (t2, cet1, flair, t1)");
    return MED_OK;
}

/* Each MR is missing by its own draw, whichever others are asked for; one is kept when all would be. */
static med_modset draw_observed(const med_phantom_config *config, const phantom_scene *s) {
    med_modset observed = 0, mr = 0;
    for (int j = 0; j < config->n_mods; j++) {
        if (is_us(config->mods[j])) {
            observed |= med_modset_of(j);
            continue;
        }
        mr |= med_modset_of(j);
        med_rng rng = med_rng_start(phantom_key(s, "phantom/missing", med_site_of(config->mods[j])));
        if (med_rng_uniform(&rng) >= config->missing) observed |= med_modset_of(j);
    }
    if (observed & mr) return observed;
    med_rng rng = med_rng_start(phantom_key(s, "phantom/kept", 0));
    for (uint32_t skip = med_rng_below(&rng, (uint32_t)med_modset_count(mr)); skip > 0; skip--) mr &= mr - 1;
    return observed | (mr & -mr);
}

/* ---- geometry ---- */

/* Patient space is head space shifted: no one lies in the middle of a scanner. */
static med_vec3 table_offset(const phantom_scene *s) {
    med_rng rng = med_rng_start(phantom_key(s, "phantom/table", 0));
    return vec((float)med_rng_range(&rng, -30, 30), (float)med_rng_range(&rng, -40, 40),
               (float)med_rng_range(&rng, -60, 60));
}

static med_grid grid_of(const phantom_scene *s) {
    med_grid grid = {.n = {s->n[0], s->n[1], s->n[2]}};
    med_vec3 at = vec_add(s->origin, table_offset(s)), axis[3] = {s->u, s->d, s->e};
    for (int a = 0; a < 3; a++) {
        grid.affine.m[0][a] = (double)axis[a].x * (double)s->spacing_mm;
        grid.affine.m[1][a] = (double)axis[a].y * (double)s->spacing_mm;
        grid.affine.m[2][a] = (double)axis[a].z * (double)s->spacing_mm;
    }
    grid.affine.m[0][3] = (double)at.x;
    grid.affine.m[1][3] = (double)at.y;
    grid.affine.m[2][3] = (double)at.z;
    grid.affine.m[3][3] = 1;
    return grid;
}

/* ---- landmarks ---- */

typedef struct landmark_list {
    const phantom_scene *scene;
    med_phantom_case *to;
    med_vec3 place[MED_PHANTOM_LANDMARKS]; /* in the head */
} landmark_list;

/* Voxel of a place of the head that lies in brain and fan; false where there is none. */
static bool find_voxel(const phantom_scene *s, med_vec3 p, size_t *at) {
    med_vec3 v = vec_scale(vec_sub(p, s->origin), 1 / s->spacing_mm);
    int index[3] = {(int)rintf(vec_dot(v, s->u)), (int)rintf(vec_dot(v, s->d)), (int)rintf(vec_dot(v, s->e))};
    for (int a = 0; a < 3; a++)
        if (index[a] < 0 || index[a] >= s->n[a]) return false;
    *at = ((size_t)index[2] * (size_t)s->n[1] + (size_t)index[1]) * (size_t)s->n[0] + (size_t)index[0];
    return s->is_brain[*at] && s->is_fan[*at];
}

static void add_landmark(landmark_list *list, const char *name, med_vec3 p, float apart_mm) {
    size_t at;
    int n = list->to->n_landmarks;
    if (n == MED_PHANTOM_LANDMARKS || !find_voxel(list->scene, p, &at)) return;
    for (int i = 0; i < n; i++)
        if (vec_length(vec_sub(p, list->place[i])) < apart_mm) return;
    med_vec3 shift = table_offset(list->scene), world = vec_add(p, shift);
    med_phantom_landmark *l = &list->to->landmark[n];
    snprintf(l->name, sizeof l->name, "%s", name);
    l->ras_mm[0] = (double)world.x;
    l->ras_mm[1] = (double)world.y;
    l->ras_mm[2] = (double)world.z;
    list->place[n] = p;
    list->to->n_landmarks++;
}

/* Where an undisplaced place lies after the tumour has pushed it: inverse of the pull-back, by fixed point. */
static med_vec3 push_out(const phantom_scene *s, med_vec3 aim) {
    med_vec3 p = aim;
    for (int turn = 0; turn < 20; turn++)
        p = vec_along(p, vec_sub(aim, phantom_tumour_pull_back(&s->tumour, p, phantom_head_depth(&s->head, p))), 0.8f);
    return p;
}

/* The tumour's middle, the named points within the field of view, then sulci in a fixed random order. */
static void find_landmarks(const phantom_scene *s, med_phantom_case *c) {
    landmark_list list = {.scene = s, .to = c};
    phantom_point points[PHANTOM_N_POINTS];
    float apart = fmaxf(4, 3 * s->spacing_mm);
    phantom_head_points(&s->head, points);
    add_landmark(&list, "tumour", s->tumour.centre, 0);
    for (int i = 0; i < PHANTOM_N_POINTS; i++) add_landmark(&list, points[i].name, push_out(s, points[i].p), apart);
    med_rng rng = med_rng_start(phantom_key(s, "phantom/landmarks", 0));
    for (int draw = 0, n = 0; draw < 60000 && c->n_landmarks < MED_PHANTOM_LANDMARKS; draw++) {
        size_t i = med_rng_below(&rng, (uint32_t)s->n[0]), j = med_rng_below(&rng, (uint32_t)s->n[1]),
               k = med_rng_below(&rng, (uint32_t)s->n[2]);
        size_t at = (k * (size_t)s->n[1] + j) * (size_t)s->n[0] + i;
        if (s->part[T_CSF][at] < (draw < 30000 ? 200 : 100)) continue;
        char name[32];
        snprintf(name, sizeof name, "sulcus-%d", n + 1);
        int before = c->n_landmarks;
        add_landmark(&list, name, phantom_scene_at(s, (float)i, (float)j, (float)k), apart);
        n += c->n_landmarks > before;
    }
}

/* ---- volumes ---- */

static void cut_to_fan(const phantom_scene *s, float *voxel) {
    for (size_t i = 0; i < s->count; i++)
        if (!s->is_fan[i]) voxel[i] = 0;
}

static med_status draw_image(const med_phantom_config *config, const phantom_scene *s, int j, med_phantom_case *c) {
    med_grid grid = grid_of(s);
    MED_TRY(med_volume_create(grid, &c->acquired[j]));
    float *acquired = c->acquired[j]->voxel;
    snprintf(c->acquired[j]->description, sizeof c->acquired[j]->description, "medley phantom %s", config->mods[j]);
    if (is_us(config->mods[j])) {
        phantom_us_setting setting = phantom_us_setting_of(s);
        MED_TRY(phantom_us_envelope(s, &setting, acquired));
        phantom_us_compress(s, &setting, acquired);
        return MED_OK;
    }
    MED_TRY(med_volume_create(grid, &c->target[j]));
    phantom_mr_draw(s, config->mods[j], (phantom_mr_volumes){acquired, c->target[j]->voxel});
    snprintf(c->target[j]->description, sizeof c->target[j]->description, "medley phantom %s harmonised",
             config->mods[j]);
    if (config->is_cut_to_fan) {
        cut_to_fan(s, acquired);
        cut_to_fan(s, c->target[j]->voxel);
    }
    return MED_OK;
}

static med_status draw_masks(const med_phantom_config *config, const phantom_scene *s, med_phantom_case *c) {
    MED_TRY(med_volume_create(grid_of(s), &c->label));
    MED_TRY(med_volume_create(grid_of(s), &c->fov));
    for (size_t i = 0; i < s->count; i++) {
        bool is_seen = s->is_fan[i] || !config->is_cut_to_fan;
        c->label->voxel[i] = is_seen ? (float)s->label[i] : 0;
        c->fov->voxel[i] = (float)s->is_fan[i];
    }
    return MED_OK;
}

med_status med_phantom_case_create(const med_phantom_config *config, int index, med_phantom_case **out) {
    *out = NULL;
    MED_TRY(med_phantom_check(config));
    med_phantom_case *c = med_alloc(sizeof *c);
    phantom_scene scene;
    med_status status = phantom_scene_create(config, index, &scene);
    if (status == MED_OK) {
        c->observed = draw_observed(config, &scene);
        c->tumour = phantom_tumour_name(scene.tumour.kind);
        status = draw_masks(config, &scene, c);
    }
    for (int j = 0; j < config->n_mods && status == MED_OK; j++) status = draw_image(config, &scene, j, c);
    if (status == MED_OK) find_landmarks(&scene, c);
    phantom_scene_free(&scene);
    if (status != MED_OK) {
        med_phantom_case_free(c);
        return status;
    }
    *out = c;
    return MED_OK;
}

void med_phantom_case_free(med_phantom_case *c) {
    if (!c) return;
    for (int j = 0; j < MED_MAX_MODS; j++) {
        med_volume_free(c->acquired[j]);
        med_volume_free(c->target[j]);
    }
    med_volume_free(c->label);
    med_volume_free(c->fov);
    free(c);
}
