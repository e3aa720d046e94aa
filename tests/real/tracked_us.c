/* Tracked ultrasound of the PLUS toolkit: the same sweep as MetaImage and NRRD, a spine phantom, a convex probe. */
#include "../images.h"

#include "image/png.h"
#include "image/sequence.h"

static char *folder;

static med_sequence *load(const char *name) {
    med_sequence *s;
    char *path = med_format("%s/%s", folder, name);
    assert_true(med_sequence_is(path));
    assert_ok(med_sequence_load(path, true, &s));
    free(path);
    return s;
}

static double mean_of(const med_sequence *s, int frame) {
    double sum = 0;
    size_t n = (size_t)s->width * (size_t)s->height;
    for (size_t i = 0; i < n; i++) sum += s->pixels[n * (size_t)frame + i];
    return sum / (double)n;
}

static int count_valid(const med_sequence *s, const char *name) {
    int pose = med_sequence_find_pose(s, name), n = 0;
    assert_true(pose >= 0);
    for (int f = 0; f < s->n_frames; f++)
        n += med_sequence_pose(s, f, pose)->is_there && med_sequence_pose(s, f, pose)->is_valid;
    return n;
}

static void both_formats_say_the_same(void **state) {
    (void)state;
    med_sequence *a = load("NwirePhantomFreehand.igs.mha"), *b = load("NwirePhantomFreehand.igs.nrrd");
    assert_int_equal(a->width, 820);
    assert_int_equal(a->height, 616);
    assert_int_equal(a->n_frames, 97);
    assert_int_equal(a->n_poses, 3);
    assert_string_equal(a->orientation, "MFA");
    assert_string_equal(b->orientation, "MFA");
    assert_memory_equal(a->pixels, b->pixels, (size_t)820 * 616 * 97);
    assert_true(mean_of(a, 48) > 0.1); /* a dark water bath with a few wires */
    for (int f = 0; f < 97; f++) {
        assert_true(a->is_valid[f] && a->time_s[f] == b->time_s[f]);
        for (int p = 0; p < 3; p++) {
            assert_string_equal(a->pose_name[p], b->pose_name[p]);
            assert_memory_equal(med_sequence_pose(a, f, p), med_sequence_pose(b, f, p), sizeof(med_affine));
            assert_int_equal(med_sequence_pose(a, f, p)->is_valid, med_sequence_pose(b, f, p)->is_valid);
        }
    }
    assert_int_equal(count_valid(a, "ProbeToTracker"), 97);
    assert_int_equal(count_valid(a, "StylusToTracker"), 0);
    assert_true(med_sequence_pose(a, 0, 0)->matrix.m[2][3] == -1949.07 && a->time_s[0] == 345.627957);
    med_sequence_free(a);
    med_sequence_free(b);
}

static void a_spine_and_a_convex_probe(void **state) {
    (void)state;
    med_sequence *spine = load("SpinePhantomFreehand.igs.mha"),
                 *convex = load("UltrasonixCurvilinearScanConvertedData.igs.mha");
    assert_int_equal(spine->n_frames, 21);
    assert_int_equal(count_valid(spine, "StylusToTracker"), 21);
    /* tracked poses are rigid: the file keeps six digits */
    for (int f = 0; f < 21; f++)
        assert_true(fabs(med_affine_determinant(med_sequence_pose(spine, f, 0)->matrix) - 1) < 1e-5);
    assert_int_equal(convex->n_frames, 5);
    assert_int_equal(convex->n_poses, 0);
    assert_true(convex->time_s[4] == 99.04);
    assert_true(mean_of(convex, 0) > 1);
    char *picture = testing_folder(), *path = med_format("%s/frame.png", picture);
    assert_ok(med_png_save(&(med_picture){spine->width, spine->height, 1, spine->pixels}, path));
    FILE *file = fopen(path, "rb");
    uint8_t head[24];
    assert_int_equal(fread(head, 1, sizeof head, file), sizeof head);
    fclose(file);
    assert_memory_equal(head + 16, ((const uint8_t[]){0, 0, 820 >> 8, 820 & 255, 0, 0, 616 >> 8, 616 & 255}), 8);
    testing_remove(picture);
    free(path);
    med_sequence_free(spine);
    med_sequence_free(convex);
}

static void a_reconstruction_is_a_volume(void **state) {
    (void)state;
    char *path = med_format("%s/SpinePhantomFreehandReconstructed.mha", folder);
    med_volume *v;
    med_sequence *s;
    assert_false(med_sequence_is(path));
    assert_ok(med_volume_load(path, &v));
    assert_true(v->grid.n[0] == 147 && v->grid.n[2] == 104 && v->grid.affine.m[1][3] == -165.573);
    assert_fails(med_sequence_load(path, true, &s), MED_EFORMAT, "no tracked sequence");
    med_volume_free(v);
    free(path);
    path = med_format("%s/SpinePhantomFreehand.igs.mha", folder);
    assert_fails(med_volume_load(path, &v), MED_EFORMAT, "a sequence of 21 frames");
    free(path);
}

int main(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    folder = med_format("%s/real/tracked_us", shared ? shared : "");
    if (access(folder, R_OK) != 0) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_say_the_same),
        cmocka_unit_test(a_spine_and_a_convex_probe),
        cmocka_unit_test(a_reconstruction_is_a_volume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
