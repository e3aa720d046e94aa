/* report_synth.c: a folder of synthetic images: every CASE-MOD.json that `medley synth` wrote tells from what and on
 * which scale CASE-MOD.nii.gz was made; inputs and truth are looked up in the data set, or beside the inputs. */
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "model/net.h"
#include "task/report_work.h"

typedef struct item {                         /* one synthetic image */
    char *case_name, *target, *image, *input; /* paths; input: one of those it was made from, NULL unknown */
    json_t *sidecar;
    const char *scale;
    med_pair pair;
} item;

typedef struct item_list {
    int n;
    item *items; /* by case, then as the folder lists them */
} item_list;

static void items_free(item_list *list) {
    for (int i = 0; i < list->n; i++) {
        item *it = &list->items[i];
        free(it->case_name);
        free(it->target);
        free(it->image);
        free(it->input);
        json_decref(it->sidecar);
    }
    free(list->items);
}

/* ---- sidecars ------------------------------------------------------------------------------------------------ */

/* The image beside CASE-MOD.json: .nii.gz or .nii; owned, NULL when there is none. */
static char *image_beside(const char *dir, const char *stem) {
    static const char *const endings[] = {"nii.gz", "nii"};
    for (int e = 0; e < 2; e++) {
        char *path = med_format("%s/%s.%s", dir, stem, endings[e]);
        if (med_path_exists(path)) return path;
        free(path);
    }
    return NULL;
}

/* The first entry of "inputs": {"us": PATH} or {"us": {"path": PATH}}. */
static char *first_input(const json_t *sidecar) {
    const char *mod;
    json_t *value;
    json_object_foreach (json_object_get(sidecar, "inputs"), mod, value) {
        const char *path = json_string_value(json_is_object(value) ? json_object_get(value, "path") : value);
        if (path) return med_strdup(path);
    }
    return NULL;
}

/* stem = CASE-MOD; the sidecar's own words come first. */
static void name_item(item *it, const char *stem) {
    const char *name = json_string_value(json_object_get(it->sidecar, "case"));
    const char *target = json_string_value(json_object_get(it->sidecar, "target")), *dash = strrchr(stem, '-');
    it->case_name = name ? med_strdup(name) : med_format("%.*s", (int)(dash ? dash - stem : 0), stem);
    it->target = med_strdup(target ? target : dash ? dash + 1 : stem);
    it->scale = json_string_value(json_object_get(it->sidecar, "scale"));
    if (!it->scale) it->scale = "unit";
    it->input = first_input(it->sidecar);
}

static med_status read_item(const char *dir, const char *name, item_list *list) {
    char *path = med_path_join(dir, name), *stem = med_format("%.*s", (int)strlen(name) - 5, name);
    item it = {0};
    med_status status = med_json_load(path, &it.sidecar);
    if (status == MED_OK && json_is_array(json_object_get(it.sidecar, "given")) &&
        (it.image = image_beside(dir, stem))) {
        name_item(&it, stem);
        list->items[list->n++] = it;
        it.sidecar = NULL;
    }
    json_decref(it.sidecar);
    free(stem);
    free(path);
    return status;
}

static int by_case(const void *a, const void *b) {
    const item *x = a, *y = b;
    int order = strcmp(x->case_name, y->case_name);
    return order ? order : strcmp(x->image, y->image);
}

static med_status read_items(const char *dir, item_list *list) {
    char **names;
    int n_names;
    MED_TRY(med_dir_list(dir, &names, &n_names));
    *list = (item_list){.items = med_alloc(sizeof(item) * (size_t)(n_names + 1))};
    med_status status = MED_OK;
    for (int i = 0; i < n_names && status == MED_OK; i++) {
        size_t length = strlen(names[i]);
        if (length > 5 && !strcmp(names[i] + length - 5, ".json")) status = read_item(dir, names[i], list);
    }
    med_names_free(names, n_names);
    if (status == MED_OK && !list->n)
        status = med_fail(
            MED_EINPUT,
            "%s: neither a run folder (run.json) nor images of medley synth (CASE-MOD.nii.gz with CASE-MOD.json)", dir);
    qsort(list->items, (size_t)list->n, sizeof(item), by_case);
    return status;
}

/* ---- modalities ---------------------------------------------------------------------------------------------- */

static void add_mod(med_mod_list *mods, const char *name) {
    if (med_modset_find(mods->name, mods->n, name) >= 0 || mods->n == MED_MAX_MODS || strlen(name) >= MED_MOD_NAME) return;
    strcpy(mods->name[mods->n++], name);
}

