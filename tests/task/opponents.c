/* opponents.c: the mean image and the linear map must find what the training cases hold. */
#include "small_data.h"
#include "task/opponents.h"

/* As acquired, 100..200; the input rule maps this to the network's scale by a straight line per case. Two voxels pin
 * the ends of that line, so that it is the same for all cases. */
static double raw(int number, int i, int j, int k, int salt) {
    if (j == 5 && k == 0 && i >= 5 && i <= 24) return i % 2 ? 200 : 100;
    return 100 + 100 * small_noise(number, i, j, k, salt);
}
static double raw_t2(int number, int i, int j, int k) { return raw(number, i, j, k, 1); }
static double raw_us(int number, int i, int j, int k) { return raw(number, i, j, k, 2); }
static double unit(double value) { return (value - 100) / 100; }

/* Targets in [0,1]: straight lines of the inputs, and something that differs from case to case by a constant. */
static double flair(int number, int i, int j, int k) { return 0.2 + 0.6 * unit(raw_t2(number, i, j, k)); }
static double cet1(int number, int i, int j, int k) {
    return 0.1 + 0.5 * unit(raw_t2(number, i, j, k)) + 0.25 * unit(raw_us(number, i, j, k));
}
static double t2_target(int number, int i, int j, int k) {
    return 0.3 + 0.1 * number + 0.002 * i + 0.003 * j + 0.01 * k;
}

static char *folder;
static const int size[3] = {30, 24, 4};
static const med_mod_list mods = {.n = 4, .name = {"us", "t2", "cet1", "flair"}};
enum { US = 1, T2 = 2, CET1 = 4, FLAIR = 8, N_CASES = 3 };
static med_dataset *data;

static int make_data(void **state) {
    (void)state;
    folder = testing_folder();
    for (int c = 0; c < N_CASES; c++) {
        small_scan(folder, c, "us", NULL, size, raw_us);
        small_scan(folder, c, "t2", NULL, size, raw_t2);
        small_scan(folder, c, "t2", "target", size, t2_target);
        small_scan(folder, c, "cet1", NULL, size, raw_us);
        small_scan(folder, c, "cet1", "target", size, cet1);
        if (c == 1) continue; /* a case without flair */
        small_scan(folder, c, "flair", NULL, size, raw_us);
        small_scan(folder, c, "flair", "target", size, flair);
    }
    assert_ok(med_dataset_open(folder, &data));
    return 0;
}

static int drop_data(void **state) {
    (void)state;
    med_dataset_free(data);
    testing_remove(folder);
    return 0;
}

static med_scans load_case(int c) {
    med_scans scans;
    assert_ok(med_scans_load(&data->cases[c], &mods, med_scans_observed(data, &data->cases[c], &mods), &scans));
    return scans;
}

/* Largest difference inside the mask of `truth`; outside both must be -1. */
static double largest_difference(const med_volume *a, const med_volume *truth) {
    double largest = 0;
    for (size_t v = 0; v < med_grid_count(a->grid); v++)
        largest = fmax(largest, fabs((double)a->voxel[v] - truth->voxel[v]));
    return largest;
}

/* Exact straight lines are found up to the rounding of float voxels. */
static void linear_maps_are_found(void **state) {
    (void)state;
    const med_pair pairs[] = {{T2, 3}, {US | T2, 2}, {US, 3}};
    med_opponents *o;
    med_volume *out;
    assert_ok(med_opponents_fit(data, (int[]){0, 1}, 2, &mods, pairs, 3, &o));
    med_scans scans = load_case(2);
    const med_volume *const *inputs = (const med_volume *const *)scans.input;
    for (int p = 0; p < 2; p++) {
        assert_ok(med_opponents_linear(o, pairs[p], inputs, &out));
        assert_true(largest_difference(out, scans.truth[pairs[p].target]) < 1e-5);
        med_volume_free(out);
    }
    assert_ok(med_opponents_linear(o, pairs[2], inputs, &out)); /* unrelated: far off, but in range */
    assert_true(largest_difference(out, scans.truth[3]) > 0.1);
    for (size_t v = 0; v < med_grid_count(out->grid); v++) assert_true(out->voxel[v] >= -1 && out->voxel[v] <= 1);
    med_volume_free(out);
    assert_ok(med_opponents_linear(o, (med_pair){CET1, 0}, inputs, &out)); /* never asked for */
    assert_null(out);
    med_scans_free(&scans);
    med_opponents_free(o);
}

