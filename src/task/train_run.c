/* train_run.c: run.json, log.jsonl and the run folder itself. Checkpoints are in train_checkpoint.c. */
#include "task/train_run_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/report_curves.h"

static med_status fail_log(const med_train_run *run, const char *what) {
    return med_fail(MED_EIO, "%s/log.jsonl: %s: %s", run->path, what, strerror(errno));
}

/* The open log is also the lock of the folder. */
static med_status open_log(med_train_run *run) {
    char *path = med_path_join(run->path, "log.jsonl");
    run->log = fopen(path, "a+");
    free(path);
    if (!run->log) return fail_log(run, "cannot open");
    if (flock(fileno(run->log), LOCK_EX | LOCK_NB) == 0) return MED_OK;
    return med_fail(MED_EUSAGE, "%s: another process is training in this folder", run->path);
}

static med_status open_run(const char *path, med_train_run **out) {
    med_train_run *run = med_alloc(sizeof *run);
    run->path = med_strdup(path);
    med_status status = open_log(run);
    if (status != MED_OK) {
        med_train_run_free(run);
        run = NULL;
    }
    *out = run;
    return status;
}

void med_train_run_free(med_train_run *run) {
    if (!run) return;
    if (run->log) fclose(run->log);
    json_decref(run->record);
    free(run->pending);
    free(run->path);
    free(run);
}

/* ---- run.json ---- */

static json_t *record_to_json(const med_train_record *r) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:O, s:O, s:O*}", "medley", MEDLEY_VERSION, "task",
                     "train", "network", r->model.model->name, "preset", r->preset, "data", r->data_path, "data_hash", r->data_hash, "seed",
                     (json_int_t)r->seed, "device", r->device, "command", r->command_line, "config",
                     med_option_to_json(med_train_keys, &r->config), "model", med_net_to_json(&r->model), "source",
                     r->source, "cases", r->cases, "init", r->init);
}

med_status med_train_run_save(med_train_run *run, const med_train_record *record) {
    json_t *json = record_to_json(record);
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL, *path = med_path_join(run->path, "run.json");
    med_status status = text ? med_file_write(path, text, strlen(text))
                             : med_fail(MED_EUSAGE, "%s: the data set's path or the command line is not UTF-8", path);
    free(text);
    free(path);
    json_decref(json);
    return status;
}

/* A text of run.json, "" where it is not. */
static const char *text_of(const json_t *json, const char *key) {
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "";
}

static med_status parse_record(const char *path, json_t *json, med_train_record *r) {
    *r = (med_train_record){.config = {.subsets = "all", .inputs = "model", .schedule = "common", .lr_decay = "cosine"}, /* older runs lack some */
                            .preset = text_of(json, "preset"),
                            .data_path = text_of(json, "data"),
                            .data_hash = text_of(json, "data_hash"),
                            .command_line = text_of(json, "command"),
                            .device = text_of(json, "device"),
                            .seed = (uint64_t)json_integer_value(json_object_get(json, "seed")),
                            .source = json_object_get(json, "source"),
                            .init = json_object_get(json, "init"),
                            .cases = json_object_get(json, "cases")};
    if (strcmp(text_of(json, "task"), "train") != 0 || !json_is_object(r->cases) || !json_is_object(r->source))
        return med_fail(MED_EFORMAT, "%s: not of a training run", path);
    MED_TRY(med_option_set_json(med_train_keys, &r->config, json_object_get(json, "config"), path));
    const med_model *model;
    med_status status = med_model_find(text_of(json, "network"), &model);
    if (status == MED_OK) status = med_net_from_json(model, json_object_get(json, "model"), &r->model);
    return status == MED_OK ? MED_OK : med_fail_in(status, "%s", path);
}

static med_status read_record(med_train_run *run, const char *path, med_train_record *record) {
    MED_TRY(med_json_load(path, &run->record));
    return parse_record(path, run->record, record);
}

