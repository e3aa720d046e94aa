/* landmark_error.c: target registration error, and the residual of the least-squares rigid fit of the same points (Horn,
 * JOSA A 4(4), 1987), which bounds the root mean square error of any rigid registration from below. */
#include "metric/landmark_error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

static double distance(const double a[3], const double b[3]) {
    double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
}

/* Eigenvector of the largest eigenvalue of a symmetric 4 x 4 matrix by Jacobi's rotations; `a` is destroyed. */
static void largest_eigenvector(double a[4][4], double out[4]) {
    double v[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};
    for (int sweep = 0; sweep < 50; sweep++)
        for (int p = 0; p < 3; p++)
            for (int q = p + 1; q < 4; q++) {
                if (a[p][q] == 0) continue;
                double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
                double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int i = 0; i < 4; i++) {
                    double x = a[i][p], y = a[i][q];
                    a[i][p] = c * x - s * y, a[i][q] = s * x + c * y;
                }
                for (int i = 0; i < 4; i++) {
                    double x = a[p][i], y = a[q][i];
                    a[p][i] = c * x - s * y, a[q][i] = s * x + c * y;
                    x = v[i][p], y = v[i][q];
                    v[i][p] = c * x - s * y, v[i][q] = s * x + c * y;
                }
            }
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (a[i][i] > a[best][best]) best = i;
    for (int i = 0; i < 4; i++) out[i] = v[i][best];
}

/* Rotation of the quaternion q that turns the fixed points, both sets about their centres, onto the moving ones. */
static void best_rotation(const med_landmark_pair *pairs, int n, const double cf[3], const double cm[3],
                          double r[3][3]) {
    double s[3][3] = {{0}}, q[4];
    for (int i = 0; i < n; i++)
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++) s[a][b] += (pairs[i].fixed[a] - cf[a]) * (pairs[i].moving[b] - cm[b]);
    double m[4][4] = {
        {s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]},
        {s[1][2] - s[2][1], s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]},
        {s[2][0] - s[0][2], s[0][1] + s[1][0], s[1][1] - s[0][0] - s[2][2], s[1][2] + s[2][1]},
        {s[0][1] - s[1][0], s[2][0] + s[0][2], s[1][2] + s[2][1], s[2][2] - s[0][0] - s[1][1]},
    };
    largest_eigenvector(m, q);
    double w = q[0], x = q[1], y = q[2], z = q[3];
    const double turn[3][3] = {
        {w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)},
        {2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)},
        {2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z},
    };
    memcpy(r, turn, sizeof turn);
}

static void fit_rigid(const med_landmark_pair *pairs, int n, med_landmark_errors *out) {
    double cf[3] = {0}, cm[3] = {0}, r[3][3], sum = 0, squares = 0;
    out->rigid_fit_mean = out->rigid_fit_rms = NAN;
    if (n < 3) return;
    for (int i = 0; i < n; i++)
        for (int a = 0; a < 3; a++) cf[a] += pairs[i].fixed[a] / n, cm[a] += pairs[i].moving[a] / n;
    best_rotation(pairs, n, cf, cm, r);
    for (int i = 0; i < n; i++) {
        double at[3];
        for (int a = 0; a < 3; a++) {
            at[a] = cm[a];
            for (int b = 0; b < 3; b++) at[a] += r[a][b] * (pairs[i].fixed[b] - cf[b]);
        }
        double d = distance(at, pairs[i].moving);
        sum += d, squares += d * d;
    }
    out->rigid_fit_mean = sum / n;
    out->rigid_fit_rms = sqrt(squares / n);
}

med_landmark_errors med_landmark_errors_of(med_landmark_pair *pairs, int n, const med_transform *to_moving) {
    med_landmark_errors out;
    double *values = med_alloc(sizeof(double) * 2 * (size_t)(n + 1));
    for (int i = 0; i < n; i++) {
        double moved[3];
        med_transform_apply(to_moving, pairs[i].fixed, moved);
        values[i] = pairs[i].before = distance(pairs[i].fixed, pairs[i].moving);
        values[n + i] = pairs[i].after = distance(moved, pairs[i].moving);
    }
    out.before = med_summarise(values, n);
    out.after = med_summarise(values + n, n);
    fit_rigid(pairs, n, &out);
    free(values);
    return out;
}
