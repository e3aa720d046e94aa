/* report.c: the way through: gather from a run or a folder of images, then write the page. */
#include "task/report.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "task/report_scores.h"
#include "task/report_style.h"
#include "task/report_work.h"

/* ---- the page ------------------------------------------------------------------------------------------------ */

static void write_facts(const med_report_work *work, med_text *page) {
    med_text_put(page, "<dl>\n");
    med_text_append(page, &work->facts);
    med_text_add(page, "<dt>Program</dt><dd>medley %s</dd>\n", MEDLEY_VERSION);
    if (work->options->command_line) {
        med_text_put(page, "<dt>This page by</dt><dd>");
        med_text_escape(page, work->options->command_line);
        med_text_put(page, "</dd>\n");
    }
    med_text_put(page, "</dl>\n");
}

/* Evaluations: what was judged, and the headline table. */
static void write_eval_head(const med_report_work *work, med_text *page) {
    static const char *const titles[] = {"Synthetic images beside true ones", "Masks beside true ones",
                                         "Registrations by landmarks"};
    const med_score_table *shown = work->scores->n || !work->back->n ? work->scores : work->back;
    int n = med_score_n_cases(shown, false);
    med_text_add(page, "<p class=\"kicker\">medley report</p>\n<h1>%s</h1>\n<p class=\"lead\">%d case%s.</p>\n",
                 shown == work->back ? "A network there and back" : titles[shown->kind], n, n == 1 ? "" : "s");
    if (work->scores->kind == MED_SCORE_IMAGES)
        med_text_put(page,
                     "<p>Images named <strong>synthetic</strong> were computed by a neural network. No scanner made "
                     "them; they show what is likely, not what is there, and are not for diagnosis.</p>\n");
    med_text_append(page, &work->warnings);
    if (!work->scores->n) return;
    med_text_put(page, "<h2>Scores</h2>\n");
    med_report_headline(work->scores, work->cells, work->n_cells, page);
    med_text_put(
        page, "<p class=\"note\">Mean &plusmn; standard deviation over cases, and the 95 % bootstrap interval of the "
              "mean (from 5 cases on). Cases that a model has seen in training (column seen) are left out. "
              "<code>medley evaluate --explain</code> prints every formula.</p>\n");
}

/* A diagnostic, in a section of its own. */
static void write_back(const med_report_work *work, med_text *page) {
    if (!work->back || !work->back->n) return;
    med_text_put(page,
                 "<h2>There and back</h2>\n"
                 "<p>The network makes another modality from a scan, and from that image alone the scan again. The "
                 "rows say how near the end is to the beginning. This is a diagnostic and no score of the image in "
                 "between: a network can be consistent and wrong.</p>\n");
    med_report_headline(work->back, work->back_cells, work->n_back_cells, page);
}

static void write_plots(const med_report_work *work, med_text *page) {
    med_text_put(page, "<h2>Every case</h2>\n");
    med_report_heat(work->scores, work->cells, work->n_cells, page);
    med_report_boxes(work->scores, false, page);
    med_report_paired(work->scores, false, page);
    med_report_bland_altman(work->scores, page);
}

static void write_head(const med_report_work *work, const med_table_verdict *v, med_text *page) {
    med_text_put(page, "<p class=\"kicker\">medley report</p>\n<h1>");
    if (!v->n_pairs)
        med_text_put(page, "Synthetic scans, not yet compared");
    else if (v->n_won == v->n_pairs)
        med_text_put(page, "The model beats both simple opponents everywhere");
    else
        med_text_add(page, "The model beats both simple opponents in %d of %d comparisons", v->n_won, v->n_pairs);
    med_text_put(page, "</h1>\n<p class=\"lead\">");
    if (v->n_pairs)
        med_text_add(
            page,
            "Best PSNR in %d, best SSIM in %d, best L1 in %d of %d input &rarr; target pairs, over up to %d cases.",
            v->n_psnr, v->n_ssim, v->n_l1, v->n_pairs, v->n_cases);
    else
        med_text_put(page, "There is no truth or no opponent to compare with.");
    med_text_put(page,
                 "</p>\n<p>Images named <strong>synthetic</strong> were computed by a neural network from the scans "
                 "named as input. "
                 "No scanner made them; they show what is likely, not what is there, and are not for diagnosis.</p>\n");
    med_text_append(page, &work->warnings);
    write_facts(work, page);
}

static void write_table(const med_report_work *work, med_text *page) {
    med_text_put(
        page,
        "<h2>How close to the truth</h2>\n"
        "<p>Each row asks for one modality (the heading) from the scans in the first column. The model stands beside "
        "two "
        "opponents that know nothing of anatomy: the <em>mean image</em> of the target over the training cases, and a "
        "<em>linear map</em> of the given grey values, fitted voxel by voxel on the training cases. All three are cut "
        "to "
        "the field of view of the first given scan. Bold marks the best of the three.</p>\n");
    med_table_to_html(work->table, page);
    med_text_put(
        page,
        "<p class=\"note\">Mean &plusmn; standard deviation over cases; each case is the mean of its slices. Grey "
        "values "
        "run from &minus;1 to 1. Only the field of view of the true image counts (voxels above &minus;1); SSIM takes "
        "Gaussian 11 &times; 11 windows that lie wholly in it; slices with less than 1 % in view are skipped. PSNR = "
        "10 log<sub>10</sub>(2&sup2; / mean squared difference); L1 = mean absolute difference.</p>\n");
}

