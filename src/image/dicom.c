/* dicom.c: runs dcm2niix and reads what it wrote: NIfTI files, each with a JSON file beside it. */
#include "image/dicom.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"

static const med_process_limits limits = {.seconds = 600, .n_file_bytes = (size_t)8 << 30};

/* ---- the program ---- */

static med_status find_own_file(void *context, const char *dir, const char *name) {
    (void)dir;
    (void)name;
    *(bool *)context = true;
    return MED_OK;
}

/* `what`: "y" images and their JSON files, "o" only these. The JSON files tell the study too (-ba n). */
static med_status run_program(const char *folder, const char *out_dir, const char *what, const char *depth) {
    char *safe = folder[0] == '-' ? med_format("./%s", folder) : med_strdup(folder), *log;
    const char *argv[] = {"dcm2niix", "-z", "n", "-b", what, "-ba", "n", "-d", depth, "-f", "%p_%s", "-o", out_dir, safe, NULL};
    med_status status = med_process_run(argv, &limits, &log);
    if (status != MED_OK) status = med_fail_in(status, "%s", folder);
    free(log);
    free(safe);
    return status;
}

/* ---- what it wrote ---- */

/* NAME.json beside NAME.nii, or NAME.json itself; NULL when it cannot be read. New reference. */
static json_t *load_sidecar(const char *path) {
    char *json = med_format("%.*s.json", (int)(strrchr(path, '.') - path), path);
    json_t *sidecar = json_load_file(json, 0, NULL);
    free(json);
    return sidecar;
}

static char *text_of(const json_t *sidecar, const char *key) {
    const char *text = json_string_value(json_object_get(sidecar, key));
    return med_strdup(text ? text : "");
}

/* The files with this ending as series. */
static med_status list_results(const char *out_dir, const char *ending, med_dicom_series **series, int *n_series) {
    char **names;
    int n_names;
    MED_TRY(med_dir_list(out_dir, &names, &n_names));
    *series = med_alloc((size_t)(n_names + 1) * sizeof **series);
    for (int i = 0; i < n_names; i++) {
        if (!med_ends_with(names[i], ending) || strlen(names[i]) == strlen(ending)) continue;
        char *path = med_path_join(out_dir, names[i]), *modality;
        json_t *sidecar = load_sidecar(path);
        modality = text_of(sidecar, "Modality");
        (*series)[(*n_series)++] = (med_dicom_series){text_of(sidecar, "SeriesDescription"), text_of(sidecar, "StudyInstanceUID"),
                                                      strcmp(modality, "US") == 0, path};
        free(modality);
        json_decref(sidecar);
    }
    med_names_free(names, n_names);
    return MED_OK;
}

med_status med_dicom_convert(const char *folder, const char *out_dir, med_dicom_series **series, int *n_series) {
    *series = NULL;
    *n_series = 0;
    if (!med_path_is_dir(folder)) return med_fail(MED_EINPUT, "%s: no folder of DICOM files", folder);
    bool has_files = false;
    MED_TRY(med_dir_visit(folder, 0, find_own_file, &has_files));
    MED_TRY(run_program(folder, out_dir, "y", has_files ? "0" : "5"));
    MED_TRY(list_results(out_dir, ".nii", series, n_series));
    if (*n_series) return MED_OK;
    med_dicom_series_free(*series, 0);
    *series = NULL;
    return med_fail(MED_EFORMAT, "%s: dcm2niix finds no image in it", folder);
}

void med_dicom_series_free(med_dicom_series *series, int n_series) {
    for (int s = 0; s < n_series; s++) {
        free(series[s].description);
        free(series[s].study);
        free(series[s].path);
    }
    free(series);
}

/* ---- a temporary folder ---- */

