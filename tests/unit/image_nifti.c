/* NIfTI out and in again, and files made byte by byte: every type, both byte orders, both versions, plain and gzip. */
#include "../images.h"

#include <sys/stat.h>
#include "base/file.h"
#include "image/gzip.h"
#include "image/nifti_orient.h"

static char *folder;

static int setup(void **state) {
    (void)state;
    folder = testing_folder();
    return 0;
}
static int teardown(void **state) {
    (void)state;
    unsetenv("MEDLEY_FAIL_WRITE");
    testing_remove(folder);
    return 0;
}

static float wavy(int i, int j, int k) { return sinf(0.37f * (float)i) * 1e3f + (float)j / 3 - (float)(k * k); }
static float small_integer(int i, int j, int k) { return (float)((7 * i + 3 * j + 11 * k) % 256); }

/* ---- our own files ---- */

static void round_trip(const char *name, med_grid grid, float (*value)(int, int, int), med_voxel_type type) {
    med_volume *v = images_make(grid, value), *back;
    char *path = med_path_join(folder, name);
    snprintf(v->description, sizeof v->description, "a volume");
    assert_ok(med_volume_save(v, path, type));
    images_watch_warnings();
    assert_ok(med_volume_load(path, &back));
    assert_int_equal(images_n_warnings, 0); /* sform and qform agree */
    assert_int_equal(back->stored_type, type);
    assert_string_equal(back->description, "a volume");
    images_assert_affine(back->grid.affine, grid.affine, 402.25 * 6e-8); /* float32 of the largest entry */
    assert_memory_equal(back->grid.n, grid.n, sizeof grid.n);
    assert_memory_equal(back->voxel, v->voxel, med_grid_count(grid) * sizeof(float));
    med_volume_free(v);
    med_volume_free(back);
    free(path);
}

static void written_is_read(void **state) {
    (void)state;
    for (int handed = 0; handed < 2; handed++) {
        round_trip("a.nii.gz", images_oblique_grid(13, 7, 5, handed), wavy, MED_VOXEL_F32);
        round_trip("a.nii", images_oblique_grid(70, 60, 50, handed), wavy, MED_VOXEL_F32);
        round_trip("b.nii.gz", images_oblique_grid(70, 60, 50, handed), small_integer, MED_VOXEL_U8);
        round_trip("c.nii.gz", images_oblique_grid(1, 1, 1, handed), small_integer, MED_VOXEL_I16);
    }
    med_grid sheared = images_oblique_grid(4, 5, 6, false);
    sheared.affine.m[0][1] += 0.01;
    round_trip("d.nii", sheared, small_integer, MED_VOXEL_I16);
    sheared.affine.m[0][1] -= 0.01;
    med_qform q;
    assert_true(med_qform_from_affine(sheared.affine, &q));
    sheared.affine.m[0][1] += 0.01;
    assert_false(med_qform_from_affine(sheared.affine, &q)); /* sform only: no qform_code */
    char *path = med_path_join(folder, "d.nii");
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    assert_int_equal(file.data[252], 0);
    assert_int_equal(file.data[254], 1);
    med_file_unmap(&file);
    free(path);
}

/* All rotations by quarter turns, flips included: the quaternion's four ways. */
static void qform_says_what_the_affine_says(void **state) {
    (void)state;
    const double tolerance = 1e-7; /* a = sqrt(1 - b2 - c2 - d2) keeps half of double's digits near 0 */
    static const int ways[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int w = 0; w < 6; w++)
        for (int flips = 0; flips < 8; flips++) {
            med_affine turn = {{{0, 0, 0, 5}, {0, 0, 0, -6}, {0, 0, 0, 7}, {0, 0, 0, 1}}};
            for (int a = 0; a < 3; a++) turn.m[ways[w][a]][a] = (flips >> a & 1 ? -1 : 1) * (1 + 0.5 * a);
            med_affine oblique = med_affine_multiply(images_oblique_grid(1, 1, 1, false).affine, med_affine_identity());
            for (int r = 0; r < 3; r++) /* unit axes */
                for (int c = 0; c < 3; c++) oblique.m[r][c] /= (const double[3]){0.9, 0.5, 2.5}[c];
            med_qform q;
            assert_true(med_qform_from_affine(turn, &q));
            images_assert_affine(med_qform_to_affine(q), turn, tolerance);
            turn = med_affine_multiply(oblique, turn);
            assert_true(med_qform_from_affine(turn, &q));
            images_assert_affine(med_qform_to_affine(q), turn, tolerance);
        }
}

