/* prepare_slices.h: bring a volume to an orientation, a slice size and a range of slices. No interpolation. */
#ifndef MED_TASK_PREPARE_SLICES_H
#define MED_TASK_PREPARE_SLICES_H

#include "image/volume.h"

typedef struct med_slices_options {
    const char *orientation; /* "RAS": where the axes point; NULL: as they are */
    int fit[3];              /* voxels per axis after that, by centred crop or zero padding; 0: as it is */
    int shrink[3]; /* then means over so many voxels per axis; 0 or 1: none. What does not fill a block is cut */
    int from, to;  /* then slices from..to of axis 2, both included; to -1: the last */
    int every;     /* of these the first and each every-th after it; 0 or 1: all */
} med_slices_options;

/* In that order. MED_EUSAGE: no such orientation, no such slices. */
MED_CHECK med_status med_prepare_slices(const med_volume *v, const med_slices_options *o, med_volume **out);
/* From file to file, float32. */
MED_CHECK med_status med_prepare_slices_file(const char *from, const char *to, const med_slices_options *o);

#endif
