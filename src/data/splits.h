/* splits.h: DATA/splits.json: a list of folds, each with the case names of its train, val and test part. */
#ifndef MED_DATA_SPLITS_H
#define MED_DATA_SPLITS_H

#include "data/dataset.h"

/* Write folds of case indices; `names` are the cases'. */
MED_CHECK med_status med_splits_save(const char *path, const med_fold *folds, int n_folds, const char *const *names);

#endif
