/* sequence.h: tracked ultrasound: frames with poses, as the PLUS toolkit records them in MetaImage and NRRD. */
#ifndef MED_IMAGE_SEQUENCE_H
#define MED_IMAGE_SEQUENCE_H

#include "image/volume.h"

enum { MED_SEQUENCE_MAX_POSES = 16, MED_SEQUENCE_NAME = 64 };

typedef struct med_pose {
    med_affine matrix;       /* as recorded: between the coordinate systems that its name says, mm; not turned to RAS */
    bool is_there, is_valid; /* valid: status OK */
} med_pose;

typedef struct med_sequence { /* owned; med_sequence_free */
    int width, height, n_frames;
    char orientation[8]; /* of a frame, as recorded: "MFA", "UN", ...; "" unknown */
    int n_poses;         /* per frame */
    char pose_name[MED_SEQUENCE_MAX_POSES][MED_SEQUENCE_NAME]; /* "ProbeToTracker" */
    med_pose *pose;                                            /* n_frames x n_poses */
    double *time_s;                                            /* per frame; NAN: not recorded */
    bool *is_valid;                                            /* per frame: its image's status is OK */
    uint8_t *pixels;                                           /* n_frames x height x width; NULL: not asked for */
} med_sequence;

/* MED_EFORMAT: no sequence, frames that are not 8-bit grey, numbers of frames that do not exist, a pose that is no matrix
 * (names the line). */
MED_CHECK med_status med_sequence_load(const char *path, bool with_pixels, med_sequence **out);
void med_sequence_free(med_sequence *s);
bool med_sequence_is(const char *path);
int med_sequence_find_pose(const med_sequence *s, const char *name); /* -1: none */
static inline const med_pose *med_sequence_pose(const med_sequence *s, int frame, int pose) {
    return &s->pose[frame * s->n_poses + pose];
}

#endif
