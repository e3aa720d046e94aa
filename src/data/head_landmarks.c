/* head_landmarks.c: the head as a mask, and what prepare.json keeps of it. */
#include "data/head_landmarks.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "image/mask.h"

/* ---- measuring ---- */

static med_volume *every_second(const med_volume *v) {
    med_grid grid = v->grid;
    med_volume *out;
    for (int a = 0; a < 3; a++) grid.n[a] = (grid.n[a] + 1) / 2;
    if (med_volume_alloc(grid, &out) != MED_OK) return NULL;
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++) *med_volume_at(out, i, j, k) = *med_volume_at(v, 2 * i, 2 * j, 2 * k);
    return out;
}

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
    const size_t large = 1 << 20;
    med_volume *head;
    *is_there = false;
    if (med_grid_count(v->grid) > large) {
        head = every_second(v);
        if (!head) return MED_ENOMEM;
    } else {
        MED_TRY(med_volume_alloc(v->grid, &head));
        memcpy(head->voxel, v->voxel, med_grid_count(v->grid) * sizeof *v->voxel);
    }
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
    json_t *all = json_object_get(notes, "head_landmarks"), *list = json_array();
    if (!all) json_object_set_new(notes, "head_landmarks", all = json_object());
    for (int l = 0; l < MED_NYUL_LANDMARKS; l++) json_array_append_new(list, json_real(landmarks[l]));
    json_object_set_new(all, mod, list);
    return MED_OK;
}

static med_status read_list(const char *path, const json_t *list, double landmarks[MED_NYUL_LANDMARKS], bool *is_there) {
    bool is_good = json_array_size(list) == MED_NYUL_LANDMARKS;
    for (size_t l = 0; is_good && l < MED_NYUL_LANDMARKS; l++) {
        landmarks[l] = json_number_value(json_array_get(list, l));
        is_good = json_is_number(json_array_get(list, l)) && (l == 0 || landmarks[l] >= landmarks[l - 1]);
    }
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
