/* loader.c: volumes of cases in memory, cut to the model's slices and transposed to its order once, when they are read. */
#include "data/loader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"

typedef struct loaded_case {
    char *name;
    med_modset observed, has_target;
    int n_slices;
    void *input[MED_MAX_MODS], *target[MED_MAX_MODS]; /* [slice][H][W]; target: NULL where the input stands for it */
} loaded_case;

struct med_loader {
    int height, width, n_cases;
    bool is_float;
    size_t n_bytes;
    loaded_case *cases;
};

static size_t plane_of(const med_loader *l) { return (size_t)l->height * (size_t)l->width; }

/* ---- storage ---- */

static inline uint16_t pack(float y) { return (uint16_t)lrintf((y + 1) * 32767.5f); }
static inline float unpack(uint16_t q) { return (float)q / 32767.5f - 1; }

/* NIfTI order (axis 0 fastest) to slices of rows along axis 1. */
static med_status store(const med_loader *l, const med_volume *v, void **out) {
    size_t plane = plane_of(l), height = (size_t)l->height, width = (size_t)l->width, slices = (size_t)v->grid.n[2];
    MED_TRY(
        med_buffer_alloc(plane * slices * (l->is_float ? sizeof(float) : sizeof(uint16_t)), "training volume", out));
    for (size_t k = 0; k < slices; k++)
        for (size_t h = 0; h < height; h++)
            for (size_t w = 0; w < width; w++) {
                float raw = v->voxel[k * plane + w * height + h], y = raw < -1 ? -1 : raw > 1 ? 1 : raw;
                size_t at = k * plane + h * width + w;
                if (l->is_float)
                    ((float *)*out)[at] = y;
                else
                    ((uint16_t *)*out)[at] = pack(y);
            }
    return MED_OK;
}

/* ---- reading ---- */

typedef struct load_job {
    const med_dataset *d;
    const med_loader_config *config;
    med_loader *loader;
    const int *cases;
    struct outcome {
        med_status status;
        char message[600];
    } * outcome; /* messages belong to threads: kept here */
} load_job;

static med_status check_size(loaded_case *c, const char *path, const int n[3], int first[3]) {
    if (first[0] == 0) memcpy(first, n, 3 * sizeof *n);
    if (memcmp(first, n, 3 * sizeof *n) == 0) return MED_OK;
    return med_fail(MED_EFORMAT,
                    "%s: %d x %d x %d voxels, another image of case '%s' has %d x %d x %d; resample them to one grid",
                    path, n[0], n[1], n[2], c->name, first[0], first[1], first[2]);
}

static med_status load_one(const load_job *job, const med_case *c, loaded_case *to, int mod, bool is_target,
                           int first[3]) {
    const char *name = job->d->mods[mod];
    med_volume *v = NULL, *turned = NULL, *fitted = NULL;
    med_status status = is_target ? med_case_load_target(c, name, &v) : med_case_load_input(c, name, &v);
    if (status == MED_OK && job->config->orientation)
        status = med_volume_reorient(v, job->config->orientation, &turned);
    const med_volume *use = turned ? turned : v;
    if (status == MED_OK) {
        char *path = med_case_path(c, name, is_target ? "target" : NULL);
        status = check_size(to, path, use->grid.n, first);
        free(path);
    }
    if (status == MED_OK) {
        int n[3] = {job->config->height, job->config->width, use->grid.n[2]};
        status = med_volume_fit(use, n, -1, &fitted);
    }
    if (status == MED_OK) status = store(job->loader, fitted, is_target ? &to->target[mod] : &to->input[mod]);
    med_volume_free(v);
    med_volume_free(turned);
    med_volume_free(fitted);
    return status;
}

static med_status load_case(const load_job *job, int index) {
    const med_case *c = &job->d->cases[job->cases[index]];
    loaded_case *to = &job->loader->cases[index];
    int first[3] = {0};
    MED_MODSET_EACH (j, to->observed) {
        MED_TRY(load_one(job, c, to, j, false, first));
        if (med_modset_has(to->has_target, j)) MED_TRY(load_one(job, c, to, j, true, first));
    }
    to->n_slices = first[2];
    return MED_OK;
}

static void load_task(void *context, int index) {
    load_job *job = context;
    struct outcome *o = &job->outcome[index];
    o->status = load_case(job, index);
    if (o->status != MED_OK) snprintf(o->message, sizeof o->message, "%s", med_message());
}

/* ---- how much memory it will take, from headers alone ---- */

static med_status count_values(const med_dataset *d, const med_case *c, const med_loader_config *config,
                               size_t *n_values) {
    char *path = med_case_path(c, d->mods[med_modset_first(c->observed)], NULL);
    med_volume *header = NULL;
    med_status status = med_volume_load_header(path, &header);
    free(path);
    if (status == MED_OK) {
        int slices = header->grid.n[2];
        if (config->orientation) { /* the slice axis is the one that points along the last letter */
            char code[4];
            med_grid_orientation(header->grid, code);
            const char *pairs[] = {"LR", "PA", "IS"};
            for (int p = 0; p < 3; p++)
                if (strchr(pairs[p], config->orientation[2]))
                    for (int a = 0; a < 3; a++)
                        if (strchr(pairs[p], code[a])) slices = header->grid.n[a];
        }
        size_t images = (size_t)med_modset_count(c->observed);
        MED_MODSET_EACH (j, c->observed) images += med_case_has_target(c, d->mods[j]);
        *n_values += images * (size_t)slices * (size_t)config->height * (size_t)config->width;
    }
    med_volume_free(header);
    return status;
}

