/* export.h: weights of any kind as a file of ours. */
#ifndef MED_TASK_EXPORT_H
#define MED_TASK_EXPORT_H

#include "base/option.h"

typedef struct med_export_config {
    med_strings set; /* configuration overrides, "key=value" */
} med_export_config;

/* Load (our safetensors, the release's names, .pth), check, and save the parameters under our names with the
 * configuration and the source's name and hash in the metadata; nothing of a training checkpoint but the parameters.
 * Fills `report`: model, config, n_parameters, source, sha256 of the result. */
MED_CHECK med_status med_export(const char *from, const char *to, const med_export_config *config, json_t *report);

#endif