static void write_pictures(const med_report_work *work, med_text *page) {
    med_text_put(page, "<h2>Pictures</h2>\n"
                       "<p>Three planes through each case. Radiological convention: in axial and coronal pictures the "
                       "patient&rsquo;s right "
                       "(R) is on the left; in sagittal pictures anterior (A) is on the left. Voxels keep their true "
                       "proportions.</p>\n");
    if (work->legend.n)
        med_text_append(page, &work->legend);
    else
        med_report_colour_bars(page, work->has_uncertainty);
    med_text_append(page, &work->pictures);
}

static void write_page(const med_report_work *work, med_text *page) {
    med_html_open(page, "medley report");
    if (work->table) {
        med_table_verdict v = med_table_judge(work->table);
        write_head(work, &v, page);
        if (v.n_cases) write_table(work, page);
    } else
        write_eval_head(work, page);
    med_text_append(page, &work->sections);
    if (work->scores && work->scores->n) write_plots(work, page);
    write_back(work, page);
    if (work->pictures.n) write_pictures(work, page);
    if (work->curves.n) {
        med_text_put(page, "<h2>Training</h2>\n");
        med_text_append(page, &work->curves);
    }
    if (!work->table) {
        med_text_put(page, "<h2>How it was made</h2>\n");
        write_facts(work, page);
    }
    med_html_close(page);
}

static med_status save_page(const med_report_work *work) {
    med_text page = {0};
    write_page(work, &page);
    med_status status = page.status;
    if (status == MED_OK) status = med_file_write(work->options->out, page.data, page.n);
    med_text_free(&page);
    return status;
}

/* ---- the summary --------------------------------------------------------------------------------------------- */

/* The way back below what was there. */
static void summarise_back(const med_report_work *work, json_t *json, char **summary) {
    if (!work->back || !work->back->n) return;
    json_object_set_new(json, "consistency", med_score_cells_to_json(work->back, work->back_cells, work->n_back_cells));
    char *text = med_score_cells_to_text(work->back, work->back_cells, work->n_back_cells);
    char *both = med_format("%sThere and back (a diagnostic)\n%s", *summary, text);
    free(text);
    free(*summary);
    *summary = both;
}

static med_status summarise_eval(const med_report_work *work, json_t *json, char **summary) {
    json_object_set_new(json, "n_cases", json_integer(med_score_n_cases(work->scores, false)));
    json_object_set_new(json, "cells", med_score_cells_to_json(work->scores, work->cells, work->n_cells));
    *summary = med_score_cells_to_text(work->scores, work->cells, work->n_cells);
    return MED_OK;
}

static med_status summarise(const med_report_work *work, json_t *json, char **summary) {
    json_object_set_new(json, "path", json_string(work->options->out));
    if (!work->table) return summarise_eval(work, json, summary);
    med_table_verdict v = med_table_judge(work->table);
    json_object_set_new(json, "rows", med_table_to_json(work->table));
    json_object_set_new(json, "n_cases", json_integer(v.n_cases));
    json_object_set_new(json, "n_pairs", json_integer(v.n_pairs));
    json_object_set_new(json, "wins", json_pack("{s:i,s:i,s:i}", "psnr", v.n_psnr, "ssim", v.n_ssim, "l1", v.n_l1));
    med_text text = {0};
    med_table_to_text(work->table, &text);
    *summary = text.data;
    return text.status;
}

static void work_free(med_report_work *work) {
    med_text *texts[] = {&work->facts, &work->warnings, &work->curves, &work->legend, &work->pictures, &work->sections};
    for (int t = 0; t < 6; t++) med_text_free(texts[t]);
    med_score_table_free(work->scores);
    free(work->cells);
    med_score_table_free(work->back);
    free(work->back_cells);
    med_table_free(work->table);
    med_opponents_free(work->opponents);
    med_dataset_free(work->data);
}

/* A page that cannot be written must not cost the work before it. */
static med_status check_writable(const char *path) {
    med_writer *writer;
    if (!path) return MED_OK;
    MED_TRY(med_writer_open(path, &writer));
    med_writer_discard(writer);
    return MED_OK;
}

static med_status gather(med_report_work *work) {
    const char *path = work->options->path;
    if (work->options->n_paths > 1 || med_report_is_eval(path)) return med_report_from_eval(work);
    if (!med_path_is_dir(path))
        return med_fail(MED_EINPUT, "%s: %s: expected a run folder, or a folder of medley synth or medley evaluate",
                        path, med_path_exists(path) ? "not a folder" : "not there");
    char *run_json = med_path_join(path, "run.json");
    work->scores = med_score_table_create(MED_SCORE_IMAGES);
    med_status status = med_path_exists(run_json) ? med_report_from_run(work) : med_report_from_synth(work);
    free(run_json);
    return status;
}

med_status med_report_write(const med_report_options *options, json_t *json, char **summary) {
    const char *const outputs[] = {options->out, options->latex, options->csv};
    char *one[] = {(char *)options->path};
    med_report_options o = *options;
    med_report_work work = {.options = &o};
    if (!o.paths) o.paths = one, o.n_paths = 1;
    *summary = NULL;
    for (int i = 0; i < 3; i++) MED_TRY(check_writable(outputs[i]));
    med_status status = gather(&work);
    const med_score_rules rules = {.seed = o.seed};
    if (status == MED_OK) work.cells = med_score_summarise(work.scores, &rules, &work.n_cells);
    if (status == MED_OK && work.back) work.back_cells = med_score_summarise(work.back, &rules, &work.n_back_cells);
    if (status == MED_OK) status = save_page(&work);
    if (status == MED_OK) status = med_report_save_tables(work.scores, work.cells, work.n_cells, o.latex, o.csv);
    if (status == MED_OK) status = summarise(&work, json, summary);
    if (status == MED_OK) summarise_back(&work, json, summary);
    work_free(&work);
    return status;
}
