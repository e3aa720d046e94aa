/* report_judge.c: one prediction against truth and opponents: its scores for the table, its pictures for the page. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "task/report_films.h"
#include "task/report_work.h"

void med_report_fact(med_report_work *work, const char *name, const char *format, ...) {
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) return;
    med_text_add(&work->facts, "<dt>%s</dt><dd>", name);
    med_text_escape(&work->facts, text);
    med_text_put(&work->facts, "</dd>\n");
    free(text);
}

void med_report_warn(med_report_work *work, const char *format, ...) {
    va_list args;
    char *text = NULL;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) return;
    med_warn("%s", text);
    med_text_put(&work->warnings, "<p class=\"warning\">");
    med_text_escape(&work->warnings, text);
    med_text_put(&work->warnings, "</p>\n");
    free(text);
}

/* ---- opponents ----------------------------------------------------------------------------------------------- */

med_status med_report_fit_opponents(med_report_work *work, int fold, const med_pair *pairs, int n_pairs,
                                    const int *scored, int n_scored) {
    int *training, n_training, n_shared = 0;
    MED_TRY(med_dataset_split(work->data, fold, "train", &training, &n_training));
    for (int a = 0; a < n_scored; a++)
        for (int b = 0; b < n_training; b++) n_shared += scored[a] == training[b];
    if (n_shared)
        med_report_warn(work,
                        "%d of %d scored cases are also training cases: these numbers do not tell about unseen cases",
                        n_shared, n_scored);
    med_status status =
        med_opponents_fit(work->data, training, n_training, &work->mods, pairs, n_pairs, &work->opponents);
    med_report_fact(work, "Opponents", "learnt from %d training cases", n_training);
    free(training);
    return status;
}

/* ---- scores -------------------------------------------------------------------------------------------------- */

/* The same score as a row of the long table, inputs joined as medley evaluate joins them. */
static void add_rows(med_report_work *work, const char *case_name, med_pair pair, med_method method,
                     const med_case_scores *scores) {
    char *given = med_modset_join(work->mods.name, pair.given, "+");
    for (int c = 0; med_preset_strict.columns[c].name && scores->n_slices; c++)
        med_score_table_add(work->scores, &(med_score){.case_name = case_name,
                                                       .facet = work->mods.name[pair.target],
                                                       .given = given,
                                                       .method = med_table_method(work->table, method),
                                                       .preset = "strict",
                                                       .metric = med_preset_strict.columns[c].name,
                                                       .value = scores->column[c].mean,
                                                       .n_slices = scores->n_slices,
                                                       .slice = -1});
    free(given);
}

/* case_name NULL: only for a caption. */
static med_status score(med_report_work *work, const char *case_name, med_pair pair, med_method method,
                        const med_volume *prediction, const med_volume *truth, med_case_scores *out) {
    MED_TRY(med_score_case(&med_preset_strict, prediction, truth, out));
    if (!case_name) return MED_OK;
    med_table_add(work->table, pair.given, pair.target, method, out);
    add_rows(work, case_name, pair, method, out);
    return MED_OK;
}

static med_status score_opponents(med_report_work *work, const med_report_case *c, med_pair pair) {
    const med_scans *scans = c->scans;
    const med_volume *const *inputs = (const med_volume *const *)scans->input;
    med_volume *opponent = NULL;
    med_case_scores scores;
    MED_TRY(med_opponents_mean(work->opponents, pair.target, inputs[med_modset_first(pair.given)], &opponent));
    med_status status =
        opponent ? score(work, c->name, pair, MED_METHOD_MEAN, opponent, scans->truth[pair.target], &scores) : MED_OK;
    med_volume_free(opponent);
    MED_TRY(status);
    MED_TRY(med_opponents_linear(work->opponents, pair, inputs, &opponent));
    status =
        opponent ? score(work, c->name, pair, MED_METHOD_LINEAR, opponent, scans->truth[pair.target], &scores) : MED_OK;
    med_volume_free(opponent);
    return status;
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

med_status med_report_choose_view(const med_case *c, const med_scans *scans, med_view *out) {
    const med_volume *volumes[MED_MAX_MODS];
    med_volume *label = NULL, *turned = NULL;
    int n = 0;
    MED_MODSET_EACH (j, scans->observed) volumes[n++] = scans->input[j];
    char *path = med_case_path(c, "label", NULL);
    med_status status = med_path_exists(path) ? med_volume_load(path, &label) : MED_OK;
    if (label && status == MED_OK) {
        char code[4];
        med_grid_orientation(volumes[0]->grid, code);
        status = med_volume_reorient(label, code, &turned);
        if (status == MED_OK && !med_grid_equal(turned->grid, volumes[0]->grid, 1e-2)) {
            med_warn("%s lies on another grid than the images: the pictures do not follow it", path);
            med_volume_free(turned);
            turned = NULL;
        }
    }
    if (status == MED_OK) status = med_view_choose(turned, volumes, n, out);
    med_volume_free(turned);
    med_volume_free(label);
    free(path);
    return status;
}

static char *caption_of(const med_report_work *work, const med_report_case *c, med_pair pair,
                        const med_case_scores *scores) {
    char *given = med_modset_join(work->mods.name, pair.given, " + "), *numbers;
    if (!scores)
        numbers = med_strdup("no truth to compare with");
    else if (!scores->n_slices)
        numbers = med_strdup("truth is empty");
    else
        numbers = med_format("PSNR %.2f dB, SSIM %.3f, L1 %.3f",
                             scores->column[med_preset_column_index(&med_preset_strict, "psnr")].mean,
                             scores->column[med_preset_column_index(&med_preset_strict, "ssim")].mean,
                             scores->column[med_preset_column_index(&med_preset_strict, "l1")].mean);
    char *caption = med_format("%s: %s from %s. %s%s.", c->name, work->mods.name[pair.target], given, numbers,
                               c->view->is_at_label ? "; planes through the tumour's centre" : "");
    free(numbers);
    free(given);
    return caption;
}

static med_status draw(med_report_work *work, med_report_case *c, med_pair pair, const med_volume *prediction,
                       const med_case_scores *scores) {
    med_synthesis_films s = {.target = work->mods.name[pair.target],
                             .prediction = prediction,
                             .truth = c->scans->truth[pair.target],
                             .sd = c->sd};
    MED_MODSET_EACH (j, pair.given) {
        s.input_name[s.n_inputs] = work->mods.name[j];
        s.input[s.n_inputs++] = c->scans->input[j];
    }
    work->has_uncertainty |= c->sd != NULL;
    if (!c->is_headed) {
        med_text_put(&work->pictures, "<h3>");
        med_text_escape(&work->pictures, c->heading ? c->heading : c->name);
        med_text_put(&work->pictures, "</h3>\n");
        c->is_headed = true;
    }
    char *caption = caption_of(work, c, pair, scores);
    med_status status = med_report_draw_synthesis(&work->pictures, &s, c->view, caption);
    free(caption);
    return status;
}

med_status med_report_judge(med_report_work *work, med_report_case *c, med_pair pair, const med_volume *prediction,
                            bool is_pictured) {
    const med_volume *truth = c->scans->truth[pair.target];
    med_case_scores scores;
    const char *name = c->is_scored_already ? NULL : c->name;
    if (truth) MED_TRY(score(work, name, pair, MED_METHOD_MODEL, prediction, truth, &scores));
    if (name && truth && work->opponents) MED_TRY(score_opponents(work, c, pair));
    return is_pictured && c->view ? draw(work, c, pair, prediction, truth ? &scores : NULL) : MED_OK;
}
