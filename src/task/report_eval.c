/* report_eval.c: folders of `medley evaluate -o`: their scores, who made them by which commands, and for images the worst,
 * the median and the best case in pictures. */
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "task/compare_methods.h"
#include "task/evaluate_images.h"
#include "task/report_curves.h"
#include "task/report_scores.h"
#include "task/report_work.h"

enum { MAX_PICTURED = 6 /* (target, inputs, method) */ };

typedef struct evaluation { /* one folder */
    const char *path;
    char *csv, *method; /* method: of rows without one */
    json_t *summary;    /* NULL: a lone per_case.csv */
    int first, end;     /* its rows in the table */
} evaluation;

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

/* How the first image of this evaluation was made, and the curves of that training where its log lies by the weights. */
static med_status tell_model(med_report_work *work, const json_t *sidecar) {
    const json_t *weights = json_object_get(sidecar, "weights"), *temperature = json_object_get(sidecar, "temperature");
    const char *command = json_string_value(json_object_get(sidecar, "command"));
    const char *path = json_string_value(json_object_get(weights, "path"));
    const char *hash = json_string_value(json_object_get(weights, "sha256"));
    if (command) med_report_fact(work, "Synthesised by", "%s", command);
    if (path) med_report_fact(work, "Weights", "%s, SHA-256 %s", path, hash ? hash : "not recorded");
    if (json_is_number(temperature))
        med_report_fact(work, "Sampling", "temperature %g, %lld draws, seed %lld", json_number_value(temperature),
                        (long long)json_integer_value(json_object_get(sidecar, "samples")),
                        (long long)json_integer_value(json_object_get(sidecar, "seed")));
    if (!path || work->curves.n) return MED_OK;
    char *copy = med_strdup(path), *log = med_path_join(dirname(copy), "log.jsonl");
    med_status status = med_report_curves(&work->curves, log);
    free(log);
    free(copy);
    return status;
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

/* The images that the prediction was made from, as far as they are still there and on its grid. */
static int load_inputs(const med_image_pair *p, med_volume *inputs[MED_MAX_MODS], const char *names[MED_MAX_MODS]) {
    const char *mod;
    json_t *value;
    int n = 0;
    char code[4], own[4];
    med_grid_orientation(p->reference->grid, code);
    json_object_foreach (json_object_get(p->sidecar, "inputs"), mod, value) {
        const char *path = json_string_value(json_is_object(value) ? json_object_get(value, "path") : value);
        med_volume *stored, *turned = NULL;
        if (n == MED_MAX_MODS || !path || !med_path_exists(path) || med_input_load(path, mod, &stored) != MED_OK)
            continue;
        med_grid_orientation(stored->grid, own);
        med_status status = med_volume_reorient(stored, code, &turned);
        med_volume_free(stored);
        if (status == MED_OK && med_grid_equal(turned->grid, p->reference->grid, 1e-2)) {
            names[n] = mod;
            inputs[n++] = turned;
        } else
            med_volume_free(turned);
    }
    return n;
}

/* CASE-MOD-sd.nii.gz at network scale; NULL: none. */
static med_volume *load_sd(const med_image_pair *p) {
    char stem[MED_FOUND_NAME];
    med_volume *sd = NULL;
    if (!med_found_image_stem(med_path_base(p->pred->path), stem)) return NULL;
    char *path =
        med_format("%.*s%s-sd.nii.gz", (int)(med_path_base(p->pred->path) - p->pred->path), p->pred->path, stem);
    const med_file_scale plain = {-1, 1, false};
    if (med_path_exists(path) && med_image_load_scaled(path, &plain, p->reference, &sd) != MED_OK) sd = NULL;
    for (size_t i = 0; sd && i < med_grid_count(sd->grid); i++)
        sd->voxel[i] *= (float)(2 / (p->scale.hi - p->scale.lo));
    free(path);
    return sd;
}

static med_status draw_pair(med_report_work *work, const med_image_pair *p, const char *caption) {
    med_volume *inputs[MED_MAX_MODS] = {NULL}, *sd = load_sd(p);
    const char *names[MED_MAX_MODS];
    int n_inputs = load_inputs(p, inputs, names), n = 0;
    med_film films[MED_MAX_MODS + 4];
    char *titles[MED_MAX_MODS + 4];
    const med_volume *seen[] = {p->reference};
    med_view view;
    for (int i = 0; i < n_inputs; i++) {
        titles[n] = med_format("input %s", names[i]);
        films[n] = (med_film){titles[n], MED_FILM_GREY, inputs[i], NULL};
        n++;
    }
    const struct {
        const char *text;
        med_film_kind kind;
        const med_volume *volume, *minus;
    } others[] = {{"synthetic", MED_FILM_MADE, p->prediction, NULL},
                  {"true", MED_FILM_GREY, p->reference, NULL},
                  {"difference", MED_FILM_DIFFERENCE, p->prediction, p->reference},
                  {"uncertainty", MED_FILM_UNCERTAINTY, sd, NULL}};
    for (int i = 0; i < (sd ? 4 : 3); i++, n++) {
        titles[n] = med_format("%s%s%s", others[i].text, i < 2 ? " " : "", i < 2 ? p->pred->key : "");
        films[n] = (med_film){titles[n], others[i].kind, others[i].volume, others[i].minus};
    }
    med_status status = med_view_choose(NULL, seen, 1, &view);
    if (status == MED_OK) status = med_report_figure(&work->pictures, films, n, &view, caption);
    for (int i = 0; i < n; i++) free(titles[i]);
    for (int i = 0; i < n_inputs; i++) med_volume_free(inputs[i]);
    work->has_uncertainty |= sd != NULL;
    med_volume_free(sd);
    return status;
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

static med_status draw_series(med_report_work *work, med_image_judge *judge, const med_report_metric *m,
                              const med_score *series, const evaluation *e) {
    const med_score_table *t = work->scores;
    const med_score **sorted = med_alloc(sizeof *sorted * (size_t)(t->n + 1));
    int n = 0, n_turns = work->options->n_pictured;
    for (int i = e->first; i < e->end; i++)
        if (med_report_counts(&t->row[i], m, true) && med_score_same_series(&t->row[i], series))
            sorted[n++] = &t->row[i];
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    if (n_turns > n) n_turns = n;
    med_status status = MED_OK;
    char *label = med_report_label(series, true);
    if (n_turns) {
        med_text_put(&work->pictures, "<h3>");
        med_text_escape(&work->pictures, label);
        med_text_put(&work->pictures, "</h3>\n");
    }
    for (int turn = 0; turn < n_turns && status == MED_OK; turn++) {
        int at = med_report_rank(turn, n_turns, n);
        const med_score *row = sorted[m->better < 0 ? n - 1 - at : at];
        const med_found *pred = med_found_get(&judge->pred, row->case_name, row->facet);
        const med_found *ref = med_found_get(&judge->ref, row->case_name, row->facet);
        if (!pred || !ref) continue;
        med_image_pair p;
        char number[32], *caption;
        med_score_format(number, m->metric, row->value);
        caption = med_format("%s case of %d: %s, %s %s%s", med_report_rank_name(turn, n_turns), n, row->case_name,
                             m->title, number, med_seen_is_biased(row->seen) ? "; seen in training" : "");
        status = med_image_pair_load(judge, pred, ref, &p);
        if (status == MED_OK) status = draw_pair(work, &p, caption);
        med_image_pair_free(&p);
        free(caption);
    }
    free(label);
    free(sorted);
    return status;
}

static void options_of(const json_t *summary, med_evaluate_options *o) {
    const json_t *options = json_object_get(summary, "options"), *given = json_object_get(options, "given");
    *o = (med_evaluate_options){.pred = json_string_value(json_object_get(summary, "pred")),
                                .ref = json_string_value(json_object_get(summary, "ref")),
                                .range = json_string_value(json_object_get(options, "range")),
                                .reference_range = json_string_value(json_object_get(options, "reference_range")),
                                .ignores_affine = json_is_true(json_object_get(options, "ignore_affine"))};
    for (size_t i = 0; i < json_array_size(given) && i < MED_MAX_STRINGS; i++)
        o->given.item[o->given.n++] = json_string_value(json_array_get(given, i));
}

static med_status draw_evaluation(med_report_work *work, const evaluation *e) {
    const med_report_metric *shown[MED_MAX_REPORT_METRICS];
    const med_score_table *t = work->scores;
    const med_score *series[MAX_PICTURED];
    med_evaluate_options o;
    int n = 0;
    options_of(e->summary, &o);
    if (!med_report_metrics(t, shown) || !o.pred || !o.ref) return MED_OK;
    if (!med_path_exists(o.pred) || !med_path_exists(o.ref)) {
        med_report_warn(work, "%s or %s is not there any more: no pictures of %s", o.pred, o.ref, e->path);
        return MED_OK;
    }
    for (int i = e->first; i < e->end && n < MAX_PICTURED; i++) {
        bool is_new = med_report_counts(&t->row[i], shown[0], true);
        for (int k = 0; k < n && is_new; k++) is_new = !med_score_same_series(series[k], &t->row[i]);
        if (is_new) series[n++] = &t->row[i];
    }
    med_image_judge judge;
    med_status status = med_image_judge_open(&o, &judge);
    json_t *sidecar = NULL;
    if (status == MED_OK) status = med_sidecar_load(judge.pred.item[0].path, &sidecar);
    if (status == MED_OK) status = tell_model(work, sidecar);
    for (int k = 0; k < n && status == MED_OK; k++) status = draw_series(work, &judge, shown[0], series[k], e);
    json_decref(sidecar);
    med_image_judge_free(&judge);
    return status;
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
    for (int i = 0; i < g.n && status == MED_OK && work->options->n_pictured; i++)
        if (g.list[i].end > g.list[i].first && work->scores->kind == MED_SCORE_IMAGES && g.list[i].summary)
            status = draw_evaluation(work, &g.list[i]);
    gathering_free(&g);
    return status;
}