/* us, t2, cet1, flair first, then the others as found. */
static med_status list_mods(item_list *list, med_mod_list *mods) {
    static const char *const first[] = {"us", "t2", "cet1", "flair"};
    for (size_t f = 0; f <= sizeof first / sizeof *first; f++)
        for (int i = 0; i < list->n; i++) {
            size_t g;
            json_t *given;
            bool is_any = f == sizeof first / sizeof *first;
            json_array_foreach (json_object_get(list->items[i].sidecar, "given"), g, given)
                if (json_is_string(given) && (is_any || !strcmp(json_string_value(given), first[f])))
                    add_mod(mods, json_string_value(given));
            if (is_any || !strcmp(list->items[i].target, first[f])) add_mod(mods, list->items[i].target);
        }
    for (int i = 0; i < list->n; i++) {
        size_t g;
        json_t *given;
        item *it = &list->items[i];
        it->pair.target = med_modset_find(mods->name, mods->n, it->target);
        json_array_foreach (json_object_get(it->sidecar, "given"), g, given) {
            int j = json_is_string(given) ? med_modset_find(mods->name, mods->n, json_string_value(given)) : -1;
            if (j >= 0) it->pair.given |= med_modset_of(j);
        }
        if (it->pair.target < 0 || !it->pair.given)
            return med_fail(MED_EFORMAT,
                            "%s: its sidecar must name one modality or more in \"given\", at most %d in all", it->image,
                            MED_MAX_MODS);
    }
    return MED_OK;
}

/* ---- cases --------------------------------------------------------------------------------------------------- */

/* --data, or the data set that the sidecars name, or none. */
static med_status open_data(med_report_work *work, const item_list *list) {
    const char *path = work->options->data;
    for (int i = 0; !path && i < list->n; i++)
        path = json_string_value(json_object_get(list->items[i].sidecar, "data"));
    if (path && !med_path_exists(path)) {
        if (work->options->data) return med_fail(MED_EINPUT, "%s: the data set is not there", path);
        med_report_warn(work, "the data set %s is not there any more: say where it is now with --data PATH", path);
        return MED_OK;
    }
    return path ? med_dataset_open(path, &work->data) : MED_OK;
}

/* The case's folder: that of the data set, else the one its inputs lie in. False: not found. */
static bool find_case(const med_report_work *work, const item *it, med_case *out, char **dir) {
    int c = work->data ? med_dataset_case(work->data, it->case_name) : -1;
    *dir = NULL;
    if (c >= 0) *out = work->data->cases[c];
    if (c >= 0 || !it->input) return c >= 0;
    *dir = med_strdup(it->input);
    *out = (med_case){.name = it->case_name, .dir = dirname(*dir)};
    return true;
}

/* Values of the file's scale -> network scale. */
static med_status to_network(const item *it, med_volume *v) {
    double factor, shift;
    if (!strcmp(it->scale, "network"))
        factor = 1, shift = 0;
    else if (!strcmp(it->scale, "unit"))
        factor = 2, shift = -1;
    else if (!strcmp(it->scale, "release"))
        factor = 2. / 255, shift = -1;
    else
        return med_fail(MED_EFORMAT, "%s: its sidecar's scale is %s, expected unit, network or release", it->image,
                        it->scale);
    size_t n = med_grid_count(v->grid);
    for (size_t p = 0; p < n; p++) v->voxel[p] = (float)(factor * v->voxel[p] + shift);
    return MED_OK;
}

/* The synthetic image at network scale, turned like the case's scans. */
static med_status load_prediction(const item *it, const med_scans *scans, med_volume **out) {
    med_volume *stored;
    char code[4] = "LPS";
    if (scans->observed) med_grid_orientation(scans->input[med_modset_first(scans->observed)]->grid, code);
    MED_TRY(med_volume_load(it->image, &stored));
    med_status status = to_network(it, stored);
    if (status == MED_OK) status = med_volume_reorient(stored, code, out);
    med_volume_free(stored);
    return status;
}

/* Without scans: a cut through the middle of the synthetic image. */
static med_status choose_view(const med_case *c, const med_scans *scans, const item *it, med_view *view) {
    if (scans->observed) return med_report_choose_view(c, scans, view);
    med_volume *prediction;
    MED_TRY(load_prediction(it, scans, &prediction));
    med_status status = med_view_choose(NULL, (const med_volume *const *)&prediction, 1, view);
    med_volume_free(prediction);
    return status;
}

