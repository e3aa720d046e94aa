/* report.c: the way through: gather from a run or a folder of images, then write the page. */
#include "task/report.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "task/report_style.h"
#include "task/report_work.h"

/* ---- the page ------------------------------------------------------------------------------------------------ */

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
    med_text_put(page, "<dl>\n");
    med_text_append(page, &work->facts);
    med_text_add(page, "<dt>Program</dt><dd>medley %s</dd>\n</dl>\n", MEDLEY_VERSION);
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
    med_report_colour_bars(page);
    med_text_append(page, &work->pictures);
}

static void write_page(const med_report_work *work, med_text *page) {
    med_table_verdict v = med_table_judge(work->table);
    med_html_open(page, "medley report: synthetic scans");
    write_head(work, &v, page);
    if (v.n_cases) write_table(work, page);
    if (work->pictures.n) write_pictures(work, page);
    if (work->curves.n) {
        med_text_put(page, "<h2>Training</h2>\n");
        med_text_append(page, &work->curves);
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

static med_status summarise(const med_report_work *work, json_t *json, char **summary) {
    med_table_verdict v = med_table_judge(work->table);
    json_object_set_new(json, "path", json_string(work->options->out));
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
    med_text *texts[] = {&work->facts, &work->warnings, &work->curves, &work->pictures};
    for (int t = 0; t < 4; t++) med_text_free(texts[t]);
    med_table_free(work->table);
    med_opponents_free(work->opponents);
    med_dataset_free(work->data);
}

med_status med_report_write(const med_report_options *options, json_t *json, char **summary) {
    med_report_work work = {.options = options};
    *summary = NULL;
    if (!med_path_is_dir(options->path))
        return med_fail(MED_EINPUT, "%s: %s: expected a run folder, or a folder of medley synth", options->path,
                        med_path_exists(options->path) ? "not a folder" : "not there");
    char *run_json = med_path_join(options->path, "run.json");
    med_status status = med_path_exists(run_json) ? med_report_from_run(&work) : med_report_from_synth(&work);
    if (status == MED_OK) status = save_page(&work);
    if (status == MED_OK) status = summarise(&work, json, summary);
    work_free(&work);
    free(run_json);
    return status;
}
