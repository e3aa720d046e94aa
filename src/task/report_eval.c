/* report_eval.c: folders of `medley evaluate -o`: their scores, who made them by which commands, how their methods differ, and
 * which cases are shown. */
#include "task/report_eval.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/compare_methods.h"

typedef med_report_source evaluation;

typedef struct gathering {
    med_report_work *work;
    int n;
    evaluation *list;
} gathering;

bool med_report_is_eval(const char *path) {
    size_t n = strlen(path);
    if (!med_path_is_dir(path)) return n > 4 && !strcmp(path + n - 4, ".csv") && med_path_exists(path);
    char *csv = med_score_table_path(path);
    bool is_there = med_path_exists(csv);
    free(csv);
    return is_there;
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static med_status read_summary(evaluation *e) {
    char *path = med_path_is_dir(e->path) ? med_path_join(e->path, "summary.json") : NULL;
    med_status status = path && med_path_exists(path) ? med_json_load(path, &e->summary) : MED_OK;
    free(path);
    return status;
}

static bool is_consistency(const evaluation *e) {
    const char *kind = json_string_value(json_object_get(e->summary, "kind"));
    return kind && !strcmp(kind, "consistency");
}

static const json_t *weights_of(const evaluation *e) { return json_object_get(e->summary, "weights_sha256"); }

/* Evaluations of one network, of other inputs or targets each: together they are one method. */
static bool are_of_one_network(const gathering *g) {
    const json_t *weights = NULL;
    med_score_table *probe = med_score_table_create(MED_SCORE_IMAGES);
    bool are_one = true;
    for (int i = 0; i < g->n && are_one; i++) {
        if (is_consistency(&g->list[i])) continue;
        if (!weights) weights = weights_of(&g->list[i]);
        are_one = json_array_size(weights) == 1 && json_equal(weights, weights_of(&g->list[i])) &&
                  med_score_table_load(probe, g->list[i].csv, "") == MED_OK; /* no row twice */
    }
    med_score_table_free(probe);
    return are_one;
}

static med_status read_scores(gathering *g) {
    med_report_work *work = g->work;
    bool is_one = g->n == 1 || are_of_one_network(g);
    work->scores = med_score_table_create(MED_SCORE_IMAGES);
    work->back = med_score_table_create(MED_SCORE_IMAGES);
    for (int i = 0; i < g->n; i++) {
        evaluation *e = &g->list[i];
        bool is_back = is_consistency(e);
        e->method = is_one || is_back ? med_strdup("") : med_score_table_method(e->path);
        e->first = work->scores->n;
        MED_TRY(med_score_table_load(is_back ? work->back : work->scores, e->csv, e->method));
        e->end = work->scores->n;
    }
    return MED_OK;
}

static med_status read_all(gathering *g) {
    const med_report_options *o = g->work->options;
    g->n = o->n_paths;
    g->list = med_alloc(sizeof *g->list * (size_t)g->n);
    for (int i = 0; i < g->n; i++) {
        evaluation *e = &g->list[i];
        e->path = o->paths[i];
        if (!med_report_is_eval(e->path))
            return med_fail(MED_EINPUT,
                            "%s: no per_case.csv: several arguments must all be folders of medley evaluate -o",
                            e->path);
        e->csv = med_score_table_path(e->path);
        MED_TRY(read_summary(e));
    }
    return read_scores(g);
}

static void gathering_free(gathering *g) {
    for (int i = 0; g->list && i < g->n; i++) {
        free(g->list[i].csv);
        free(g->list[i].method);
        json_decref(g->list[i].summary);
    }
    free(g->list);
}

/* ---- facts --------------------------------------------------------------------------------------------------- */

static void tell_evaluation(med_report_work *work, const evaluation *e) {
    char hash[65];
    const char *command = json_string_value(json_object_get(e->summary, "command"));
    const json_t *weights = json_array_get(weights_of(e), 0);
    const char *version = json_string_value(json_object_get(e->summary, "medley"));
    const json_t *interval = json_object_get(e->summary, "interval");
    if (med_file_sha256(e->csv, hash) == MED_OK) med_report_fact(work, "Scores", "%s, SHA-256 %s", e->csv, hash);
    if (command)
        med_report_fact(work, "Judged by", "%s (medley %s)", command, version ? version : "of unknown version");
    if (is_consistency(e) && json_is_string(weights))
        med_report_fact(work, "Weights", "%s, SHA-256 %s", json_string_value(json_object_get(e->summary, "pred")),
                        json_string_value(weights));
    if (interval)
        med_report_fact(work, "Intervals", "%s, %lld draws, seed %lld",
                        json_string_value(json_object_get(interval, "method")),
                        (long long)json_integer_value(json_object_get(interval, "draws")),
                        (long long)json_integer_value(json_object_get(interval, "seed")));
    size_t i, n_warnings = json_array_size(json_object_get(e->summary, "warnings"));
    json_t *warning;
    json_array_foreach (json_object_get(e->summary, "warnings"), i, warning)
        if (i < 10) med_report_warn(work, "%s", json_string_value(warning));
    if (n_warnings > 10) med_report_warn(work, "and %zu more warnings in %s/summary.json", n_warnings - 10, e->path);
    json_int_t n_seen = json_integer_value(json_object_get(e->summary, "n_seen_in_training"));
    if (n_seen)
        med_report_warn(work, "%s: %lld cases have been seen in training: %s", e->path, (long long)n_seen,
                        json_is_true(json_object_get(e->summary, "includes_seen")) ? "they are in the means"
                                                                                   : "left out of the means");
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

bool med_report_options_of(med_report_work *work, const med_report_source *source, med_evaluate_options *out) {
    const json_t *options = json_object_get(source->summary, "options"), *given = json_object_get(options, "given");
    *out = (med_evaluate_options){.pred = json_string_value(json_object_get(source->summary, "pred")),
                                  .ref = json_string_value(json_object_get(source->summary, "ref")),
                                  .range = json_string_value(json_object_get(options, "range")),
                                  .reference_range = json_string_value(json_object_get(options, "reference_range")),
                                  .fov = json_string_value(json_object_get(options, "fov")),
                                  .resample_to = json_string_value(json_object_get(options, "resample_to")),
                                  .ignores_affine = json_is_true(json_object_get(options, "ignore_affine"))};
    if (!out->resample_to) out->resample_to = "none";
    for (size_t i = 0; i < json_array_size(given) && i < MED_MAX_STRINGS; i++)
        out->given.item[out->given.n++] = json_string_value(json_array_get(given, i));
    if (!out->pred || !out->ref) return false;
    if (med_path_exists(out->pred) && med_path_exists(out->ref)) return true;
    med_report_warn(work, "%s or %s is not there any more: no pictures of %s", out->pred, out->ref, source->path);
    return false;
}

med_volume *med_report_load_input(const char *path, const char *mod, const med_volume *like) {
    char wanted[4];
    med_volume *stored, *turned = NULL;
    if (!med_path_exists(path) || med_input_load(path, mod, &stored) != MED_OK) return NULL;
    med_grid_orientation(like->grid, wanted);
    med_status status = med_volume_reorient(stored, wanted, &turned);
    med_volume_free(stored);
    if (status == MED_OK && med_grid_equal(turned->grid, like->grid, 1e-2)) return turned;
    med_volume_free(turned);
    return NULL;
}

static int by_value(const void *a, const void *b) {
    const med_score *x = *(const med_score *const *)a, *y = *(const med_score *const *)b;
    return x->value < y->value ? -1 : x->value > y->value;
}

/* Place `turn` of `n_turns` from worst to best among n. */
int med_report_rank(int turn, int n_turns, int n) {
    return n_turns < 2 ? 0 : (int)((long)turn * (n - 1) / (n_turns - 1));
}

const char *med_report_rank_name(int turn, int n_turns) {
    if (turn == 0) return "Worst";
    if (turn == n_turns - 1) return "Best";
    return 2 * turn == n_turns - 1 ? "Median" : "Next";
}

static char *caption_of(const med_report_metric *m, const med_score *row, int turn, int n_turns, int n) {
    char number[32];
    med_score_format(number, m->metric, row->value);
    return med_format("%s case of %d: %s, %s %s%s", med_report_rank_name(turn, n_turns), n, row->case_name, m->title,
                      number, med_seen_is_biased(row->seen) ? "; seen in training" : "");
}

med_status med_report_draw_series(med_report_work *work, const med_report_source *source, const med_report_metric *m,
                                  const med_score *series, const char *heading, med_report_draw_case *draw,
                                  void *context) {
    const med_score_table *t = work->scores;
    const med_score **sorted = med_alloc(sizeof *sorted * (size_t)(source->end - source->first + 1));
    int n = 0, n_turns = work->options->n_pictured;
    for (int i = source->first; i < source->end; i++)
        if (med_report_counts(&t->row[i], m, true) && med_score_same_series(&t->row[i], series))
            sorted[n++] = &t->row[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    if (n_turns > n) n_turns = n;
    if (n_turns) {
        med_text_put(&work->pictures, "<h3>");
        med_text_escape(&work->pictures, heading);
        med_text_put(&work->pictures, "</h3>\n");
    }
    med_status status = MED_OK;
    for (int turn = 0; turn < n_turns && status == MED_OK; turn++) {
        int at = med_report_rank(turn, n_turns, n);
        const med_score *row = sorted[m->better < 0 ? n - 1 - at : at];
        char *caption = caption_of(m, row, turn, n_turns, n);
        status = draw(context, work, row, caption);
        free(caption);
    }
    free(sorted);
    return status;
}

static med_status draw_source(med_report_work *work, const evaluation *e) {
    if (!work->options->n_pictured || !e->summary || e->end == e->first) return MED_OK;
    switch (work->scores->kind) {
    case MED_SCORE_IMAGES: return med_report_image_pictures(work, e);
    case MED_SCORE_SEGMENTATION: return med_report_mask_pictures(work, e);
    default: return MED_OK;
    }
}

/* ---- methods beside each other ------------------------------------------------------------------------------- */

/* Two methods or more: the table of medley compare-methods. */
static med_status compare(gathering *g) {
    med_compare_methods_options o = {.seed = g->work->options->seed};
    int n = 0;
    json_t *json = json_object();
    char *table = NULL, **files = med_alloc(sizeof(char *) * (size_t)g->n);
    for (int i = 0; i < g->n; i++)
        if (!is_consistency(&g->list[i])) files[n++] = g->list[i].csv;
    o.files = files;
    o.n_files = n;
    med_status status = med_compare_methods(&o, json, &table);
    if (status == MED_OK) {
        med_text_put(&g->work->sections, "<h2>Methods beside each other</h2>\n<pre>");
        med_text_escape(&g->work->sections, table);
        med_text_put(&g->work->sections, "</pre>\n");
    }
    free(table);
    free(files);
    json_decref(json);
    return status;
}

static bool has_two_methods(const med_score_table *t) {
    for (int i = 1; i < t->n; i++)
        if (strcmp(t->row[i].method, t->row[0].method)) return true;
    return false;
}

med_status med_report_from_eval(med_report_work *work) {
    gathering g = {.work = work};
    med_status status = read_all(&g);
    for (int i = 0; i < g.n && status == MED_OK; i++) tell_evaluation(work, &g.list[i]);
    if (status == MED_OK && has_two_methods(work->scores)) status = compare(&g);
    for (int i = 0; i < g.n && status == MED_OK; i++) status = draw_source(work, &g.list[i]);
    gathering_free(&g);
    return status;
}
