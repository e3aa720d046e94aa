/* prepare_batch.c: a case is made in a hidden folder beside its place and renamed; at the end all folders with a
 * prepare.json become the manifest. */
#include "data/prepare_batch.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "data/dataset_parts.h"

#define PARTIAL ".partial-" /* .CASE.partial-PID: a case in the making */
static const char MARK[] = "preparing.json"; /* a run that has not ended yet */

typedef struct outcome {
    const char *status; /* NULL: not reached */
    med_status code;
    char *message;
} outcome;

typedef struct run {
    const med_prepare_batch *b;
    med_prepare_case *cases;
    int n;
    outcome *outcomes;
    med_progress *progress;
    pthread_mutex_t lock; /* of progress */
    long n_done;
    atomic_bool is_stopped;
} run;

/* ---- one case ---- */

static med_status move_into_place(const char *temporary, const char *place) {
    if (med_path_exists(place)) med_dir_remove(place);
    if (rename(temporary, place) == 0) return MED_OK;
    return med_fail(MED_EIO, "%s: cannot be put in place: %s", place, strerror(errno));
}

static med_status make(const med_prepare_batch *b, med_prepare_case *c, const char *place) {
    char *temporary = med_format("%s/.%s" PARTIAL "%ld", b->data, c->name, (long)getpid());
    med_status status = med_dir_create(temporary);
    if (status == MED_OK) status = b->write(c, b->options, temporary);
    if (status == MED_OK) status = move_into_place(temporary, place);
    if (status != MED_OK) med_dir_remove(temporary);
    free(temporary);
    return status;
}

static outcome make_or_keep(const med_prepare_batch *b, med_prepare_case *c) {
    if (c->excluded) return (outcome){"excluded", MED_OK, med_strdup(c->excluded)};
    if (!med_case_name_is_valid(c->name))
        return (outcome){"failed", MED_EUSAGE, med_strdup("not a name that a folder can have")};
    char *place = med_path_join(b->data, c->name), *notes = med_path_join(place, "prepare.json");
    outcome out = {"kept", MED_OK, NULL};
    if (b->force || !med_path_exists(notes)) {
        out.code = make(b, c, place);
        out.status = out.code == MED_OK ? "made" : c->excluded ? "excluded" : "failed";
        if (out.code != MED_OK) out.message = med_strdup(med_message());
        if (c->excluded) out.code = MED_OK;
    }
    free(place);
    free(notes);
    return out;
}

static void case_task(void *context, int i) {
    run *r = context;
    if (r->is_stopped) return;
    r->outcomes[i] = make_or_keep(r->b, &r->cases[i]);
    bool is_failed = r->outcomes[i].code != MED_OK;
    if (is_failed && r->n == 1) return; /* its message is that of the batch */
    if (r->outcomes[i].message) med_warn("%s", r->outcomes[i].message);
    if (is_failed && r->b->strict) r->is_stopped = true;
    pthread_mutex_lock(&r->lock);
    med_progress_update(r->progress, ++r->n_done, "%s", r->cases[i].name);
    pthread_mutex_unlock(&r->lock);
}

/* ---- manifest ---- */

static med_status add_to_manifest(med_manifest *m, const char *data, const char *name) {
    enum { MAX_WARNINGS = MED_PREPARE_WARNINGS };
    const char *warnings[MAX_WARNINGS];
    char *path = med_format("%s/%s/prepare.json", data, name);
    json_t *root = NULL, *text;
    med_status status = med_path_exists(path) ? med_json_load(path, &root) : MED_OK;
    if (root) {
        med_manifest_case c = {.name = name, .warnings = warnings};
        size_t i;
        json_array_foreach (json_object_get(root, "warnings"), i, text)
            if (c.n_warnings < MAX_WARNINGS && json_is_string(text)) warnings[c.n_warnings++] = json_string_value(text);
        c.notes = json_incref(json_object_get(root, "notes"));
        status = med_manifest_add_case(m, data, &c);
        json_decref(root);
    }
    free(path);
    return status;
}

static med_status save_manifest(const med_prepare_batch *b) {
    med_manifest *m = med_manifest_create(&b->head);
    char **names;
    int n;
    med_manifest_set(m, "preparation", b->preparation);
    med_status status = med_dir_list(b->data, &names, &n);
    if (status == MED_OK) {
        for (int i = 0; i < n && status == MED_OK; i++) status = add_to_manifest(m, b->data, names[i]);
        med_names_free(names, n);
    }
    if (status == MED_OK) status = med_manifest_save(m, b->data);
    med_manifest_free(m);
    return status;
}

/* ---- all ---- */