static med_status judge_case(med_report_work *work, const item *items, int n, bool is_shown) {
    med_scans scans = {0};
    med_view view;
    med_case c = {.name = items[0].case_name};
    char *dir;
    bool is_found = find_case(work, &items[0], &c, &dir);
    med_status status = MED_OK;
    if (is_found)
        status = med_scans_load(&c, &work->mods, med_scans_observed(dir ? NULL : work->data, &c, &work->mods), &scans);
    if (status == MED_OK && is_shown) status = choose_view(&c, &scans, &items[0], &view);
    med_report_case one = {.name = items[0].case_name, .scans = &scans, .view = is_shown ? &view : NULL};
    for (int i = 0; i < n && status == MED_OK; i++) {
        med_volume *prediction;
        status = load_prediction(&items[i], &scans, &prediction);
        if (status != MED_OK) break;
        status = med_report_judge(work, &one, items[i].pair, prediction, true);
        med_volume_free(prediction);
    }
    med_scans_free(&scans);
    free(dir);
    return status;
}

/* ---- opponents ----------------------------------------------------------------------------------------------- */

static med_status fit_opponents(med_report_work *work, const item_list *list) {
    med_pair *pairs = med_alloc(sizeof(med_pair) * (size_t)list->n);
    int *scored = med_alloc(sizeof(int) * (size_t)list->n), n_pairs = 0, n_scored = 0;
    for (int i = 0; i < list->n; i++) {
        bool is_new = true;
        for (int p = 0; p < n_pairs; p++)
            is_new &= pairs[p].given != list->items[i].pair.given || pairs[p].target != list->items[i].pair.target;
        if (is_new) pairs[n_pairs++] = list->items[i].pair;
        int c = med_dataset_case(work->data, list->items[i].case_name);
        if (c >= 0 && (!n_scored || scored[n_scored - 1] != c)) scored[n_scored++] = c;
    }
    int fold = work->options->fold < 0 ? 0 : work->options->fold;
    med_status status = med_report_fit_opponents(work, fold, pairs, n_pairs, scored, n_scored);
    free(scored);
    free(pairs);
    return status;
}

/* ---- the folder ---------------------------------------------------------------------------------------------- */

static void tell_facts(med_report_work *work, const item_list *list) {
    const json_t *first = list->items[0].sidecar, *temperature = json_object_get(first, "temperature");
    const json_t *seed = json_object_get(first, "seed");
    const char *model = json_string_value(json_object_get(first, "model"));
    const char *weights = json_string_value(json_object_get(json_object_get(first, "weights"), "sha256"));
    med_report_fact(work, "Images", "%s, %d synthetic images", work->options->path, list->n);
    if (model) med_report_fact(work, "Model", "%s", model);
    if (weights) med_report_fact(work, "Weights", "SHA-256 %.16s", weights);
    if (work->data) med_report_fact(work, "Data set", "%s (%s)", work->data->name, work->data->path);
    if (json_is_number(temperature) && json_is_integer(seed))
        med_report_fact(work, "Sampling", "temperature %g, seed %lld", json_number_value(temperature),
                        (long long)json_integer_value(seed));
}

static med_status judge_items(med_report_work *work, const item_list *list) {
    med_status status = MED_OK;
    med_progress *progress = med_progress_start("score", list->n);
    for (int i = 0, n, n_cases = 0; i < list->n && status == MED_OK; i += n, n_cases++) {
        for (n = 1; i + n < list->n && !strcmp(list->items[i + n].case_name, list->items[i].case_name);) n++;
        status = judge_case(work, list->items + i, n, n_cases < work->options->n_pictured);
        med_progress_update(progress, i + n, "%s", list->items[i].case_name);
    }
    med_progress_end(progress);
    return status;
}

/* Named as the network that the sidecars name, which need not be one of ours. */
static med_table *create_table(const med_mod_list *mods, const item_list *list) {
    const char *name = json_string_value(json_object_get(list->items[0].sidecar, "model"));
    for (int i = 1; i < list->n && name; i++) {
        const char *other = json_string_value(json_object_get(list->items[i].sidecar, "model"));
        if (!other || strcmp(other, name)) name = NULL;
    }
    for (int m = 0; med_models[m] && name; m++)
        if (!strcmp(med_models[m]->name, name)) return med_table_create(mods, name, med_models[m]->title);
    return med_table_create(mods, name ? name : "model", name ? name : "model");
}

med_status med_report_from_synth(med_report_work *work) {
    item_list list = {0};
    med_status status = read_items(work->options->path, &list);
    if (status == MED_OK) status = list_mods(&list, &work->mods);
    if (status == MED_OK) work->table = create_table(&work->mods, &list);
    if (status == MED_OK) status = open_data(work, &list);
    if (status == MED_OK) tell_facts(work, &list);
    if (status == MED_OK && work->data && work->data->n_folds)
        status = fit_opponents(work, &list);
    else if (status == MED_OK)
        med_report_fact(work, "Opponents", "none: no data set whose splits name training cases");
    if (status == MED_OK) status = judge_items(work, &list);
    items_free(&list);
    return status;
}