static void equal_volumes_give_equal_files(void **state) {
    (void)state;
    char hex[2][65];
    for (int i = 0; i < 2; i++) {
        med_volume *v = images_make(images_oblique_grid(40, 30, 20, false), wavy);
        memset(v->description, 'x' + i, sizeof v->description); /* what lies behind the text is not written */
        memcpy(v->description, "same", 5);
        char *path = med_path_join(folder, i ? "one.nii.gz" : "two.nii.gz");
        assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
        assert_ok(med_file_sha256(path, hex[i]));
        med_volume_free(v);
        free(path);
    }
    assert_string_equal(hex[0], hex[1]);
}

static void what_cannot_be_written_is_refused(void **state) {
    (void)state;
    med_volume *v = images_make(images_oblique_grid(4, 3, 2, false), small_integer);
    char *path = med_path_join(folder, "x.nii.gz"), *other = med_path_join(folder, "x.png");
    assert_fails(med_volume_save(v, other, MED_VOXEL_F32), MED_EUSAGE, "x.png: the name does not say");
    assert_fails(med_volume_save(v, path, MED_VOXEL_F64), MED_EUSAGE, "not as float64");
    v->voxel[5] = 255.6f;
    assert_fails(med_volume_save(v, path, MED_VOXEL_U8), MED_EFAIL, "does not fit into uint8");
    v->voxel[5] = NAN;
    assert_fails(med_volume_save(v, path, MED_VOXEL_I16), MED_EFAIL, "does not fit into int16");
    v->voxel[5] = 2.5f; /* halves go to even */
    assert_ok(med_volume_save(v, path, MED_VOXEL_I16));
    med_volume *back;
    assert_ok(med_volume_load(path, &back));
    assert_true(back->voxel[5] == 2);
    med_volume_free(back);
    v->grid.affine.m[0][0] = v->grid.affine.m[1][0] = v->grid.affine.m[2][0] = 0;
    assert_fails(med_volume_save(v, path, MED_VOXEL_F32), MED_EFORMAT, "spacing");
    v->grid = images_oblique_grid(40000, 1, 1, false);
    assert_fails(med_volume_save(v, path, MED_VOXEL_F32), MED_EFAIL, "axis 1 has 40000 voxels");
    med_volume_free(v);
    free(path);
    free(other);
}

static void full_disk_leaves_nothing(void **state) {
    (void)state;
    med_volume *v = images_make(images_oblique_grid(4, 3, 2, false), small_integer);
    char *path = med_path_join(folder, "x.nii.gz");
    setenv("MEDLEY_FAIL_WRITE", "1", 1);
    assert_fails(med_volume_save(v, path, MED_VOXEL_F32), MED_EIO, "x.nii.gz: disk full");
    unsetenv("MEDLEY_FAIL_WRITE");
    char **names;
    int n_names;
    assert_ok(med_dir_list(folder, &names, &n_names));
    assert_int_equal(n_names, 0);
    med_names_free(names, n_names);
    med_volume_free(v);
    free(path);
}

/* ---- files made byte by byte ---- */

enum { MAX_FILE = 4096, N_VALUES = 12 }; /* 3 x 2 x 2 voxels */

typedef struct made_file {
    uint8_t bytes[MAX_FILE];
    size_t n;
    bool is_wide, is_big;
} made_file;

static void put(made_file *f, size_t at, const void *value, size_t n_bytes) {
    for (size_t b = 0; b < n_bytes; b++) f->bytes[at + b] = ((const uint8_t *)value)[f->is_big ? n_bytes - 1 - b : b];
}
static void put_i16(made_file *f, size_t at, int16_t value) { put(f, at, &value, 2); }
static void put_i32(made_file *f, size_t at, int32_t value) { put(f, at, &value, 4); }
static void put_i64(made_file *f, size_t at, int64_t value) { put(f, at, &value, 8); }
static void put_real(made_file *f, size_t at, int i, double value) {
    float narrow = (float)value;
    if (f->is_wide)
        put(f, at + 8 * (size_t)i, &value, 8);
    else
        put(f, at + 4 * (size_t)i, &narrow, 4);
}