static med_status make_temporary(char **out) {
    const char *base = getenv("TMPDIR");
    *out = med_format("%s/medley-dicom-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(*out)) return MED_OK;
    med_status status = med_fail(MED_EIO, "%s: cannot make a temporary folder: %s", *out, strerror(errno));
    free(*out);
    return status;
}

static void remove_temporary(char *path) {
    med_dir_remove(path);
    free(path);
}

/* dcm2niix fails where it finds nothing, by its version with different codes; only that it cannot run is an error. */
med_status med_dicom_list(const char *folder, med_dicom_series **series, int *n_series) {
    char *temporary;
    *series = NULL;
    *n_series = 0;
    MED_TRY(make_temporary(&temporary));
    med_status status = run_program(folder, temporary, "o", "0");
    if (status == MED_OK || status == MED_EFAIL) status = list_results(temporary, ".json", series, n_series);
    for (int s = 0; s < *n_series; s++) {
        free((*series)[s].path);
        (*series)[s].path = NULL;
    }
    remove_temporary(temporary);
    return status;
}

/* ---- one series ---- */

/* Cosine between axis `a` of the volume and row (0) or column (1) direction of the DICOM images; 0: not known. */
static double cosine(const med_volume *v, const json_t *sidecar, int a) {
    const json_t *list = json_object_get(sidecar, "ImageOrientationPatientDICOM");
    double spacing[3], sum = 0;
    if (json_array_size(list) != 6) return 0;
    med_grid_spacing(v->grid, spacing);
    for (int r = 0; r < 3; r++) {
        double lps = json_number_value(json_array_get(list, (size_t)(3 * a + r)));
        sum += v->grid.affine.m[r][a] / spacing[a] * (r < 2 ? -lps : lps);
    }
    return sum;
}

/* dcm2niix turns rows round; slices of an ultrasound must stay as the probe saw them. */
static void flip_rows(med_volume *v) {
    const int *n = v->grid.n;
    float *row = med_alloc((size_t)n[0] * sizeof *row);
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1] / 2; j++) {
            float *a = med_volume_at(v, 0, j, k), *b = med_volume_at(v, 0, n[1] - 1 - j, k);
            memcpy(row, a, (size_t)n[0] * sizeof *row);
            memcpy(a, b, (size_t)n[0] * sizeof *row);
            memcpy(b, row, (size_t)n[0] * sizeof *row);
        }
    free(row);
    v->grid.affine = med_affine_shift(v->grid.affine, (const double[3]){0, n[1] - 1, 0});
    for (int r = 0; r < 3; r++) v->grid.affine.m[r][1] = -v->grid.affine.m[r][1];
}

/* Multi-frame ultrasound has its geometry in places that not every version of dcm2niix reads. */
static med_status check_ultrasound(const char *folder, const med_volume *v, const json_t *sidecar) {
    static const char advice[] = "export the volume as NRRD or NIfTI instead";
    double spacing[3], between = json_number_value(json_object_get(sidecar, "SpacingBetweenSlices"));
    med_grid_spacing(v->grid, spacing);
    for (int a = 0; a < 2; a++)
        if (!(fabs(cosine(v, sidecar, a)) > 0.999))
            return med_fail(MED_EFORMAT, "%s: axis %d of the converted ultrasound does not lie as its header says; %s", folder, a,
                            advice);
    if (between > 0 && fabs(spacing[2] - between) > 0.01 * between)
        return med_fail(MED_EFORMAT, "%s: the frames of the converted ultrasound are %g mm apart, its header says %g; %s", folder,
                        spacing[2], between, advice);
    return MED_OK;
}

static med_status load_series(const char *folder, const med_dicom_series *series, med_volume **out) {
    MED_TRY(med_volume_load(series->path, out));
    json_t *sidecar = load_sidecar(series->path);
    if (cosine(*out, sidecar, 1) < -0.99) flip_rows(*out);
    med_status status = series->is_us ? check_ultrasound(folder, *out, sidecar) : MED_OK;
    json_decref(sidecar);
    if (status == MED_OK) return MED_OK;
    med_volume_free(*out);
    *out = NULL;
    return status;
}

static med_status load_converted(const char *folder, const char *temporary, med_volume **out) {
    med_dicom_series *series;
    int n;
    MED_TRY(med_dicom_convert(folder, temporary, &series, &n));
    med_status status =
        n == 1 ? load_series(folder, series, out)
               : med_fail(MED_EFORMAT, "%s: %d images come out of it, the first two '%s' and '%s'; expected one series",
                          folder, n, series[0].description, series[1].description);
    med_dicom_series_free(series, n);
    return status;
}

med_status med_dicom_load(const char *folder, med_volume **out) {
    char *temporary;
    *out = NULL;
    MED_TRY(make_temporary(&temporary));
    med_status status = load_converted(folder, temporary, out);
    remove_temporary(temporary);
    return status;
}
