/* nifti_orient.c: sform, qform and neither. Quaternions as in nifti1.h of the NIfTI-1 standard. */
#include "image/nifti_orient.h"

#include <math.h>
#include "base/log.h"
#include "image/format.h"

static const double ORTHONORMAL = 1e-5, DISAGREE_MM = 0.1;

med_affine med_qform_to_affine(med_qform q) {
    double b = q.quatern[0], c = q.quatern[1], d = q.quatern[2];
    double a = sqrt(fmax(0, 1 - (b * b + c * c + d * d)));
    double s = 2 / (a * a + b * b + c * c + d * d); /* not 2 where rounding made b, c, d a hair too long */
    double rotation[3][3] = {{1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c)},
                             {s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b)},
                             {s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c)}};
    med_affine out = med_affine_identity();
    for (int r = 0; r < 3; r++) {
        for (int col = 0; col < 3; col++)
            out.m[r][col] = rotation[r][col] * q.spacing_mm[col] * (col == 2 ? q.qfac : 1);
        out.m[r][3] = q.offset_mm[r];
    }
    return out;
}

/* Unit quaternion (a, b, c, d), a >= 0, of a rotation: the largest component first, the others from it. */
static void rotation_to_quaternion(const double m[3][3], double q[4]) {
    double square[4] = {1 + m[0][0] + m[1][1] + m[2][2], 1 + m[0][0] - m[1][1] - m[2][2],
                        1 - m[0][0] + m[1][1] - m[2][2], 1 - m[0][0] - m[1][1] + m[2][2]}; /* 4 a2, 4 b2, 4 c2, 4 d2 */
    double product[4][4] = {
        {square[0], m[2][1] - m[1][2], m[0][2] - m[2][0], m[1][0] - m[0][1]},
        {m[2][1] - m[1][2], square[1], m[0][1] + m[1][0], m[0][2] + m[2][0]},
        {m[0][2] - m[2][0], m[0][1] + m[1][0], square[2], m[1][2] + m[2][1]},
        {m[1][0] - m[0][1], m[0][2] + m[2][0], m[1][2] + m[2][1], square[3]}}; /* 4 x outer product */
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (square[i] > square[best]) best = i;
    double norm = sqrt(square[best]) * 2 * (product[best][0] < 0 ? -1 : 1);
    for (int i = 0; i < 4; i++) q[i] = product[best][i] / norm;
}

bool med_qform_from_affine(med_affine affine, med_qform *out) {
    double m[3][3];
    med_grid_spacing((med_grid){.affine = affine}, out->spacing_mm);
    out->qfac = med_affine_determinant(affine) < 0 ? -1 : 1;
    for (int r = 0; r < 3; r++) {
        out->offset_mm[r] = affine.m[r][3];
        for (int c = 0; c < 3; c++) m[r][c] = affine.m[r][c] / out->spacing_mm[c] * (c == 2 ? out->qfac : 1);
    }
    for (int a = 0; a < 3; a++) {
        int b = (a + 1) % 3;
        if (fabs(m[0][a] * m[0][b] + m[1][a] * m[1][b] + m[2][a] * m[2][b]) > ORTHONORMAL) return false;
    }
    double q[4];
    rotation_to_quaternion(m, q);
    for (int i = 0; i < 3; i++) out->quatern[i] = q[i + 1];
    return true;
}

static med_status check_qform(const char *path, const med_qform *q) {
    for (int a = 0; a < 3; a++)
        if (!(q->spacing_mm[a] > 0))
            return med_fail(MED_EFORMAT, "%s: pixdim[%d] is %g, expected a spacing greater than 0", path, a + 1,
                            q->spacing_mm[a]);
    return med_image_check_affine(path, "qform", med_qform_to_affine(*q));
}

static void warn_if_disagreeing(const char *path, const med_nifti_orient *orient, const int n[3]) {
    if (check_qform(path, &orient->qform) != MED_OK) {
        med_warn("%s: the qform is unusable, the sform is used", path);
        return;
    }
    med_grid s = {{n[0], n[1], n[2]}, orient->sform}, q = s;
    q.affine = med_qform_to_affine(orient->qform);
    double mm = med_grid_corner_distance(s, q);
    if (mm > DISAGREE_MM)
        med_warn("%s: sform and qform disagree (corners differ by %.4g mm), the sform is used", path, mm);
}

/* nibabel's "base affine": x runs to the left, the world's origin is the centre of the volume. */
static med_affine affine_of_neither(const double spacing_mm[3], const int n[3]) {
    med_affine out = med_affine_identity();
    for (int a = 0; a < 3; a++) {
        out.m[a][a] = a == 0 ? -spacing_mm[a] : spacing_mm[a];
        out.m[a][3] = -0.5 * (n[a] - 1) * out.m[a][a];
    }
    return out;
}

med_status med_nifti_choose_affine(const char *path, const med_nifti_orient *orient, const int n[3], med_affine *out) {
    if (orient->sform_code > 0) {
        *out = orient->sform;
        MED_TRY(med_image_check_affine(path, "sform", *out));
        if (orient->qform_code > 0) warn_if_disagreeing(path, orient, n);
        return MED_OK;
    }
    MED_TRY(check_qform(path, &orient->qform));
    if (orient->qform_code > 0) {
        *out = med_qform_to_affine(orient->qform);
        return MED_OK;
    }
    med_warn("%s: neither sform nor qform: where the patient's right is, is a guess", path);
    *out = affine_of_neither(orient->qform.spacing_mm, n);
    return MED_OK;
}