/* Cases 0 and 2 differ by a constant: their mean is case 1. */
static void mean_image_is_the_mean(void **state) {
    (void)state;
    const med_pair pair = {US, 1};
    med_opponents *o;
    med_volume *out;
    assert_ok(med_opponents_fit(data, (int[]){0, 2}, 2, &mods, &pair, 1, &o));
    med_scans scans = load_case(1);
    assert_ok(med_opponents_mean(o, 1, scans.input[0], &out));
    assert_true(largest_difference(out, scans.truth[1]) < 1e-6);
    med_volume_free(out);
    assert_ok(med_opponents_mean(o, 3, scans.input[0], &out)); /* flair was no target */
    assert_null(out);
    med_scans_free(&scans);
    med_opponents_free(o);
}

/* A case on a larger grid gets the mean image at its centre and the mean value around it. */
static void other_sizes_are_centred(void **state) {
    (void)state;
    const med_pair pair = {US, 1};
    const int larger[3] = {40, 30, 4};
    med_opponents *o;
    med_volume *mask, *out;
    assert_ok(med_opponents_fit(data, (int[]){1}, 1, &mods, &pair, 1, &o));
    med_scans scans = load_case(1);
    const med_volume *truth = scans.truth[1];
    med_grid grid = truth->grid;
    memcpy(grid.n, larger, sizeof larger);
    assert_ok(med_volume_create(grid, &mask)); /* 0 everywhere: all in view */
    assert_ok(med_opponents_mean(o, 1, mask, &out));
    double sum = 0, n = 0;
    for (size_t v = 0; v < med_grid_count(truth->grid); v++)
        if (truth->voxel[v] > -1) sum += truth->voxel[v], n++;
    assert_true(fabs(*med_volume_at(out, 0, 0, 2) - sum / n) < 1e-6);
    assert_true(*med_volume_at(out, 5 + 12, 3 + 9, 2) == *med_volume_at(truth, 12, 9, 2));
    med_volume_free(out);
    med_volume_free(mask);
    med_scans_free(&scans);
    med_opponents_free(o);
}

static void no_training_case_means_no_opponent(void **state) {
    (void)state;
    const med_pair pair = {US, 3};
    med_opponents *o;
    med_volume *out;
    assert_ok(med_opponents_fit(data, (int[]){1}, 1, &mods, &pair, 1, &o)); /* the case without flair */
    med_scans scans = load_case(1);
    assert_ok(med_opponents_mean(o, 3, scans.input[0], &out));
    assert_null(out);
    assert_ok(med_opponents_linear(o, pair, (const med_volume *const *)scans.input, &out));
    assert_null(out);
    med_scans_free(&scans);
    med_opponents_free(o);
}

static void scans_must_share_a_grid(void **state) {
    (void)state;
    char *other = med_format("%s-grids", folder);
    const int small[3] = {30, 24, 3};
    med_dataset *d;
    med_scans scans;
    small_scan(other, 0, "us", NULL, size, raw_us);
    small_scan(other, 0, "t2", NULL, small, raw_t2);
    assert_ok(med_dataset_open(other, &d));
    assert_fails(med_scans_load(&d->cases[0], &mods, US | T2, &scans), MED_EFORMAT, "30 x 24 x 3");
    med_dataset_free(d);
    testing_remove(other);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_maps_are_found),   cmocka_unit_test(mean_image_is_the_mean),
        cmocka_unit_test(other_sizes_are_centred), cmocka_unit_test(no_training_case_means_no_opponent),
        cmocka_unit_test(scans_must_share_a_grid),
    };
    return cmocka_run_group_tests(tests, make_data, drop_data);
}
