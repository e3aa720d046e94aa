/* loader.h: what training reads: the volumes of some cases in memory at network scale, given out as windows of slices.
 *
 * Tensors are [n,1,H,W]: H runs along axis 0 of the volume, W along axis 1, n along axis 2. Volumes of other in-plane
 * sizes are cropped or padded with background (-1) around their middle, as med_volume_fit does.
 *
 * Volumes are kept as float when all fit into the memory budget, else in 16 bits (steps of 2/65535; -1 and 1 exact). */
#ifndef MED_DATA_LOADER_H
#define MED_DATA_LOADER_H

#include "data/dataset.h"

typedef struct med_loader_config {
    int height, width;       /* of the model's slices */
    size_t memory_bytes;     /* for all volumes; 0: no limit */
    const char *orientation; /* NULL: as stored; else every volume is flipped and permuted to it, "RAS" say */
} med_loader_config;

typedef struct med_loader med_loader; /* owned; med_loader_free */

/* Read inputs and targets of `cases` (indices into d, which may be freed afterwards); loader cases count from 0 in this
 * order. A target that has no file of its own is its input. All images of a case must have the same size.
 * MED_EINPUT, MED_EFORMAT as for loading; MED_ENOMEM: even 16 bits exceed the budget (says by how much). */
MED_CHECK med_status med_loader_create(const med_dataset *d, const int *cases, int n_cases,
                                       const med_loader_config *config, med_loader **out);
/* Bytes that these volumes take at least (in 16 bits), from headers alone. */
MED_CHECK med_status med_loader_measure(const med_dataset *d, const int *cases, int n_cases, const med_loader_config *config,
                                        size_t *n_bytes);
void med_loader_free(med_loader *loader);

int med_loader_n_cases(const med_loader *loader);
const char *med_loader_name(const med_loader *loader, int index);    /* of a case; borrowed */
med_modset med_loader_observed(const med_loader *loader, int index); /* bits by the data set's modality order */
int med_loader_n_slices(const med_loader *loader, int index);
bool med_loader_is_float(const med_loader *loader);
size_t med_loader_bytes(const med_loader *loader);

typedef struct
    med_window { /* slices first .. first + n - 1 of a case, mirrored along axis 0 or not, all modalities alike */
    int index, first, n;
    bool is_flipped;
} med_window;

/* Fill out[n,1,H,W] with a modality that the case has (data set order); as input or as target. */
void med_loader_read(const med_loader *loader, med_window window, int mod, bool is_target, float *out);

#endif
