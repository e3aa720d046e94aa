/* synth_files.c: which images to read, what to make of them, and what to do when a case is bad. */
#include "task/synth_files.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "task/synth_given.h"
#include "task/synth_output.h"

typedef struct source { /* a case as found: its images by name */
    char *name;
    int n;
    char mod[MED_MAX_MODS][MED_MOD_NAME];
    char *path[MED_MAX_MODS];
} source;

typedef struct job {
    const med_synth_config *config;
    source *sources;
    int n_sources;
    med_synth_model *model;
    med_modset given, target; /* as asked for; 0: not */
    json_t *cases;            /* of the report */
    json_t *harmonisation;    /* with_given: of the weights; owned */
    int n_failed, n_skipped;
} job;

/* ---- sources ---- */

static const char *path_of(const source *s, const char *mod) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->mod[i], mod)) return s->path[i];
    return NULL;
}

static void add_image(source *s, const char *mod, size_t n_mod, char *path) {
    s->path[s->n] = path; /* taken */
    memcpy(s->mod[s->n], mod, n_mod);
    s->mod[s->n++][n_mod] = '\0';
}

/* The case's name from an image's: without folder, ending and "-MOD". */
static char *case_name_of(const char *path, const char *mod) {
    const char *base = med_path_base(path), *dot = strchr(base, '.');
    char *name = med_format("%.*s", dot ? (int)(dot - base) : (int)strlen(base), base);
    size_t n = strlen(name), n_mod = strlen(mod);
    if (n > n_mod + 1 && name[n - n_mod - 1] == '-' && !strcmp(name + n - n_mod, mod)) name[n - n_mod - 1] = '\0';
    return name;
}

static med_status list_images(job *b) {
    const med_strings *images = &b->config->images;
    source *s = b->sources = med_alloc(sizeof *s);
    b->n_sources = 1;
    if (images->n > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "--image: %d images, at most %d are possible", images->n, MED_MAX_MODS);
    for (int i = 0; i < images->n; i++) {
        const char *text = images->item[i], *equals = strchr(text, '=');
        if (!equals || equals == text || !equals[1] || equals - text >= MED_MOD_NAME)
            return med_fail(MED_EUSAGE, "--image %s: expected MOD=FILE", text);
        add_image(s, text, (size_t)(equals - text), med_strdup(equals + 1));
        for (int k = 0; k < i; k++)
            if (!strcmp(s->mod[k], s->mod[i]))
                return med_fail(MED_EUSAGE, "--image: modality %s is there twice", s->mod[i]);
    }
    s->name = case_name_of(s->path[0], s->mod[0]);
    return MED_OK;
}

static med_status list_dataset(job *b) {
    med_dataset *d;
    MED_TRY(med_dataset_open(b->config->in, &d));
    b->n_sources = d->n_cases;
    b->sources = med_alloc((size_t)d->n_cases * sizeof *b->sources);
    for (int i = 0; i < d->n_cases; i++) {
        source *s = &b->sources[i];
        s->name = med_strdup(d->cases[i].name);
        MED_MODSET_EACH (j, d->cases[i].observed)
            add_image(s, d->mods[j], strlen(d->mods[j]), med_case_path(&d->cases[i], d->mods[j], NULL));
    }
    med_dataset_free(d);
    return MED_OK;
}

static void free_sources(job *b) {
    for (int i = 0; i < b->n_sources; i++) {
        for (int k = 0; k < b->sources[i].n; k++) free(b->sources[i].path[k]);
        free(b->sources[i].name);
    }
    free(b->sources);
}

/* In-plane size of the first image that can be read; {0,0} when none can: its own case will say why. */
static void find_slice_size(const job *b, int slice[2]) {
    slice[0] = slice[1] = 0;
    for (int i = 0; i < b->n_sources && !slice[0]; i++) {
        med_volume *header;
        if (!b->sources[i].n || med_volume_load_header(b->sources[i].path[0], &header) != MED_OK) continue;
        slice[0] = header->grid.n[0];
        slice[1] = header->grid.n[1];
        med_volume_free(header);
    }
}

/* ---- modalities ---- */

static med_status read_sets(job *b) {
    const med_net *c = med_synth_model_config(b->model);
    MED_TRY(med_net_find_mods(c, "--given", &b->config->given, &b->given));
    MED_TRY(med_net_find_mods(c, "--target", &b->config->target, &b->target));
    if (b->given) MED_TRY(med_net_accepts(c, b->given, b->target));
    med_modset unused;
    for (int i = 0; !b->config->in && i < b->sources[0].n; i++)
        MED_TRY(med_net_find_mods(c, "--image", &(med_strings){.item = {b->sources[0].mod[i]}, .n = 1}, &unused));
    return MED_OK;
}

