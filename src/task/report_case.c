/* report_case.c: loading one case whole, and making sure that its volumes lie on one grid. */
#include "task/report_case.h"

#include <stdlib.h>
#include "base/file.h"

static bool has_file(const med_case *c, const char *mod) {
    char *path = med_case_path(c, mod, NULL);
    bool is_there = med_path_exists(path);
    free(path);
    return is_there;
}

med_modset med_scans_observed(const med_dataset *d, const med_case *c, const med_mod_list *mods) {
    med_modset observed = 0;
    for (int j = 0; j < mods->n; j++) {
        int in_data = d ? med_dataset_mod(d, mods->name[j]) : -1;
        bool is_there = d ? in_data >= 0 && med_modset_has(c->observed, in_data) : has_file(c, mods->name[j]);
        if (is_there) observed |= med_modset_of(j);
    }
    return observed;
}

/* Grids written by different programs differ by rounding: within 0.01 mm the first one's holds for all. */
static med_status share_grid(const med_case *c, const char *mod, med_volume *v, const char *first_mod,
                             const med_volume *first) {
    if (med_grid_equal(v->grid, first->grid, 1e-2)) {
        v->grid = first->grid;
        return MED_OK;
    }
    char *path = med_case_path(c, mod, NULL), *other = med_case_path(c, first_mod, NULL);
    med_status status = med_fail(
        MED_EFORMAT, "%s (%d x %d x %d) and %s (%d x %d x %d) lie on different grids: prepare the case first", path,
        v->grid.n[0], v->grid.n[1], v->grid.n[2], other, first->grid.n[0], first->grid.n[1], first->grid.n[2]);
    free(other);
    free(path);
    return status;
}

static med_status load_truth(const med_case *c, const char *mod, med_volume *input, med_volume **out) {
    *out = input;
    return med_case_has_target(c, mod) ? med_case_load_target(c, mod, out) : MED_OK;
}

med_status med_scans_load(const med_case *c, const med_mod_list *mods, med_modset observed, med_scans *out) {
    *out = (med_scans){.observed = observed};
    int first = med_modset_first(out->observed);
    med_status status = MED_OK;
    MED_MODSET_EACH (j, out->observed) {
        if (status == MED_OK) status = med_case_load_input(c, mods->name[j], &out->input[j]);
        if (status == MED_OK) status = load_truth(c, mods->name[j], out->input[j], &out->truth[j]);
        if (status == MED_OK)
            status = share_grid(c, mods->name[j], out->input[j], mods->name[first], out->input[first]);
        if (status == MED_OK)
            status = share_grid(c, mods->name[j], out->truth[j], mods->name[first], out->input[first]);
    }
    if (status != MED_OK) med_scans_free(out);
    return status;
}

void med_scans_free(med_scans *scans) {
    for (int j = 0; j < MED_MAX_MODS; j++) {
        if (scans->truth[j] != scans->input[j]) med_volume_free(scans->truth[j]);
        med_volume_free(scans->input[j]);
    }
    *scans = (med_scans){0};
}