/* What a killed writer left behind. */
static void remove_partial(const char *path) {
    char **names;
    int n;
    if (med_dir_list(path, &names, &n) != MED_OK) return;
    for (int i = 0; i < n; i++) {
        if (!strstr(names[i], ".partial-")) continue;
        char *file = med_path_join(path, names[i]);
        unlink(file);
        free(file);
    }
    med_names_free(names, n);
}

med_status med_train_run_open(const char *path, med_train_run **out, med_train_record *record) {
    *out = NULL;
    char *file = med_path_join(path, "run.json");
    med_status status = med_path_exists(file)
                            ? open_run(path, out)
                            : med_fail(MED_EINPUT, "%s: no run.json: there is no training to resume", path);
    if (status == MED_OK) remove_partial(path);
    if (status == MED_OK) status = read_record(*out, file, record);
    free(file);
    if (status != MED_OK) {
        med_train_run_free(*out);
        *out = NULL;
    }
    return status;
}

med_status med_train_run_check_free(const char *path) {
    if (!med_path_exists(path)) return MED_OK;
    if (!med_path_is_dir(path)) return med_fail(MED_EUSAGE, "%s: is a file, expected a folder for the run", path);
    char **names;
    int n;
    MED_TRY(med_dir_list(path, &names, &n));
    bool is_run = false;
    for (int i = 0; i < n; i++) is_run = is_run || strcmp(names[i], "run.json") == 0;
    med_names_free(names, n);
    if (is_run)
        return med_fail(MED_EUSAGE,
                        "%s: holds a training run already: add --resume to continue it, or name another folder", path);
    return n ? med_fail(MED_EUSAGE, "%s: the folder is not empty: name another for the run", path) : MED_OK;
}

med_status med_train_run_create(const char *path, const med_train_record *record, med_train_run **out) {
    *out = NULL;
    MED_TRY(med_train_run_check_free(path));
    MED_TRY(med_dir_create(path));
    MED_TRY(open_run(path, out));
    med_status status = med_train_run_save(*out, record);
    if (status != MED_OK) {
        med_train_run_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- log.jsonl ---- */

static bool write_pending(med_train_run *run) {
    long before = run->n_pending && fseek(run->log, 0, SEEK_END) == 0 ? ftell(run->log) : -1;
    if (fwrite(run->pending, 1, run->n_pending, run->log) == run->n_pending && fflush(run->log) == 0) return true;
    clearerr(run->log);
    bool is_cut = before >= 0 && ftruncate(fileno(run->log), before) == 0; /* no half lines */
    (void)is_cut;
    return false;
}

med_status med_train_run_log(med_train_run *run, med_train_position *position, const json_t *line) {
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(9));
    char *longer = med_format("%s%s\n", run->pending ? run->pending : "", text);
    free(text);
    free(run->pending);
    run->pending = longer;
    run->n_pending = strlen(longer);
    if (!write_pending(run)) return fail_log(run, "cannot write");
    position->n_log_bytes += (long)run->n_pending;
    free(run->pending);
    run->pending = NULL;
    run->n_pending = 0;
    return MED_OK;
}

med_status med_train_run_cut_log(med_train_run *run, med_train_position *position) {
    if (fseek(run->log, 0, SEEK_END) != 0) return fail_log(run, "cannot seek");
    long n = ftell(run->log);
    if (n > position->n_log_bytes && ftruncate(fileno(run->log), position->n_log_bytes) != 0)
        return fail_log(run, "cannot cut");
    if (n < position->n_log_bytes) position->n_log_bytes = n; /* lost with the machine's power */
    return MED_OK;
}

static med_status draw(const char *log_path, const char *svg_path) {
    med_text svg = {0};
    med_status status = med_report_curves_svg(&svg, log_path);
    if (status == MED_OK) status = svg.status;
    if (status == MED_OK && svg.n) status = med_file_write(svg_path, svg.data, svg.n);
    med_text_free(&svg);
    return status;
}

med_status med_train_run_plot(med_train_run *run) {
    char *log = med_path_join(run->path, "log.jsonl"), *svg = med_path_join(run->path, "progress.svg");
    med_status status = draw(log, svg);
    free(log);
    free(svg);
    return status;
}
