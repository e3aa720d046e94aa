/* fuzz_dataset.h: a data set of a manifest and folds; the files "a-us.nii.gz" and "b-us.nii.gz" are there. */
#ifndef MED_TESTS_FUZZ_DATASET_H
#define MED_TESTS_FUZZ_DATASET_H

#include "fuzz.h"
#include "data/dataset.h"

static inline void fuzz_dataset(const char *manifest, size_t n_manifest, const char *splits, size_t n_splits) {
    static bool has_files;
    if (!has_files) fuzz_write("a-us.nii.gz", NULL, 0), fuzz_write("b-us.nii.gz", NULL, 0);
    has_files = true;
    fuzz_write("manifest.json", (const uint8_t *)manifest, n_manifest);
    fuzz_write("splits.json", (const uint8_t *)splits, n_splits);
    med_dataset *d;
    med_status status = med_dataset_open(fuzz_folder(), &d);
    fuzz_check(status);
    if (status == MED_OK) med_dataset_free(d);
}

#endif