/* A header for 3 x 2 x 2 voxels of `datatype` with sform diag(2, 3, 4), and room for the voxels. */
static made_file make_header(bool is_wide, bool is_big, int datatype, size_t n_bytes) {
    made_file f = {.is_wide = is_wide, .is_big = is_big};
    const int dim[8] = {3, 3, 2, 2, 1, 1, 1, 1};
    size_t offset = is_wide ? 544 : 352;
    put_i32(&f, 0, is_wide ? 540 : 348);
    for (size_t d = 0; d < 8; d++)
        if (is_wide)
            put_i64(&f, 16 + 8 * d, dim[d]);
        else
            put_i16(&f, 40 + 2 * d, (int16_t)dim[d]);
    put_i16(&f, is_wide ? 12 : 70, (int16_t)datatype);
    put_i16(&f, is_wide ? 14 : 72, (int16_t)(8 * n_bytes));
    if (is_wide) {
        put_i64(&f, 168, (int64_t)offset);
        put_i32(&f, 348, 1);
        memcpy(f.bytes + 4, "n+2\0\r\n\032\n", 8);
    } else {
        put_real(&f, 108, 0, 352);
        put_i16(&f, 254, 1);
        memcpy(f.bytes + 344, "n+1", 4);
    }
    for (int a = 0; a < 3; a++) put_real(&f, is_wide ? 400 : 280, 5 * a, 2 + a);
    f.n = offset + N_VALUES * n_bytes;
    return f;
}

static void put_scaling(made_file *f, double slope, double inter) {
    put_real(f, f->is_wide ? 176 : 112, 0, slope);
    put_real(f, f->is_wide ? 184 : 116, 0, inter);
}

static char *write_made(const made_file *f, bool is_gzip) {
    char *path = med_path_join(folder, is_gzip ? "made.nii.gz" : "made.nii");
    if (is_gzip) {
        uint8_t *packed;
        size_t n_packed;
        assert_ok(med_gzip_compress(f->bytes, f->n, &packed, &n_packed));
        assert_ok(med_file_write(path, packed, n_packed));
        free(packed);
    } else {
        assert_ok(med_file_write(path, f->bytes, f->n));
    }
    return path;
}

static med_volume *load_made(const made_file *f, bool is_gzip) {
    char *path = write_made(f, is_gzip);
    med_volume *v;
    assert_ok(med_volume_load(path, &v));
    free(path);
    return v;
}

/* Values at and around the ends of each type. */
#define TYPES(X)                                                                                                       \
    X(2, uint8_t, "uint8", 0, UINT8_MAX)                                                                               \
    X(256, int8_t, "int8", INT8_MIN, INT8_MAX)                                                                         \
    X(4, int16_t, "int16", INT16_MIN, INT16_MAX)                                                                       \
    X(512, uint16_t, "uint16", 0, UINT16_MAX)                                                                          \
    X(8, int32_t, "int32", INT32_MIN, INT32_MAX)                                                                       \
    X(768, uint32_t, "uint32", 0, UINT32_MAX)                                                                          \
    X(1024, int64_t, "int64", INT64_MIN, INT64_MAX)                                                                    \
    X(1280, uint64_t, "uint64", 0, UINT64_MAX)                                                                         \
    X(16, float, "float32", -1.5f, 3.25e30f)                                                                           \
    X(64, double, "float64", -1.1, 2.2e30)

static void check_made(made_file *f, const char *name, const double expected[N_VALUES]) {
    for (int is_scaled = 0; is_scaled < 2; is_scaled++)
        for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
            if (is_scaled) put_scaling(f, 0.5, -3);
            med_volume *v = load_made(f, is_gzip);
            assert_string_equal(med_voxel_type_name(v->stored_type), name);
            assert_true(v->grid.affine.m[2][2] == 4);
            for (int i = 0; i < N_VALUES; i++)
                assert_true(v->voxel[i] == (float)(is_scaled ? expected[i] * 0.5 - 3 : expected[i]));
            med_volume_free(v);
        }
}

static void every_type_in_both_byte_orders(void **state) {
    (void)state;
    for (int is_wide = 0; is_wide < 2; is_wide++)
        for (int is_big = 0; is_big < 2; is_big++) {
#define CHECK_TYPE(code, type, name, lo, hi)                                                                           \
    {                                                                                                                  \
        const type values[N_VALUES] = {0, 1, 2, 3, (type)(lo), (type)(hi), (type)(hi) / 2, 100, 101, 102, 77, 5};      \
        double expected[N_VALUES];                                                                                     \
        made_file f = make_header(is_wide, is_big, code, sizeof(type));                                                \
        for (size_t i = 0; i < N_VALUES; i++) {                                                                        \
            put(&f, f.n + i * sizeof(type) - N_VALUES * sizeof(type), &values[i], sizeof(type));                       \
            expected[i] = (double)values[i];                                                                           \
        }                                                                                                              \
        check_made(&f, name, expected);                                                                                \
    }
            TYPES(CHECK_TYPE)
        }
}

/* Bits pass through: a negative zero and a denormal stay what they are. */
static void unscaled_floats_keep_their_bits(void **state) {
    (void)state;
    const float values[N_VALUES] = {-0.f, 1e-42f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3.4e38f};
    made_file f = make_header(false, true, 16, 4);
    for (size_t i = 0; i < N_VALUES; i++) put(&f, 352 + 4 * i, &values[i], 4);
    put_scaling(&f, 1, 0);
    med_volume *v = load_made(&f, true);
    assert_memory_equal(v->voxel, values, sizeof values);
    med_volume_free(v);
}

