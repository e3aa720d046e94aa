/* prepare_batch.h: many cases into one data set: each folder appears complete or not at all, and what is there stays. */
#ifndef MED_DATA_PREPARE_BATCH_H
#define MED_DATA_PREPARE_BATCH_H

#include "data/manifest.h"
#include "data/prepare_case.h"

/* Makes one case in the folder `dir`, for med_prepare_batch. A failure that sets c->excluded says that there is nothing to
 * make a case of, which is no failure of the batch. */
typedef med_status med_prepare_write_fn(med_prepare_case *c, const void *options, const char *dir);

typedef struct med_prepare_batch {
    const char *data; /* the data set */
    med_manifest_head head;
    json_t *preparation; /* how, for the manifest; the reference is taken */
    med_prepare_write_fn *write;
    const void *options;                  /* for write */
    bool strict;                          /* stop at the first case that fails */
    bool force;                           /* make cases again that are there */
    double max_memory_mb, case_memory_mb; /* cases run side by side while they fit; else one after the other */
} med_prepare_batch;

/* report: cases [{name, status "made"|"kept"|"failed"|"excluded", message, warnings}] and counts n_made, n_kept, n_failed,
 * n_excluded. The manifest lists every case of the folder, those of earlier runs too. MED_EUSAGE: DATA is not empty and
 * no data set; MED_EFAIL: cases failed (the others are there). */
MED_CHECK med_status med_prepare_batch_run(const med_prepare_batch *b, med_prepare_case *cases, int n, json_t *report);

#endif
