/* report_proxy.c: means per model on both sides, then rank correlations over models. Lower-is-better scores are not turned
 * round: LPIPS that follows Dice well has a correlation near -1. */
#include "task/report_proxy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/report_scores.h"

enum { MAX_MODELS = 64, FEWEST = 3 };

typedef struct proxy {
    med_score_table *images, *downstream;
    int n_models;
    const char *model[MAX_MODELS]; /* of both sides, by first appearance */
    json_t *unpaired;
} proxy;

static med_status load_one(proxy *p, const char *path) {
    char *csv = med_score_table_path(path), *name = med_score_table_method(path);
    med_score_table *probe = med_score_table_create(MED_SCORE_IMAGES), **to;
    med_status status = med_score_table_load(probe, csv, name);
    if (status == MED_OK) {
        to = probe->kind == MED_SCORE_IMAGES ? &p->images : &p->downstream;
        if (!*to) *to = med_score_table_create(probe->kind);
        status = med_score_table_load(*to, csv, name);
    }
    med_score_table_free(probe);
    free(name);
    free(csv);
    return status;
}

static bool has_model(const med_score_table *t, const char *model) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->row[i].method, model)) return true;
    return false;
}

static void list_unpaired(proxy *p, const med_score_table *t, const med_score_table *other) {
    for (int i = 0; i < t->n; i++) {
        bool is_first = true;
        for (int k = 0; k < i && is_first; k++) is_first = strcmp(t->row[k].method, t->row[i].method) != 0;
        if (is_first && !has_model(other, t->row[i].method))
            json_array_append_new(p->unpaired, json_string(t->row[i].method));
    }
}

static med_status find_models(proxy *p) {
    if (!p->images || !p->downstream)
        return med_fail(MED_EUSAGE, "report proxy needs both: evaluations of images, and of masks or registrations");
    list_unpaired(p, p->images, p->downstream);
    list_unpaired(p, p->downstream, p->images);
    for (int i = 0; i < p->images->n; i++) {
        const char *model = p->images->row[i].method;
        bool is_new = has_model(p->downstream, model);
        for (int m = 0; m < p->n_models && is_new; m++) is_new = strcmp(p->model[m], model) != 0;
        if (is_new && p->n_models < MAX_MODELS) p->model[p->n_models++] = model;
    }
    if (p->n_models >= FEWEST) return MED_OK;
    return med_fail(
        MED_EUSAGE,
        "%d models are in both kinds of evaluation, a rank correlation needs %d: name them alike with --method",
        p->n_models, FEWEST);
}

/* Mean over cases (and targets); of masks the mean over labels. NaN: none. */
static double mean_of(const med_score_table *t, const med_report_metric *m, const char *model) {
    double sum = 0, n = 0;
    for (int i = 0; i < t->n; i++) {
        const med_score *row = &t->row[i];
        if (strcmp(row->method, model) || !med_report_counts(row, m, false)) continue;
        if (t->kind == MED_SCORE_SEGMENTATION && strcmp(row->facet, "mean")) continue;
        if (med_score_is_reconstruction(row)) continue;
        sum += row->value, n++;
    }
    return n > 0 ? sum / n : NAN;
}

static void correlate(const proxy *p, const med_report_metric *image, const med_report_metric *task, json_t *list,
                      FILE *to) {
    double x[MAX_MODELS], y[MAX_MODELS];
    int n = 0;
    for (int m = 0; m < p->n_models; m++) {
        x[n] = mean_of(p->images, image, p->model[m]);
        y[n] = mean_of(p->downstream, task, p->model[m]);
        n += isfinite(x[n]) && isfinite(y[n]);
    }
    double rho = n >= FEWEST ? med_spearman(x, y, n) : NAN;
    json_t *one = json_pack("{s:s, s:s, s:s, s:i}", "preset", image->preset, "image", image->metric, "downstream",
                            task->metric, "n", n);
    json_object_set_new(one, "spearman", med_json_number(rho));
    json_array_append_new(list, one);
    fprintf(to, "%-28s %-24s %5d ", image->title, task->title, n);
    med_score_print_number(to, 8, "", rho);
    fputc('\n', to);
}

static void correlate_all(const proxy *p, json_t *json, char **table) {
    const med_report_metric *image[MED_MAX_REPORT_METRICS], *task[MED_MAX_REPORT_METRICS];
    int n_image = med_report_metrics(p->images, image), n_task = med_report_metrics(p->downstream, task);
    json_t *list = json_array(), *models = json_array();
    size_t size;
    FILE *to = open_memstream(table, &size);
    med_assert(to != NULL);
    fprintf(to, "%-28s %-24s %5s %9s\n", "image score", "downstream score", "n", "Spearman");
    for (int i = 0; i < n_image; i++)
        for (int k = 0; k < n_task; k++) correlate(p, image[i], task[k], list, to);
    fprintf(to, "over models (methods); each is the mean of its cases");
    if (json_array_size(p->unpaired)) fprintf(to, "; %zu methods are in one kind only", json_array_size(p->unpaired));
    fputc('\n', to);
    fclose(to);
    for (int m = 0; m < p->n_models; m++) json_array_append_new(models, json_string(p->model[m]));
    json_object_set_new(json, "models", models);
    json_object_set_new(json, "correlations", list);
    json_object_set(json, "unpaired", p->unpaired);
}

med_status med_report_proxy(int n_paths, char **paths, json_t *json, char **table) {
    proxy p = {.unpaired = json_array()};
    med_status status = MED_OK;
    *table = NULL;
    for (int i = 0; i < n_paths && status == MED_OK; i++) status = load_one(&p, paths[i]);
    if (status == MED_OK) status = find_models(&p);
    if (status == MED_OK) correlate_all(&p, json, table);
    med_score_table_free(p.images);
    med_score_table_free(p.downstream);
    json_decref(p.unpaired);
    return status;
}
