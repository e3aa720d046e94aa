/* phantom.h: heads made by formula: the substitute for patients in demonstrations and tests.
 *
 * A case is a brain without skull, with folded cortex, ventricles, vessels, falx, deep nuclei and one tumour, seen by MR
 * (as acquired and harmonised) and by a convex ultrasound probe on its surface. Same seed, same bytes, whatever the
 * number of threads; case c does not depend on how many others there are. */
#ifndef MED_DATA_PHANTOM_H
#define MED_DATA_PHANTOM_H

#include "base/modset.h"
#include "image/volume.h"

typedef struct med_phantom_config {
    int size[3];       /* voxels: lateral, depth, elevation */
    double spacing_mm; /* of all axes */
    int n_mods;
    const char *mods[MED_MAX_MODS]; /* us, t2, cet1, flair, t1 */
    double missing;                 /* probability of each MR */
    bool is_cut_to_fan;             /* MR and label 0 outside the ultrasound's field of view */
    uint64_t seed;
} med_phantom_config;

enum { MED_PHANTOM_LANDMARKS = 12 };
typedef struct med_phantom_landmark {
    char name[32];
    double ras_mm[3]; /* the same in all images of the case: they are registered */
} med_phantom_landmark;

typedef struct med_phantom_case { /* owned; med_phantom_case_free */
    med_volume *acquired
        [MED_MAX_MODS]; /* by the order of config.mods; MR 0 outside brain and field of view, us 1..255 in the fan */
    med_volume *target[MED_MAX_MODS]; /* MR only: one table of tissues for all cases, [1/255, 1] in the mask */
    med_volume *label, *fov;          /* 0, 1 core, 2 oedema, 4 enhancing; 0 or 1 */
    med_modset observed;              /* which are not missing; all are drawn all the same */
    const char *tumour;               /* its kind */
    int n_landmarks;
    med_phantom_landmark landmark[MED_PHANTOM_LANDMARKS];
} med_phantom_case;

/* MED_EUSAGE: unknown modality, sizes too small; MED_ENOMEM. */
MED_CHECK med_status med_phantom_check(const med_phantom_config *config);
/* Case `index` of the endless list that the seed stands for. */
MED_CHECK med_status med_phantom_case_create(const med_phantom_config *config, int index, med_phantom_case **out);
void med_phantom_case_free(med_phantom_case *c);

#endif
