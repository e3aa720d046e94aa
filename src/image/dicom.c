/* dicom.c: runs dcm2niix and reads what it wrote: NIfTI files, each with a JSON file beside it. */
#include "image/dicom.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"

static const med_process_limits limits = {.seconds = 600, .n_file_bytes = (size_t)8 << 30};

static bool has_ending(const char *name, const char *ending) {
    size_t n = strlen(name), m = strlen(ending);
    return n > m && strcmp(name + n - m, ending) == 0;
}

/* "SeriesDescription" of NAME.json beside NAME.nii; "" when there is none. Owned. */
static char *read_description(const char *nifti) {
    char *path = med_format("%.*s.json", (int)(strlen(nifti) - strlen(".nii")), nifti);
    json_t *sidecar = json_load_file(path, 0, NULL);
    const char *text = json_string_value(json_object_get(sidecar, "SeriesDescription"));
    char *description = med_strdup(text ? text : "");
    json_decref(sidecar);
    free(path);
    return description;
}

static med_status list_results(const char *folder, const char *out_dir, med_dicom_series **series, int *n_series) {
    char **names;
    int n_names;
    MED_TRY(med_dir_list(out_dir, &names, &n_names));
    *series = med_alloc((size_t)(n_names + 1) * sizeof **series);
    *n_series = 0;
    for (int i = 0; i < n_names; i++) {
        if (!has_ending(names[i], ".nii")) continue;
        char *path = med_path_join(out_dir, names[i]);
        (*series)[(*n_series)++] = (med_dicom_series){read_description(path), path};
    }
    med_names_free(names, n_names);
    if (*n_series) return MED_OK;
    med_dicom_series_free(*series, 0);
    *series = NULL;
    return med_fail(MED_EFORMAT, "%s: dcm2niix finds no image in it", folder);
}

med_status med_dicom_convert(const char *folder, const char *out_dir, med_dicom_series **series, int *n_series) {
    *series = NULL;
    *n_series = 0;
    if (!med_path_is_dir(folder)) return med_fail(MED_EINPUT, "%s: no folder of DICOM files", folder);
    char *safe = folder[0] == '-' ? med_format("./%s", folder) : med_strdup(folder), *log;
    const char *argv[] = {"dcm2niix", "-z", "n", "-b", "y", "-f", "%p_%s", "-o", out_dir, safe, NULL};
    med_status status = med_process_run(argv, &limits, &log);
    if (status != MED_OK) status = med_fail_in(status, "%s", folder);
    if (status == MED_OK) status = list_results(folder, out_dir, series, n_series);
    free(log);
    free(safe);
    return status;
}

void med_dicom_series_free(med_dicom_series *series, int n_series) {
    for (int s = 0; s < n_series; s++) {
        free(series[s].description);
        free(series[s].path);
    }
    free(series);
}

static med_status load_converted(const char *folder, const char *temporary, med_volume **out) {
    med_dicom_series *series;
    int n;
    MED_TRY(med_dicom_convert(folder, temporary, &series, &n));
    med_status status =
        n == 1 ? med_volume_load(series[0].path, out)
               : med_fail(MED_EFORMAT, "%s: %d images come out of it, the first two '%s' and '%s'; expected one series",
                          folder, n, series[0].description, series[1].description);
    med_dicom_series_free(series, n);
    return status;
}

med_status med_dicom_load(const char *folder, med_volume **out) {
    const char *base = getenv("TMPDIR");
    char *temporary = med_format("%s/medley-dicom-XXXXXX", base && *base ? base : "/tmp");
    *out = NULL;
    med_status status = mkdtemp(temporary)
                            ? load_converted(folder, temporary, out)
                            : med_fail(MED_EIO, "%s: cannot make a temporary folder: %s", temporary, strerror(errno));
    med_dir_remove(temporary);
    free(temporary);
    return status;
}
