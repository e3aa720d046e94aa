/* prepare_check.c: per case: hashes, images, their checks, a contact sheet. */
#include "task/prepare_check.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/dataset.h"
#include "data/prepare_checks.h"
#include "image/intensity.h"
#include "task/contact_sheet.h"

typedef struct job {
    const med_prepare_check_config *c;
    med_dataset *d;
    json_t *manifest, **rows; /* a row per case */
    med_status *codes;
    char *sheets; /* folder; NULL: none */
    med_progress *progress;
    pthread_mutex_t lock; /* of progress */
    long n_done;
} job;

typedef struct images { /* of a case, on one grid */
    med_volume *mod[MED_MAX_MODS], *label, *fov;
    const med_volume *first;
    char *first_path;
} images;

static void free_images(images *s) {
    for (int j = 0; j < MED_MAX_MODS; j++) med_volume_free(s->mod[j]);
    med_volume_free(s->label);
    med_volume_free(s->fov);
    free(s->first_path);
}

/* ---- files ---- */

static const json_t *entry_of(const job *b, const char *name) {
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(b->manifest, "cases"), i, entry)
        if (strcmp(json_string_value(json_object_get(entry, "name")), name) == 0) return entry;
    return NULL;
}

static med_status check_hashes(const job *b, const json_t *entry) {
    const char *key;
    json_t *file;
    json_object_foreach (json_object_get(entry, "files"), key, file) {
        char hex[65], *path = med_path_join(b->d->path, json_string_value(json_object_get(file, "path")));
        med_status status = med_file_sha256(path, hex);
        if (status == MED_OK && strcmp(hex, json_string_value(json_object_get(file, "sha256"))) != 0)
            status = med_fail(MED_EFORMAT, "%s: is not the file that the manifest describes: its SHA-256 differs", path);
        free(path);
        MED_TRY(status);
    }
    return MED_OK;
}

static void add_recorded_warnings(const json_t *entry, med_prepare_case *findings) {
    size_t i;
    json_t *text;
    json_array_foreach (json_object_get(entry, "warnings"), i, text)
        if (findings->n_warnings < MED_PREPARE_WARNINGS && json_is_string(text))
            findings->warnings[findings->n_warnings++] = med_strdup(json_string_value(text));
}

/* ---- images ---- */

/* Takes the path. */
static med_status load(char *path, images *s, med_volume **out) {
    med_status status = med_volume_load(path, out);
    if (status == MED_OK && !s->first) {
        s->first = *out;
        s->first_path = path;
        return MED_OK;
    }
    if (status == MED_OK && !med_grid_equal((*out)->grid, s->first->grid, 0.1)) {
        const int *a = s->first->grid.n, *b = (*out)->grid.n;
        status = med_fail(MED_EFORMAT, "%s (%d x %d x %d) does not lie on the grid of %s (%d x %d x %d)", path, b[0], b[1],
                          b[2], s->first_path, a[0], a[1], a[2]);
    }
    free(path);
    return status;
}

static med_status check_values(const job *b, const med_case *k, int j, const med_volume *v, med_prepare_case *findings) {
    float lo, hi;
    const char *mod = b->d->mods[j];
    med_volume_range(v, &lo, &hi);
    if (strcmp(mod, "us") == 0 && (lo < 0 || hi <= 0))
        return med_fail(MED_EFORMAT, "%s-%s: values from %g to %g; ultrasound is 0 or more, and must show something", k->name,
                        mod, (double)lo, (double)hi);
    if (lo < 0) med_prepare_warn(findings, "%s: negative voxels (down to %g)", mod, (double)lo);
    if (lo == hi)
        med_prepare_warn(findings, "%s: all voxels are %g", mod, (double)lo);
    else
        med_check_image(findings, mod, v);
    return MED_OK;
}

static med_status check_target(const job *b, const med_case *k, int j, images *s) {
    if (!med_case_has_target(k, b->d->mods[j])) return MED_OK;
    char *path = med_case_path(k, b->d->mods[j], "target"), *name = med_strdup(path);
    med_volume *v = NULL;
    med_status status = load(path, s, &v);
    if (status == MED_OK) status = med_intensity_target_to_network(v, name);
    med_volume_free(v);
    free(name);
    return status;
}