static void assert_made_fails(const made_file *f, const char *text) {
    for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
        char *path = write_made(f, is_gzip);
        med_volume *v;
        assert_fails(med_volume_load(path, &v), MED_EFORMAT, text);
        assert_non_null(strstr(med_message(), path));
        assert_null(v);
        free(path);
    }
}

static void values_that_are_not_finite(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY};
    made_file f = make_header(false, false, 16, 4);
    for (size_t i = 0; i < 3; i++) put(&f, 352 + 4 * (4 + 3 * i), &bad[i], 4); /* voxels 4, 7, 10 */
    assert_made_fails(&f, "3 voxels are not finite (NaN or infinity), the first at index (1,1,0)");
    f = make_header(false, false, 4, 2);
    put_scaling(&f, 3e38, 0);
    put_i16(&f, 352 + 2 * 11, 100);
    assert_made_fails(&f, "1 voxel is not finite (NaN or infinity), the first at index (2,1,1)");
    put_scaling(&f, 2, NAN);
    assert_made_fails(&f, "scl_inter is nan beside a scl_slope of 2");
}

static void names_that_disagree_are_told(void **state) {
    (void)state;
    made_file f = make_header(false, false, 4, 2);
    char *plain = write_made(&f, false), *packed = write_made(&f, true), *other = med_path_join(folder, "wrong.dat");
    med_volume *v;
    for (int swap = 0; swap < 2; swap++) {
        assert_int_equal(rename(swap ? packed : plain, other), 0);
        images_watch_warnings();
        assert_ok(med_volume_load(other, &v));
        assert_int_equal(images_n_warnings, 1);
        assert_non_null(strstr(images_last_warning, swap ? "NIfTI in gzip" : "this is NIfTI"));
        med_volume_free(v);
    }
    free(plain);
    free(packed);
    free(other);
}

/* Extra bytes are told and not kept, whichever way they come. */
static void extra_bytes(void **state) {
    (void)state;
    static const size_t extras[] = {7, 100000};
    made_file f = make_header(false, false, 4, 2);
    for (size_t e = 0; e < 2; e++)
        for (int is_gzip = 0; is_gzip < 2; is_gzip++) {
            size_t n = f.n + extras[e], n_packed;
            uint8_t *bytes = med_alloc(n), *packed;
            memcpy(bytes, f.bytes, f.n);
            char *path = med_path_join(folder, is_gzip ? "e.nii.gz" : "e.nii");
            assert_ok(med_gzip_compress(bytes, n, &packed, &n_packed));
            assert_ok(med_file_write(path, is_gzip ? packed : bytes, is_gzip ? n_packed : n));
            images_watch_warnings();
            med_volume *v;
            assert_ok(med_volume_load(path, &v));
            char expected[64];
            snprintf(expected, sizeof expected, "%zu extra bytes", extras[e]);
            assert_int_equal(images_n_warnings, 1);
            assert_non_null(strstr(images_last_warning, expected));
            med_volume_free(v);
            if (is_gzip) { /* the checksum behind the extra bytes still counts */
                packed[n_packed - 5] ^= 1;
                assert_ok(med_file_write(path, packed, n_packed));
                assert_fails(med_volume_load(path, &v), MED_EFORMAT, "damaged");
            }
            free(path);
            free(bytes);
            free(packed);
        }
}

/* A small file that promises much: refused before the memory is asked for. */
static void promises_beyond_the_file(void **state) {
    (void)state;
    made_file f = make_header(false, false, 64, 8);
    for (size_t d = 1; d < 4; d++) put_i16(&f, 40 + 2 * d, 1200);
    char *path = write_made(&f, false), *packed = write_made(&f, true);
    med_volume *v;
    assert_fails(med_volume_load(path, &v), MED_EFORMAT, "13824000352 bytes expected");
    assert_fails(med_volume_load(packed, &v), MED_EFORMAT, "compressed bytes can hold");
    free(path);
    free(packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(written_is_read),
        TEST(qform_says_what_the_affine_says),
        TEST(equal_volumes_give_equal_files),
        TEST(what_cannot_be_written_is_refused),
        TEST(full_disk_leaves_nothing),
        TEST(every_type_in_both_byte_orders),
        TEST(unscaled_floats_keep_their_bits),
        TEST(values_that_are_not_finite),
        TEST(names_that_disagree_are_told),
        TEST(extra_bytes),
        TEST(promises_beyond_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