/* What this case gives and wants. */
static med_status choose(const job *b, const source *s, med_modset *given, med_modset *target) {
    const med_net *c = med_synth_model_config(b->model);
    med_modset observed = 0;
    for (int j = 0; j < c->n_mods; j++)
        if (path_of(s, c->mods[j])) observed |= med_modset_of(j);
    *given = b->given ? b->given : observed;
    *target = b->target ? b->target : med_modset_all(c->n_mods) & ~*given & med_net_makes(c, *given);
    med_modset missing = *given & ~observed;
    if (!missing && *given) return MED_OK;
    char *there = med_modset_join(c->mods, observed, ", "),
         *names = med_modset_join(c->mods, missing ? missing : med_modset_all(c->n_mods), missing ? ", " : " or ");
    med_status status = missing ? med_fail(MED_EUSAGE, "%s: --given names %s, which this case has not; it has %s",
                                           s->name, names, *there ? there : "none of the model")
                                : med_fail(MED_EINPUT, "%s: no image of a modality of the model (%s)", s->name, names);
    free(there);
    free(names);
    return status;
}

/* ---- one case ---- */

/* Nothing that is there may be overwritten. */
static med_status check_free(const job *b, const source *s) {
    const med_net *c = med_synth_model_config(b->model);
    med_modset given, target;
    if (choose(b, s, &given, &target) != MED_OK) return MED_OK; /* reported when its turn comes */
    if (b->harmonisation) target |= given;
    MED_MODSET_EACH (j, target)
        for (int e = 0; e < 3; e++) {
            if (e == 1 && !b->config->uncertainty) continue;
            char *path = med_synth_path(b->config, s->name, c->mods[j], med_synth_endings[e]);
            med_status status = med_path_exists(path)
                                    ? med_fail(MED_EUSAGE, "%s is there already: remove it or choose another OUT", path)
                                    : MED_OK;
            free(path);
            MED_TRY(status);
        }
    return MED_OK;
}

static med_status load_inputs(const job *b, const source *s, med_modset given, med_volume *inputs[], json_t *hashes) {
    const med_net *c = med_synth_model_config(b->model);
    MED_MODSET_EACH (j, given) {
        const char *path = path_of(s, c->mods[j]);
        char hex[65], *full = realpath(path, NULL);
        json_t *entry = json_object();
        json_object_set_new(hashes, c->mods[j], entry);
        json_object_set_new(entry, "path", json_string(full ? full : path));
        free(full);
        MED_TRY(med_input_load(path, c->mods[j], &inputs[j]));
        MED_TRY(med_file_sha256(path, hex));
        json_object_set_new(entry, "sha256", json_string(hex));
    }
    return MED_OK;
}

static med_status save_outputs(const job *b, const source *s, med_volume *out[], med_volume *sd[], const json_t *hashes,
                               json_t *files) {
    const med_net *c = med_synth_model_config(b->model);
    med_synth_image images[MED_MAX_MODS];
    int n = 0;
    for (int j = 0; j < c->n_mods; j++)
        if (out[j]) images[n++] = (med_synth_image){s->name, c->mods[j], out[j], sd[j], hashes};
    MED_TRY(med_synth_images_save(b->config, b->model, images, n));
    for (int j = 0; j < c->n_mods; j++) {
        if (!out[j]) continue;
        char *path = med_synth_path(b->config, s->name, c->mods[j], med_synth_endings[0]);
        json_object_set_new(files, c->mods[j], json_string(path));
        free(path);
    }
    return MED_OK;
}

/* What is given and was not made: see synth_given.h. */
static med_status save_given(const job *b, const source *s, med_modset given, med_modset target, json_t *files) {
    const med_net *c = med_synth_model_config(b->model);
    MED_MODSET_EACH (j, given & ~target) {
        bool is_written;
        MED_TRY(med_synth_given_save(b->config, s->name, c->mods[j], path_of(s, c->mods[j]), b->harmonisation, &is_written));
        if (!is_written) continue;
        char *path = med_synth_path(b->config, s->name, c->mods[j], med_synth_endings[0]);
        json_object_set_new(files, c->mods[j], json_string(path));
        free(path);
    }
    return MED_OK;
}