static med_status load_mask(const med_case *k, const char *key, images *s, med_volume **out) {
    char *path = med_case_path(k, key, NULL);
    if (med_path_exists(path)) return load(path, s, out);
    free(path);
    return MED_OK;
}

static med_status check_label(const med_case *k, const images *s, med_prepare_case *findings, json_t *row) {
    double spacing[3], n_above = 0;
    size_t n = med_grid_count(s->label->grid);
    for (size_t i = 0; i < n; i++) {
        float x = s->label->voxel[i];
        if (!(fabsf(x - rintf(x)) <= 1e-3f && x >= 0 && x <= 255))
            return med_fail(MED_EFORMAT, "%s-label: a label of %g, expected whole numbers from 0 to 255", k->name, (double)x);
        n_above += x > 0;
    }
    med_grid_spacing(s->label->grid, spacing);
    json_object_set_new(row, "label_cm3", json_real(n_above * spacing[0] * spacing[1] * spacing[2] / 1000));
    if (n_above == 0)
        med_prepare_warn(findings, "label: empty");
    else if (s->fov)
        med_check_label(findings, s->label, s->fov);
    return MED_OK;
}

static med_status check_images(const job *b, const med_case *k, images *s, med_prepare_case *findings, json_t *row) {
    json_t *mods = json_array();
    json_object_set_new(row, "modalities", mods);
    MED_MODSET_EACH (j, k->observed) {
        json_array_append_new(mods, json_string(b->d->mods[j]));
        MED_TRY(load(med_case_path(k, b->d->mods[j], NULL), s, &s->mod[j]));
        MED_TRY(check_values(b, k, j, s->mod[j], findings));
        MED_TRY(check_target(b, k, j, s));
    }
    if (!s->first) return med_fail(MED_EINPUT, "%s: has no image", k->name);
    MED_TRY(load_mask(k, "label", s, &s->label));
    MED_TRY(load_mask(k, "fov", s, &s->fov));
    MED_MODSET_EACH (j, k->observed)
        if (s->fov && strcmp(b->d->mods[j], "us") != 0) med_check_overlap(findings, b->d->mods[j], s->mod[j], s->fov);
    double spacing[3];
    const int *n = s->first->grid.n;
    med_grid_spacing(s->first->grid, spacing);
    json_object_set_new(row, "size", json_pack("[i,i,i]", n[0], n[1], n[2]));
    json_object_set_new(row, "spacing_mm", json_pack("[f,f,f]", spacing[0], spacing[1], spacing[2]));
    return s->label ? check_label(k, s, findings, row) : MED_OK;
}

/* Changes the images to network scale. */
static med_status save_sheet(const job *b, const med_case *k, images *s, json_t *row) {
    med_sheet_column columns[MED_MAX_MODS];
    med_sheet sheet = {.title = k->name, .columns = columns, .fov = s->fov, .label = s->label};
    MED_MODSET_EACH (j, k->observed) {
        med_intensity_lift_negative(s->mod[j]);
        med_intensity_to_network(s->mod[j]);
        columns[sheet.n_columns++] = (med_sheet_column){b->d->mods[j], s->mod[j]};
    }
    char *path = med_format("%s/%s.png", b->sheets, k->name);
    med_status status = med_contact_sheet_save(&sheet, path);
    if (status == MED_OK) json_object_set_new(row, "sheet", json_string(path));
    free(path);
    return status;
}

/* ---- cases ---- */

static void conclude(json_t *row, med_status code, const med_prepare_case *findings) {
    json_t *warnings = json_array();
    for (int w = 0; w < findings->n_warnings; w++) {
        bool is_new = true; /* a finding of the preparation is found again */
        for (int u = 0; u < w; u++) is_new &= strcmp(findings->warnings[u], findings->warnings[w]) != 0;
        json_t *text = is_new ? json_string(findings->warnings[w]) : NULL;
        if (text) json_array_append_new(warnings, text);
    }
    const char *status = code != MED_OK ? "bad" : json_array_size(warnings) ? "suspicious" : "ok";
    json_object_set_new(row, "status", json_string(status));
    json_object_set_new(row, "warnings", warnings);
    if (code != MED_OK) json_object_set_new(row, "message", json_string(med_message()));
}

