/* doctor.h: what this program and this machine can do, and what is missing. */
#ifndef MED_TASK_DOCTOR_H
#define MED_TASK_DOCTOR_H

#include <jansson.h>

/* Fills `report`: medley, compiler, libraries {name: version}, cpu {model, features, processors, threads, kernels},
 * memory {total_bytes, available_bytes}, cuda, tools [{name, path or null, use, install}]. */
void med_doctor_describe(json_t *report);

#endif
