/* compare.h: how far two images, two folders of them, or two weight files are apart. */
#ifndef MED_TASK_COMPARE_H
#define MED_TASK_COMPARE_H

#include <jansson.h>
#include "base/status.h"

/* Grids whose corner voxels lie this close count as one: float32 affines of far-away scans are off by about 1e-4 mm. */
#define MED_COMPARE_AFFINE_MM 1e-3

/* Fills `report` with {"items": [...], "ok": bool, "tolerance": x, "ignored": n}. One item per image or tensor:
 * {"name", "shape_a", "shape_b", "same_shape", "max_abs", "rms", "affine_mm", "ok"}; null where it cannot be said (shapes
 * that differ, tensors without geometry, a difference that is not finite). What only one side has is an item with
 * "only_in": "a" or "b". Folders are walked to the bottom and matched by relative name; files in them that are neither
 * images nor weights are ignored and counted.
 * MED_EFAIL: something differs by more than `tolerance` in value, in shape or in place; the message says what. */
MED_CHECK med_status med_compare(const char *a, const char *b, double tolerance, json_t *report);

#endif
