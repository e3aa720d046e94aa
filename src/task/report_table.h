/* report_table.h: scores per (given, target) and method, over cases: as HTML, JSON and plain text. */
#ifndef MED_TASK_REPORT_TABLE_H
#define MED_TASK_REPORT_TABLE_H

#include <jansson.h>
#include "base/modset.h"
#include "metric/preset.h"
#include "task/report_html.h"

typedef enum med_method { MED_METHOD_MODEL, MED_METHOD_MEAN, MED_METHOD_LINEAR, MED_N_METHODS } med_method;

typedef struct med_mod_list { /* modalities in the order of the report */
    int n;
    char name[MED_MAX_MODS][MED_MOD_NAME];
} med_mod_list;

typedef struct med_table med_table; /* owned */
/* The model as in files and as in headings ("mmhvae", "MMHVAE"); texts are copied. */
med_table *med_table_create(const med_mod_list *mods, const char *model_name, const char *model_title);
void med_table_free(med_table *table);
const char *med_table_method(const med_table *table, med_method method); /* "MMHVAE", "mean image", "linear map" */

/* One case's scores (preset strict) of one method; a case without a scored slice is not counted. */
void med_table_add(med_table *table, med_modset given, int target, med_method method, const med_case_scores *scores);

typedef struct med_table_verdict { /* how often the model is better than every opponent that there is */
    int n_pairs;                   /* pairs with an opponent */
    int n_won;                     /* best in PSNR and in SSIM */
    int n_psnr, n_ssim, n_l1;
    int n_cases; /* most cases of any pair */
} med_table_verdict;
med_table_verdict med_table_judge(const med_table *table);

/* [{"given":["t2"],"target":"flair","method":"mmhvae"|"mean"|"linear","psnr":..,"psnr_sd":..,"ssim":..,"ssim_sd":..,"l1":..,"l1_sd":..,
 *   "n_cases":..}, ...]; null where there is no number (sd of one case). Owned reference. */
json_t *med_table_to_json(const med_table *table);
void med_table_to_html(const med_table *table, med_text *html);
void med_table_to_text(const med_table *table, med_text *text);

#endif