static med_status choose_storage(med_loader *l, const med_loader_config *config, size_t n_values) {
    l->is_float = config->memory_bytes == 0 || n_values * sizeof(float) <= config->memory_bytes;
    l->n_bytes = n_values * (l->is_float ? sizeof(float) : sizeof(uint16_t));
    if (l->is_float || l->n_bytes <= config->memory_bytes) return MED_OK;
    return med_fail(MED_ENOMEM,
                    "training volumes need %.0f MB even in 16 bits, the budget is %.0f MB: raise it, or use fewer "
                    "cases or smaller slices",
                    (double)l->n_bytes / 1e6, (double)config->memory_bytes / 1e6);
}

static med_status load_all(load_job *job) {
    med_loader *l = job->loader;
    size_t n_values = 0;
    for (int i = 0; i < l->n_cases; i++) {
        const med_case *c = &job->d->cases[job->cases[i]];
        loaded_case *to = &l->cases[i];
        to->name = med_strdup(c->name);
        to->observed = c->observed;
        if (!c->observed) return med_fail(MED_EFORMAT, "%s: case '%s' has no image", job->d->path, c->name);
        MED_MODSET_EACH (j, c->observed)
            if (med_case_has_target(c, job->d->mods[j])) to->has_target |= med_modset_of(j);
        MED_TRY(count_values(job->d, c, job->config, &n_values));
    }
    MED_TRY(choose_storage(l, job->config, n_values));
    job->outcome = med_alloc((size_t)(l->n_cases ? l->n_cases : 1) * sizeof *job->outcome);
    med_parallel(l->n_cases, load_task, job);
    med_status status = MED_OK;
    for (int i = 0; i < l->n_cases && status == MED_OK; i++)
        if (job->outcome[i].status != MED_OK) status = med_fail(job->outcome[i].status, "%s", job->outcome[i].message);
    free(job->outcome);
    return status;
}

/* ---- public ---- */

med_status med_loader_measure(const med_dataset *d, const int *cases, int n_cases, const med_loader_config *config,
                              size_t *n_bytes) {
    size_t n_values = 0;
    for (int i = 0; i < n_cases; i++) MED_TRY(count_values(d, &d->cases[cases[i]], config, &n_values));
    *n_bytes = n_values * sizeof(uint16_t);
    return MED_OK;
}

med_status med_loader_create(const med_dataset *d, const int *cases, int n_cases, const med_loader_config *config,
                             med_loader **out) {
    *out = NULL;
    med_assert(config->height > 0 && config->width > 0);
    med_loader *l = med_alloc(sizeof *l);
    *l = (med_loader){.height = config->height, .width = config->width, .n_cases = n_cases};
    l->cases = med_alloc((size_t)(n_cases ? n_cases : 1) * sizeof *l->cases);
    load_job job = {.d = d, .config = config, .loader = l, .cases = cases};
    med_status status = load_all(&job);
    if (status != MED_OK) {
        med_loader_free(l);
        return status;
    }
    *out = l;
    return MED_OK;
}

void med_loader_free(med_loader *l) {
    if (!l) return;
    for (int i = 0; i < l->n_cases; i++) {
        free(l->cases[i].name);
        for (int j = 0; j < MED_MAX_MODS; j++) {
            free(l->cases[i].input[j]);
            free(l->cases[i].target[j]);
        }
    }
    free(l->cases);
    free(l);
}

int med_loader_n_cases(const med_loader *l) { return l->n_cases; }
const char *med_loader_name(const med_loader *l, int index) { return l->cases[index].name; }
med_modset med_loader_observed(const med_loader *l, int index) { return l->cases[index].observed; }
int med_loader_n_slices(const med_loader *l, int index) { return l->cases[index].n_slices; }
bool med_loader_is_float(const med_loader *l) { return l->is_float; }
size_t med_loader_bytes(const med_loader *l) { return l->n_bytes; }

void med_loader_read(const med_loader *l, med_window window, int mod, bool is_target, float *out) {
    const loaded_case *c = &l->cases[window.index];
    med_assert(med_modset_has(c->observed, mod) && window.first >= 0 && window.n >= 1 &&
               window.first + window.n <= c->n_slices);
    const void *from = is_target && c->target[mod] ? c->target[mod] : c->input[mod];
    size_t width = (size_t)l->width;
    for (int s = 0; s < window.n; s++)
        for (int h = 0; h < l->height; h++) {
            int row = window.is_flipped ? l->height - 1 - h : h;
            size_t at = ((size_t)(window.first + s) * (size_t)l->height + (size_t)row) * width;
            float *to = out + ((size_t)s * (size_t)l->height + (size_t)h) * width;
            if (l->is_float)
                memcpy(to, (const float *)from + at, width * sizeof *to);
            else
                for (size_t w = 0; w < width; w++) to[w] = unpack(((const uint16_t *)from)[at + w]);
        }
}