static void case_task(void *context, int i) {
    job *b = context;
    const med_case *k = &b->d->cases[i];
    const json_t *entry = entry_of(b, k->name);
    images s = {0};
    med_prepare_case findings;
    med_prepare_case_init(&findings, k->name);
    if (entry) add_recorded_warnings(entry, &findings);
    b->rows[i] = json_pack("{s:s}", "name", k->name);
    med_status status = entry ? check_hashes(b, entry) : MED_OK;
    if (status == MED_OK) status = check_images(b, k, &s, &findings, b->rows[i]);
    if (status == MED_OK && b->sheets) status = save_sheet(b, k, &s, b->rows[i]);
    conclude(b->rows[i], status, &findings);
    b->codes[i] = status;
    if (status != MED_OK) med_warn("%s", med_message());
    free_images(&s);
    med_prepare_case_free(&findings);
    pthread_mutex_lock(&b->lock);
    med_progress_update(b->progress, ++b->n_done, "%s", k->name);
    pthread_mutex_unlock(&b->lock);
}

/* Images of the first case that can be read, as float32. */
static double case_memory_mb(const med_dataset *d) {
    for (int i = 0; i < d->n_cases; i++)
        MED_MODSET_EACH (j, d->cases[i].observed) {
            med_volume *header;
            char *path = med_case_path(&d->cases[i], d->mods[j], NULL);
            med_status status = med_volume_load_header(path, &header);
            free(path);
            if (status != MED_OK) continue;
            double n = (double)med_grid_count(header->grid);
            med_volume_free(header);
            return n * sizeof(float) * (d->n_mods + 4) / 1e6;
        }
    return 0;
}

static med_status summarise(const job *b, json_t *report) {
    static const char *const words[] = {"ok", "suspicious", "bad"};
    int n = b->d->n_cases, count[3] = {0}, first = -1;
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const char *status = json_string_value(json_object_get(b->rows[i], "status"));
        for (int w = 0; w < 3; w++) count[w] += strcmp(status, words[w]) == 0;
        if (b->codes[i] != MED_OK && first < 0) first = i;
        json_array_append_new(list, b->rows[i]);
    }
    json_object_update_new(report, json_pack("{s:o, s:i, s:i, s:i}", "cases", list, "n_ok", count[0], "n_suspicious",
                                             count[1], "n_bad", count[2]));
    if (first < 0) return MED_OK;
    const char *message = json_string_value(json_object_get(b->rows[first], "message"));
    if (n == 1) return med_fail(b->codes[0], "%s", message);
    return med_fail(MED_EFAIL, "%d of %d cases are bad, the first: %s", count[2], n, message);
}

static void check_all(job *b) {
    int n = b->d->n_cases;
    b->progress = med_progress_start("checking", n);
    pthread_mutex_init(&b->lock, NULL);
    if (b->c->max_memory_mb >= case_memory_mb(b->d) * med_threads())
        med_parallel(n, case_task, b);
    else
        for (int i = 0; i < n; i++) case_task(b, i);
    pthread_mutex_destroy(&b->lock);
    med_progress_end(b->progress);
}

static char *sheets_beside(const char *data) {
    size_t n = strlen(data);
    while (n > 1 && data[n - 1] == '/') n--;
    return med_format("%.*s-check", (int)n, data);
}

static med_status load_manifest(job *b) {
    char *path = med_path_join(b->d->path, "manifest.json");
    med_status status = med_json_load(path, &b->manifest);
    free(path);
    return status;
}

med_status med_prepare_check(const med_prepare_check_config *c, json_t *report) {
    job b = {.c = c};
    MED_TRY(med_dataset_open(c->data, &b.d));
    if (!c->no_sheets) b.sheets = c->out ? med_strdup(c->out) : sheets_beside(c->data);
    med_status status = b.sheets ? med_dir_create(b.sheets) : MED_OK;
    if (status == MED_OK && b.d->has_manifest) status = load_manifest(&b);
    if (status == MED_OK) {
        b.rows = med_alloc((size_t)(b.d->n_cases + 1) * sizeof *b.rows);
        b.codes = med_alloc((size_t)(b.d->n_cases + 1) * sizeof *b.codes);
        check_all(&b);
        status = summarise(&b, report);
        if (b.sheets) json_object_set_new(report, "sheets", json_string(b.sheets));
    }
    json_decref(b.manifest);
    free(b.rows);
    free(b.codes);
    free(b.sheets);
    med_dataset_free(b.d);
    return status;
}
