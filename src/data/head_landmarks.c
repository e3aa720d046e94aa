/* head_landmarks.c: the head as a mask, and what prepare.json keeps of it. */
#include "data/head_landmarks.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "data/prepare_checks.h"
#include "image/mask.h"
#include "image/resample.h"

/* ---- measuring ---- */

/* Sets what is outside the head to 0. */
static med_status keep_head(med_volume *v) {
    size_t n = med_grid_count(v->grid);
    void *buffer;
    MED_TRY(med_buffer_alloc(n, "a mask of the head", &buffer));
    uint8_t *head = buffer;
    double threshold = med_otsu_threshold(v->voxel, n);
    for (size_t i = 0; i < n; i++) head[i] = v->voxel[i] > threshold;
    med_status status = med_mask_keep_largest(head, v->grid.n, 6);
    if (status == MED_OK) status = med_mask_fill_holes(head, v->grid.n);
    for (size_t i = 0; i < n; i++)
        if (!head[i]) v->voxel[i] = 0;
    free(buffer);
    return status;
}

med_status med_head_landmarks_measure(const med_volume *v, double landmarks[MED_NYUL_LANDMARKS], bool *is_there) {
    int step = med_grid_count(v->grid) > (size_t)1 << 20 ? 2 : 1; /* of large images every second voxel will do */
    med_volume *head;
    *is_there = false;
    MED_TRY(med_volume_resample(v, med_every_voxel(v->grid, step), med_affine_identity(), MED_INTERP_NEAREST, 0, &head));
    med_status status = keep_head(head);
    if (status == MED_OK) *is_there = med_nyul_measure(head, landmarks);
    med_volume_free(head);
    return status;
}

/* ---- prepare.json ---- */

med_status med_head_landmarks_note(const med_volume *v, const char *mod, json_t *notes) {
    double landmarks[MED_NYUL_LANDMARKS];
    bool is_there;
    MED_TRY(med_head_landmarks_measure(v, landmarks, &is_there));
    if (!is_there) return MED_OK;
    json_t *all = json_object_get(notes, "head_landmarks");
    if (!all) json_object_set_new(notes, "head_landmarks", all = json_object());
    json_object_set_new(all, mod, med_nyul_to_json(landmarks));
    return MED_OK;
}

static med_status read_list(const char *path, const json_t *list, double landmarks[MED_NYUL_LANDMARKS], bool *is_there) {
    bool is_good = med_nyul_from_json(list, landmarks);
    *is_there = is_good && landmarks[MED_NYUL_LANDMARKS - 1] > landmarks[0];
    return is_good ? MED_OK
                   : med_fail(MED_EFORMAT, "%s: head_landmarks: expected %d ascending numbers for each MR", path, MED_NYUL_LANDMARKS);
}

/* A file of the case beside the image; owned. */
static char *beside(const char *path, const char *name) {
    const char *base = med_path_base(path);
    return med_format("%.*s%s", (int)(base - path), path, name);
}

static bool has_field_of_view(const char *path, const char *mod) {
    char *word = med_format("-%s.nii", mod), *end = strstr(med_path_base(path), word);
    bool has = false;
    if (end) {
        char *fov = med_format("%.*s-fov.nii.gz", (int)(end - path), path);
        has = med_path_exists(fov);
        free(fov);
    }
    free(word);
    return has;
}

med_status med_head_landmarks_of(const char *path, const char *mod, const med_volume *v,
                                 double landmarks[MED_NYUL_LANDMARKS], bool *is_there) {
    char *notes = beside(path, "prepare.json");
    json_t *root = NULL;
    med_status status = med_path_exists(notes) ? med_json_load(notes, &root) : MED_OK;
    const json_t *list = json_object_get(json_object_get(json_object_get(root, "notes"), "head_landmarks"), mod);
    if (status == MED_OK && list)
        status = read_list(notes, list, landmarks, is_there);
    else if (status == MED_OK && has_field_of_view(path, mod))
        status = med_fail(MED_EINPUT, "%s: shows what the ultrasound saw, and landmarks of the whole head are not kept beside it; "
                          "prepare the case again, or use landmarks of the field of view", path);
    else if (status == MED_OK)
        status = med_head_landmarks_measure(v, landmarks, is_there);
    json_decref(root);
    free(notes);
    return status;
}
