/* small_data.h: a data set of a few voxels whose modalities follow formulas, for tests of opponents and report. */
#ifndef MED_TESTS_TASK_SMALL_DATA_H
#define MED_TESTS_TASK_SMALL_DATA_H

#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/volume.h"
#include "model/net.h"
#include "testing.h"

/* A head of ni x nj x nk voxels of 1 x 1 x 2 mm: 0 outside an ellipsoid, formula(case, i, j, k) inside. */
typedef double small_formula(int number, int i, int j, int k);

static inline void small_save(const char *path, const int n[3], int number, small_formula *formula) {
    med_grid grid = {{n[0], n[1], n[2]}, {{{-1, 0, 0, 30}, {0, -1, 0, 20}, {0, 0, 2, -10}, {0, 0, 0, 1}}}};
    med_volume *v;
    assert_ok(med_volume_create(grid, &v));
    for (int k = 0; k < n[2]; k++)
        for (int j = 0; j < n[1]; j++)
            for (int i = 0; i < n[0]; i++) {
                double x = 2. * (i + 0.5) / n[0] - 1, y = 2. * (j + 0.5) / n[1] - 1;
                if (x * x + y * y < 0.9) *med_volume_at(v, i, j, k) = (float)formula(number, i, j, k);
            }
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    med_volume_free(v);
}

/* FOLDER/cN/cN-MOD.nii.gz, or cN-MOD.target.nii.gz for kind "target". */
static inline void small_scan(const char *folder, int number, const char *mod, const char *kind, const int n[3],
                              small_formula *formula) {
    char *dir = med_format("%s/c%d", folder, number);
    char *path = med_format("%s/c%d-%s%s%s.nii.gz", dir, number, mod, kind ? "." : "", kind ? kind : "");
    assert_ok(med_dir_create(dir));
    small_save(path, n, number, formula);
    free(path);
    free(dir);
}

/* A value in [0, 1) that looks random and depends on its arguments only. */
static inline double small_noise(int number, int i, int j, int k, int salt) {
    unsigned h = (unsigned)(number * 7919 + i * 104729 + j * 1299709 + k * 15485863 + salt * 32452843);
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return (h ^ h >> 16) / 4294967296.;
}

static inline void small_text(const char *dir, const char *name, const char *text) {
    char *path = med_path_join(dir, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

/* Weights of an untrained network of us, t2 and flair at 32 x 32. */
static inline void small_weights(const char *path) {
    med_net net;
    med_weights *w;
    assert_ok(med_net_preset(med_models[0], "tiny", &net));
    assert_ok(med_net_set(&net, "modalities=us,t2,flair"));
    assert_ok(med_net_set(&net, "size=32,32"));
    assert_ok(med_net_init(&net, 5, &w));
    assert_ok(med_weights_save(w, path));
    med_weights_free(w);
}

#endif
