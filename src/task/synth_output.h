/* synth_output.h: one synthetic image on disk: the volume, its uncertainty, and the sidecar that says what it is. */
#ifndef MED_TASK_SYNTH_OUTPUT_H
#define MED_TASK_SYNTH_OUTPUT_H

#include "task/synth.h"
#include "task/synth_files.h"

typedef struct med_synth_scale {
    const char *name;
    double factor, offset; /* file value = factor * y + offset, y at network scale */
    double lo, hi;         /* of the file values; lo is the background */
    bool is_truncated;     /* to whole numbers */
    med_voxel_type type;
} med_synth_scale;
const med_synth_scale *med_synth_scale_find(const char *name); /* NULL when unknown */

typedef struct med_synth_image {
    const char *case_name, *mod;
    med_volume *image, *sd; /* network scale; changed by saving; sd NULL: none */
    const json_t *inputs;   /* {"us": {"path", "sha256"}, ...} */
} med_synth_image;

/* "OUT/CASE-MOD" + ending (owned); endings in the order of writing. */
extern const char *const med_synth_endings[3]; /* ".nii.gz", "-sd.nii.gz", ".json" */
char *med_synth_path(const med_synth_config *c, const char *case_name, const char *mod, const char *ending);

/* OUT/CASE-MOD.json. */
MED_CHECK med_status med_synth_sidecar_save(const med_synth_config *c, const char *case_name, const char *mod,
                                            const json_t *sidecar);

/* Volumes at the same time, on all threads; then their sidecars. */
MED_CHECK med_status med_synth_images_save(const med_synth_config *c, const med_synth_model *m, const med_synth_image *images, int n);

#endif
