/* phantom.c: a data set of phantom heads: draws each case, writes its files under a temporary name, records them. */
#include "task/phantom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/manifest.h"
#include "data/splits.h"

enum { MAX_FILES = 2 * MED_MAX_MODS + 2, NAME_BYTES = 16 };

static med_part part_of(int index) {
    int place = index % 10;
    return place == 3 ? MED_PART_VAL : place == 2 || place == 4 ? MED_PART_TEST : MED_PART_TRAIN;
}

static void name_case(int index, char name[NAME_BYTES]) { snprintf(name, NAME_BYTES, "case%04d", index); }

/* ---- files of a case ---- */

typedef struct save_item {
    const med_volume *volume;
    char *path; /* owned */
    med_voxel_type type;
    med_status status;
    char message[600]; /* of the thread that saved */
} save_item;

typedef struct save_list {
    int n;
    save_item item[MAX_FILES];
} save_list;

static void list_add(save_list *list, const char *dir, const char *name, const char *suffix, const med_volume *v,
                     med_voxel_type type) {
    list->item[list->n++] = (save_item){v, med_format("%s/%s-%s.nii.gz", dir, name, suffix), type, MED_OK, ""};
}

static void save_task(void *context, int i) {
    save_item *item = &((save_list *)context)->item[i];
    item->status = med_volume_save(item->volume, item->path, item->type);
    if (item->status != MED_OK) snprintf(item->message, sizeof item->message, "%s", med_message());
}

static med_status save_volumes(const med_phantom_config *config, const med_phantom_case *c, const char *dir,
                               const char *name) {
    save_list list = {0};
    for (int j = 0; j < config->n_mods; j++) {
        if (!med_modset_has(c->observed, j)) continue;
        char *target = med_format("%s.target", config->mods[j]);
        list_add(&list, dir, name, config->mods[j], c->acquired[j], c->target[j] ? MED_VOXEL_I16 : MED_VOXEL_U8);
        if (c->target[j]) list_add(&list, dir, name, target, c->target[j], MED_VOXEL_F32);
        free(target);
    }
    list_add(&list, dir, name, "label", c->label, MED_VOXEL_U8);
    list_add(&list, dir, name, "fov", c->fov, MED_VOXEL_U8);
    med_parallel(list.n, save_task, &list);
    med_status status = MED_OK;
    for (int i = 0; i < list.n; i++) {
        if (status == MED_OK && list.item[i].status != MED_OK)
            status = med_fail(list.item[i].status, "%s", list.item[i].message);
        free(list.item[i].path);
    }
    return status;
}

static med_status save_landmarks(const med_phantom_case *c, const char *dir, const char *name) {
    char *text = NULL, *path = med_format("%s/%s-landmarks.csv", dir, name);
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    fputs("label,x_fixed,y_fixed,z_fixed,x_moving,y_moving,z_moving\n", to);
    for (int i = 0; i < c->n_landmarks; i++) {
        const double *p = c->landmark[i].ras_mm;
        fprintf(to, "%s,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f\n", c->landmark[i].name, p[0], p[1], p[2], p[0], p[1], p[2]);
    }
    fclose(to);
    med_status status = med_file_write(path, text, n);
    free(text);
    free(path);
    return status;
}

static void remove_folder(const char *dir) {
    char **names;
    int n;
    if (med_dir_list(dir, &names, &n) == MED_OK) {
        for (int i = 0; i < n; i++) {
            char *path = med_path_join(dir, names[i]);
            (void)unlink(path);
            free(path);
        }
        med_names_free(names, n);
    }
    (void)rmdir(dir);
}

/* The folder has a hidden name until all its files are complete. */
static med_status save_case(const med_phantom_config *config, const med_phantom_case *c, const char *out,
                            const char *name) {
    char *hidden = med_format("%s/.%s.partial", out, name), *final = med_path_join(out, name);
    med_status status = med_dir_create(hidden);
    if (status == MED_OK) status = save_volumes(config, c, hidden, name);
    if (status == MED_OK) status = save_landmarks(c, hidden, name);
    if (status == MED_OK && rename(hidden, final) != 0) status = med_fail(MED_EIO, "%s: %s", final, strerror(errno));
    if (status != MED_OK) {
        char *message = med_strdup(med_message()); /* cleaning up may say something else */
        remove_folder(hidden);
        (void)med_fail(status, "%s", message);
        free(message);
    }
    free(hidden);
    free(final);
    return status;
}

/* ---- the data set ---- */

static double tumour_ml(const med_phantom_config *config, const med_phantom_case *c) {
    size_t n = med_grid_count(c->label->grid), n_tumour = 0;
    for (size_t i = 0; i < n; i++) n_tumour += c->label->voxel[i] > 0;
    return (double)n_tumour * config->spacing_mm * config->spacing_mm * config->spacing_mm / 1000;
}