static bool has_file(const char *data, const char *name) {
    char *path = med_path_join(data, name);
    bool has = med_path_exists(path);
    free(path);
    return has;
}

/* Folders of cases whose process is gone. */
static void remove_stale(const char *data) {
    DIR *stream = opendir(data);
    if (!stream) return;
    for (struct dirent *entry; (entry = readdir(stream));) {
        const char *mark = entry->d_name[0] == '.' ? strstr(entry->d_name, PARTIAL) : NULL;
        long pid = mark ? strtol(mark + strlen(PARTIAL), NULL, 10) : 0;
        if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH) continue;
        char *path = med_path_join(data, entry->d_name);
        med_dir_remove(path);
        free(path);
    }
    closedir(stream);
}

static med_status open_data(const char *data) {
    char **names;
    int n;
    MED_TRY(med_dir_create(data));
    MED_TRY(med_dir_list(data, &names, &n));
    med_names_free(names, n);
    if (n && !has_file(data, "manifest.json") && !has_file(data, MARK))
        return med_fail(MED_EUSAGE, "%s: is not empty and no data set of medley; nothing was changed", data);
    remove_stale(data);
    char *mark = med_path_join(data, MARK);
    med_status status = med_file_write(mark, "{}\n", 3);
    free(mark);
    return status;
}

/* Without its manifest the folder stays marked, so that the next run goes on in it. */
static void close_data(const char *data, bool is_saved) {
    char *mark = med_path_join(data, MARK);
    if (is_saved) unlink(mark);
    rmdir(data); /* when nothing came of it; what holds files stays */
    free(mark);
}

static json_t *text_of(const char *text) {
    json_t *value = json_string(text);
    return value ? value : json_string("(not UTF-8)");
}

static void report_case(const med_prepare_case *c, const outcome *o, json_t *list) {
    json_t *warnings = json_array(), *row = json_pack("{s:o, s:s}", "name", text_of(c->name), "status", o->status);
    for (int w = 0; w < c->n_warnings; w++) json_array_append_new(warnings, text_of(c->warnings[w]));
    if (o->message) json_object_set_new(row, "message", text_of(o->message));
    json_object_set_new(row, "warnings", warnings);
    json_array_append_new(list, row);
}

/* Counts and rows; the message of the first failure becomes the batch's. */
static med_status conclude(const run *r, int n, json_t *report) {
    static const char *const words[] = {"made", "kept", "failed", "excluded"};
    json_t *list = json_array();
    int count[4] = {0}, first = -1;
    for (int i = 0; i < n; i++) {
        const outcome *o = &r->outcomes[i];
        if (!o->status) continue;
        for (int w = 0; w < 4; w++) count[w] += strcmp(o->status, words[w]) == 0;
        if (o->code != MED_OK && first < 0) first = i;
        report_case(&r->cases[i], o, list);
    }
    json_object_update_new(report, json_pack("{s:o, s:i, s:i, s:i, s:i}", "cases", list, "n_made", count[0], "n_kept",
                                             count[1], "n_failed", count[2], "n_excluded", count[3]));
    if (first < 0) return MED_OK;
    if (n == 1) return med_fail(r->outcomes[0].code, "%s", r->outcomes[0].message);
    return med_fail(MED_EFAIL, "%d of %d cases failed, the first: %s", count[2], n, r->outcomes[first].message);
}

med_status med_prepare_batch_run(const med_prepare_batch *b, med_prepare_case *cases, int n, json_t *report) {
    med_status opened = open_data(b->data);
    if (opened != MED_OK) {
        json_decref(b->preparation);
        return opened;
    }
    run r = {.b = b, .cases = cases, .n = n, .outcomes = med_alloc((size_t)(n + 1) * sizeof *r.outcomes)};
    pthread_mutex_init(&r.lock, NULL);
    r.progress = med_progress_start("preparing", n);
    if (b->max_memory_mb >= b->case_memory_mb * med_threads())
        med_parallel(n, case_task, &r); /* each case on one thread */
    else
        for (int i = 0; i < n; i++) case_task(&r, i);
    med_progress_end(r.progress);
    pthread_mutex_destroy(&r.lock);
    med_status status = conclude(&r, n, report);
    bool has_any =
        json_integer_value(json_object_get(report, "n_made")) + json_integer_value(json_object_get(report, "n_kept")) >
        0;
    med_status saved = has_any ? save_manifest(b) : MED_OK;
    if (!has_any) json_decref(b->preparation);
    close_data(b->data, saved == MED_OK);
    for (int i = 0; i < n; i++) free(r.outcomes[i].message);
    free(r.outcomes);
    return status != MED_OK ? status : saved;
}
