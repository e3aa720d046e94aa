/* golden_fixture.h: what the kinds of fixtures share: an open fixture and the list of checks. */
#ifndef MED_TASK_GOLDEN_FIXTURE_H
#define MED_TASK_GOLDEN_FIXTURE_H

#include <jansson.h>
#include "engine/weights.h"

typedef struct med_golden {
    const char *path;
    json_t *json, *checks; /* checks: borrowed from the report */
    med_weights *data;
    bool all_ok;
} med_golden;

/* One kind of fixture: the word under "fixture" in its json. */
typedef struct med_golden_kind {
    const char *name;
    med_status (*run)(med_golden *f);
} med_golden_kind;

/* Tensor of the fixture as doubles (owned), its count; MED_EFORMAT names what is missing. */
MED_CHECK med_status med_golden_tensor(const med_golden *f, const char *name, double **values, int64_t *n);
MED_CHECK med_status med_golden_f32(const med_golden *f, const char *name, int64_t n, const float **values); /* borrowed */

/* Largest |got - expected| against an absolute tolerance; got NULL counts as zeros. */
void med_golden_compare(med_golden *f, const char *name, const double *got, const double *expected, int64_t n, double tolerance);
/* As above, and the rms against its own tolerance. */
void med_golden_compare_rms(med_golden *f, const char *name, const double *got, const double *expected, int64_t n,
                            double tolerance, double rms_tolerance);
/* Largest relative difference. */
void med_golden_compare_relative(med_golden *f, const char *name, const double *got, const double *expected, int64_t n, double tolerance);
/* Runs part of a training with Winograd's transforms off, whose rounding moves single pixels over kinks of the loss; then as before. */
MED_CHECK med_status med_golden_strictly(med_status (*part)(void *context), void *context);
void med_golden_add(med_golden *f, const char *name, double error, double tolerance, bool ok);

#endif