static json_t *describe(const med_phantom_config *config, const med_phantom_case *c, const char *name, int index) {
    json_t *observed = json_array();
    for (int j = 0; j < config->n_mods; j++)
        if (med_modset_has(c->observed, j)) json_array_append_new(observed, json_string(config->mods[j]));
    return json_pack("{s:s, s:s, s:s, s:f, s:o}", "name", name, "part", med_part_names[part_of(index)], "tumour",
                     c->tumour, "tumour_ml", tumour_ml(config, c), "observed", observed);
}

static med_status make_case(const med_phantom_config *config, int index, const char *out, med_manifest *manifest,
                            json_t *cases) {
    med_phantom_case *c;
    char name[NAME_BYTES];
    name_case(index, name);
    MED_TRY(med_phantom_case_create(config, index, &c));
    if (part_of(index) == MED_PART_TEST) c->observed = med_modset_all(config->n_mods);
    med_status status = save_case(config, c, out, name);
    if (status == MED_OK) {
        json_t *notes = json_pack("{s:s}", "tumour", c->tumour);
        status = med_manifest_add_case(manifest, out, &(med_manifest_case){.name = name, .notes = notes});
        json_array_append_new(cases, describe(config, c, name, index));
    }
    med_phantom_case_free(c);
    return status;
}

static med_manifest *start_manifest(const med_phantom_config *config) {
    bool has_us = false;
    for (int j = 0; j < config->n_mods; j++) has_us |= strcmp(config->mods[j], "us") == 0;
    med_manifest *m = med_manifest_create(
        &(med_manifest_head){.name = "phantom",
                             .anchor = has_us ? "us" : "",
                             .source = "medley phantom " MEDLEY_VERSION ": synthetic heads, no patient",
                             .licence = "CC0-1.0",
                             .n_mods = config->n_mods,
                             .mods = config->mods});
    med_manifest_set(m, "preparation",
                     json_pack("{s:s, s:[i,i,i], s:f, s:f, s:s, s:I, s:s}", "method", "phantom", "size",
                               config->size[0], config->size[1], config->size[2], "spacing_mm", config->spacing_mm,
                               "missing", config->missing, "fov", config->is_cut_to_fan ? "us" : "none", "seed",
                               (json_int_t)config->seed, "probe_end", "low"));
    return m;
}

static med_status save_splits(int n_cases, const char *out) {
    med_fold fold = {.n = {0}};
    char(*text)[NAME_BYTES] = med_alloc((size_t)n_cases * sizeof *text);
    const char **names = med_alloc((size_t)n_cases * sizeof *names);
    for (int p = 0; p < MED_N_PARTS; p++) fold.index[p] = med_alloc((size_t)n_cases * sizeof *fold.index[p]);
    for (int i = 0; i < n_cases; i++) {
        name_case(i, text[i]);
        names[i] = text[i];
        med_part p = part_of(i);
        fold.index[p][fold.n[p]++] = i;
    }
    char *path = med_path_join(out, "splits.json");
    med_status status = med_splits_save(path, &fold, 1, names);
    for (int p = 0; p < MED_N_PARTS; p++) free(fold.index[p]);
    free(path);
    free(names);
    free(text);
    return status;
}

static med_status open_out(const char *out) {
    char **names;
    int n;
    if (med_path_exists(out) && !med_path_is_dir(out))
        return med_fail(MED_EINPUT, "%s: is a file, expected a new or empty folder", out);
    MED_TRY(med_dir_create(out));
    MED_TRY(med_dir_list(out, &names, &n));
    med_names_free(names, n);
    return n == 0 ? MED_OK : med_fail(MED_EUSAGE, "%s: is not empty; give a new folder (nothing is overwritten)", out);
}

med_status med_phantom_make(const med_phantom_config *config, int n_cases, const char *out, json_t *report) {
    MED_TRY(med_phantom_check(config));
    MED_TRY(open_out(out));
    med_manifest *manifest = start_manifest(config);
    json_t *cases = json_array();
    med_progress *progress = med_progress_start("phantom", n_cases);
    med_status status = MED_OK;
    for (int i = 0; i < n_cases && status == MED_OK; i++) {
        status = make_case(config, i, out, manifest, cases);
        med_progress_update(progress, i + 1, " ");
    }
    med_progress_end(progress);
    if (status == MED_OK) status = save_splits(n_cases, out);
    if (status == MED_OK) status = med_manifest_save(manifest, out);
    med_manifest_free(manifest);
    json_object_set_new(report, "out", json_string(out));
    json_object_set_new(report, "cases", cases);
    return status;
}
