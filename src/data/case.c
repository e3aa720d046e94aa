/* case.c: the files of one case, and its images at network scale. */
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "image/intensity.h"

char *med_case_path(const med_case *c, const char *mod, const char *kind) {
    const char *dot = kind ? "." : "", *word = kind ? kind : "";
    char *plain = med_format("%s/%s-%s%s%s.nii", c->dir, c->name, mod, dot, word);
    if (med_path_exists(plain)) return plain;
    char *packed = med_format("%s.gz", plain);
    free(plain);
    return packed;
}

bool med_case_has_target(const med_case *c, const char *mod) {
    char *path = med_case_path(c, mod, "target");
    bool exists = med_path_exists(path);
    free(path);
    return exists;
}

static med_status scale_input(med_volume *v, const char *path, bool is_us) {
    float lo, hi;
    med_volume_range(v, &lo, &hi);
    if (is_us && lo < 0)
        return med_fail(MED_EFORMAT, "%s: smallest value is %g; ultrasound must not be negative", path, (double)lo);
    if (is_us && hi <= 0)
        return med_fail(MED_EFORMAT, "%s: all voxels are 0; an ultrasound image must show something", path);
    if (lo == 0 && hi == 0) med_warn("%s: all voxels are 0; remove the file to mark the modality as missing", path);
    if (lo < 0 && med_intensity_lift_negative(v))
        med_warn("%s: negative voxels (down to %g) were lifted", path, (double)lo);
    med_intensity_to_network(v);
    return MED_OK;
}

static med_status finish(med_status status, med_volume *v, med_volume **out) {
    if (status != MED_OK) {
        med_volume_free(v);
        v = NULL;
    }
    *out = v;
    return status;
}

med_status med_input_load(const char *path, const char *mod, med_volume **out) {
    med_volume *v = NULL;
    med_status status = med_volume_load(path, &v);
    if (status == MED_OK) status = scale_input(v, path, strcmp(mod, "us") == 0);
    return finish(status, v, out);
}

med_status med_case_load_input(const med_case *c, const char *mod, med_volume **out) {
    char *path = med_case_path(c, mod, NULL);
    med_status status = med_input_load(path, mod, out);
    free(path);
    return status;
}

med_status med_case_load_target(const med_case *c, const char *mod, med_volume **out) {
    if (!med_case_has_target(c, mod)) return med_case_load_input(c, mod, out);
    char *path = med_case_path(c, mod, "target");
    med_volume *v = NULL;
    med_status status = med_volume_load(path, &v);
    if (status == MED_OK) status = med_intensity_target_to_network(v, path);
    free(path);
    return finish(status, v, out);
}