/* `files`: paths of the images by modality, to be filled. */
static med_status run_volumes(const job *b, const source *s, med_modset given, med_modset target, json_t *files) {
    med_volume *inputs[MED_MAX_MODS] = {0}, *out[MED_MAX_MODS] = {0}, *sd[MED_MAX_MODS] = {0};
    json_t *hashes = json_object();
    const med_synth_options o = {.given = given, .target = target, .temperature = b->config->temperature,
                                 .n_samples = b->config->n_samples, .is_mirrored = b->config->mirror, .seed = b->config->seed};
    med_status status = load_inputs(b, s, given, inputs, hashes);
    if (status == MED_OK)
        status =
            med_synth_run(b->model, (const med_volume *const *)inputs, &o, out, b->config->uncertainty ? sd : NULL);
    if (status == MED_OK) status = save_outputs(b, s, out, sd, hashes, files);
    if (status == MED_OK && b->harmonisation) status = save_given(b, s, given, target, files);
    for (int j = 0; j < MED_MAX_MODS; j++) {
        med_volume_free(inputs[j]);
        med_volume_free(out[j]);
        med_volume_free(sd[j]);
    }
    json_decref(hashes);
    return status;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static json_t *names_to_json(const med_net *c, med_modset set) {
    json_t *array = json_array();
    MED_MODSET_EACH (j, set) json_array_append_new(array, json_string(c->mods[j]));
    return array;
}

static med_status run_case(job *b, const source *s, json_t *entry) {
    const med_net *c = med_synth_model_config(b->model);
    med_modset given, target;
    double start = now();
    MED_TRY(choose(b, s, &given, &target));
    json_object_set_new(entry, "given", names_to_json(c, given));
    json_object_set_new(entry, "target", names_to_json(c, target));
    if (!target && med_modset_all(c->n_mods) & ~given) return med_net_accepts(c, given, med_modset_all(c->n_mods) & ~given);
    if (!target) {
        b->n_skipped++;
        json_object_set_new(entry, "skipped", json_true());
        if (b->n_sources == 1)
            return med_fail(MED_EUSAGE, "%s: no modality is missing: say what to make with --target", s->name);
        med_info("%s: no modality is missing, skipped", s->name);
        return MED_OK;
    }
    json_t *files = json_object();
    json_object_set_new(entry, "files", files);
    MED_TRY(run_volumes(b, s, given, target, files));
    double seconds = now() - start;
    char *from = med_modset_join(c->mods, given, "+"), *to = med_modset_join(c->mods, target, ", ");
    med_info("%s: %s -> %s in %.1f s", s->name, from, to, seconds);
    free(from);
    free(to);
    json_object_set_new(entry, "seconds", json_real(seconds));
    return MED_OK;
}

/* ---- all cases ---- */

static med_status run_all(job *b) {
    char *first_message = NULL;
    for (int i = 0; i < b->n_sources; i++) {
        const source *s = &b->sources[i];
        json_t *entry = json_object();
        json_array_append_new(b->cases, entry);
        json_object_set_new(entry, "case", json_string(s->name));
        med_status status = run_case(b, s, entry);
        if (status == MED_OK) continue;
        if (b->n_sources == 1) return status;
        b->n_failed++;
        json_object_set_new(entry, "error", json_string(med_message()));
        med_warn("case %s failed: %s", s->name, med_message());
        if (!first_message) first_message = med_strdup(med_message());
    }
    med_status status = MED_OK;
    if (b->n_failed)
        status =
            med_fail(MED_EFAIL, "%d of %d cases failed, the first with: %s", b->n_failed, b->n_sources, first_message);
    else if (b->n_skipped == b->n_sources)
        status = med_fail(MED_EUSAGE, "no case lacks a modality: say what to make with --target");
    free(first_message);
    return status;
}

static med_status run(job *b, json_t *report) {
    const med_synth_config *c = b->config;
    int slice[2];
    MED_TRY(c->in ? list_dataset(b) : list_images(b));
    find_slice_size(b, slice);
    MED_TRY(med_synth_model_open(c->weights, slice, &c->set, &b->model));
    MED_TRY(read_sets(b));
    if (c->with_given && !(b->harmonisation = med_synth_model_harmonisation(b->model)))
        return med_fail(MED_EUSAGE,
                        "--with-given: %s does not record how its training data were harmonised (medley prepare harmonise)",
                        c->weights);
    for (int i = 0; i < b->n_sources; i++) MED_TRY(check_free(b, &b->sources[i]));
    bool was_there = med_path_exists(c->out);
    MED_TRY(med_dir_create(c->out));
    json_object_set_new(report, "model", json_string(med_synth_model_config(b->model)->model->name));
    json_object_set_new(report, "weights_sha256", json_string(med_synth_model_hash(b->model)));
    json_object_set_new(report, "out", json_string(c->out));
    b->cases = json_array();
    json_object_set_new(report, "cases", b->cases);
    med_status status = run_all(b);
    if (status != MED_OK && !was_there) rmdir(c->out); /* does nothing when it holds a case */
    return status;
}

med_status med_synth_files(const med_synth_config *c, json_t *report) {
    if (c->uncertainty && c->n_samples < 2)
        return med_fail(MED_EUSAGE, "--uncertainty is the spread over the draws: give --samples 2 or more");
    job b = {.config = c};
    med_status status = run(&b, report);
    med_synth_model_free(b.model);
    json_decref(b.harmonisation);
    free_sources(&b);
    return status;
}
