/* golden.h: does this program reproduce the numbers of a reference implementation? (`medley doctor --golden`)
 *
 * A fixture is NAME.safetensors (tensors) with NAME.json beside it (what to run). Tolerances are fixed here, not in the
 * fixture: those of the fixtures' README, with their reasons. */
#ifndef MED_TASK_GOLDEN_H
#define MED_TASK_GOLDEN_H

#include <jansson.h>
#include <stdbool.h>
#include "base/status.h"

/* Runs the fixture; fills report with {"fixture", "checks": [{"name","max_abs","tolerance","ok"}...], "ok"}.
 * MED_EFAIL when a check does not hold (the report is complete); MED_EINPUT, MED_EFORMAT when the fixture is unusable. */
MED_CHECK med_status med_golden_check(const char *path, json_t *report);

#endif
