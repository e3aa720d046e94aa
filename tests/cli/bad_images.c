/* Images that cannot be used: every command that reads one says so in a single line that names the file, exits with 2
 * and writes nothing. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"

static char *folder;

typedef struct image_bytes {
    uint8_t data[4096];
    size_t n;
} image_bytes;

static float ramp(int i, int j, int k) { return (float)(i + 2 * j + 3 * k); }

/* A good file, plain or gzip, to spoil. */
static image_bytes good_file(const char *name) {
    med_volume *v = images_make(images_oblique_grid(5, 4, 3, false), ramp);
    char *path = med_path_join(folder, name);
    image_bytes out;
    med_mapping file;
    assert_ok(med_volume_save(v, path, MED_VOXEL_F32));
    assert_ok(med_file_map(path, &file));
    out.n = file.size;
    assert_true(out.n <= sizeof out.data);
    memcpy(out.data, file.data, file.size);
    med_file_unmap(&file);
    med_volume_free(v);
    free(path);
    return out;
}

static void put_i16(image_bytes *b, size_t at, int16_t value) { memcpy(b->data + at, &value, sizeof value); }
static void put_f32(image_bytes *b, size_t at, float value) { memcpy(b->data + at, &value, sizeof value); }

static void make_empty(image_bytes *b) { b->n = 0; }
static void make_text(image_bytes *b) { b->n = (size_t)sprintf((char *)b->data, "Dear reader,\nthis is no image.\n"); }
static void spoil_magic(image_bytes *b) { memcpy(b->data + 344, "abc", 3); }
static void drop_magic(image_bytes *b) { memset(b->data + 344, 0, 4); }
static void cut_header(image_bytes *b) { b->n = 200; }
static void cut_data(image_bytes *b) { b->n -= 1; }
static void cut_gzip(image_bytes *b) { b->n -= 20; }
static void cut_gzip_start(image_bytes *b) { b->n = 12; }
static void spoil_checksum(image_bytes *b) { b->data[b->n - 6] ^= 4; }
static void spoil_length(image_bytes *b) { b->data[b->n - 1] ^= 1; }
static void ask_for_more(image_bytes *b) { put_i16(b, 44, 5); }
static void ask_for_terabytes(image_bytes *b) {
    for (size_t d = 0; d < 3; d++) put_i16(b, 42 + 2 * d, INT16_MAX);
}
static void make_negative(image_bytes *b) { put_i16(b, 44, -4); }
static void make_flat(image_bytes *b) { put_i16(b, 40, 2); }
static void make_series(image_bytes *b) {
    put_i16(b, 40, 4);
    put_i16(b, 48, 2);
}
static void make_rgb(image_bytes *b) { put_i16(b, 70, 128); }
static void spoil_bits(image_bytes *b) { put_i16(b, 72, 16); }
static void spoil_offset(image_bytes *b) { put_f32(b, 108, 1e6f); }
static void make_singular(image_bytes *b) { memset(b->data + 280, 0, 16); }
static void put_nan(image_bytes *b) { put_f32(b, 352 + 4 * 7, NAN); }

static const struct {
    const char *name; /* "folder...": a folder of this name; "missing...": nothing */
    void (*spoil)(image_bytes *b);
    const char *expected;
} rows[] = {
    {"missing.nii.gz", NULL, "no such file"},
    {"folder.nii", NULL, "folder"},
    {"empty.nii", make_empty, "is empty"},
    {"text.nii.gz", make_text, "not an image of a known format"},
    {"magic.nii", spoil_magic, "magic"},
    {"analyze.nii", drop_magic, "ANALYZE"},
    {"header.nii", cut_header, "truncated: 200 bytes"},
    {"data.nii", cut_data, "592 bytes expected (240 of voxels at 352), found 591"},
    {"cut.nii.gz", cut_gzip, "gzip stream is cut"},
    {"start.nii.gz", cut_gzip_start, "gzip stream is cut"},
    {"checksum.nii.gz", spoil_checksum, "incorrect data check"},
    {"length.nii.gz", spoil_length, "incorrect length check"},
    {"sizes.nii", ask_for_more, "652 bytes expected"},
    {"terabytes.nii", ask_for_terabytes, "at most 2^31"},
    {"negative.nii", make_negative, "expected 1 or more"},
    {"flat.nii", make_flat, "2-D image (5 x 4)"},
    {"series.nii", make_series, "4-D image (5 x 4 x 3 x 2)"},
    {"rgb.nii", make_rgb, "RGB"},
    {"bits.nii", spoil_bits, "bitpix is 16, expected 32"},
    {"offset.nii", spoil_offset, "truncated"},
    {"singular.nii", make_singular, "singular"},
    {"nan.nii", put_nan, "1 voxel is not finite (NaN or infinity), the first at index (2,1,0)"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static void make_file(int r) {
    char *path = med_path_join(folder, rows[r].name);
    if (rows[r].spoil) {
        image_bytes bytes = good_file(rows[r].name);
        rows[r].spoil(&bytes);
        assert_ok(med_file_write(path, bytes.data, bytes.n));
    } else if (strncmp(rows[r].name, "folder", 6) == 0) {
        assert_ok(med_dir_create(path));
    }
    free(path);
}

static int count_entries(void) {
    char **names;
    int n;
    assert_ok(med_dir_list(folder, &names, &n));
    med_names_free(names, n);
    return n;
}

/* `before` and `after` the bad image in the command line. */
static void check_command(const char *before, const char *after, int n_rows) {
    int n_entries = count_entries();
    for (int r = 0; r < n_rows; r++) {
        program_result result = program_run("%s %s/%s %s", before, folder, rows[r].name, after);
        size_t n = strlen(result.err);
        bool is_one_line = n > 1 && strchr(result.err, '\n') == result.err + n - 1;
        if (result.exit_code != 2 || !is_one_line || !strstr(result.err, rows[r].name) || result.out[0] ||
            !strstr(result.err, rows[r].expected))
            fail_msg("medley %s %s %s: exit %d, stdout '%s', stderr '%s', expected '%s'", before, rows[r].name, after,
                     result.exit_code, result.out, result.err, rows[r].expected);
        program_free(&result);
    }
    assert_int_equal(count_entries(), n_entries);
}

static void unusable_images_are_refused(void **state) {
    (void)state;
    good_file("good.nii");
    for (int r = 0; r < N_ROWS; r++) make_file(r);
    char *good = med_path_join(folder, "good.nii"), *compare = med_format("compare %s", good);
    assert_program(0, "", "%s %s", compare, good);
    check_command(compare, "", N_ROWS);
    check_command("compare", good, N_ROWS);
    check_command("info --stats", "", N_ROWS - 1); /* it counts what is not finite, of the last */
    program_result result = program_run("info %s/%s", folder, rows[N_ROWS - 1].name);
    assert_non_null(strstr(result.out, ", and 1 not finite"));
    program_free(&result);
    free(compare);
    free(good);
}

/* The fixtures' malformed files, through the program. */
static void malformed_fixtures_are_refused(void **state) {
    (void)state;
    if (!images_find()) skip();
    json_t *list = images_json("bad.json"), *row;
    size_t r;
    char *out = med_path_join(folder, "out.nii.gz");
    json_array_foreach (json_object_get(list, "files"), r, row) {
        char *path = images_path(images_text(row, "file"));
        program_result result = program_run("prepare normalise %s -o %s", path, out);
        const char *end = strchr(result.err, '\n');
        if (result.exit_code != 2 || !end || end[1] || !strstr(result.err, path) || med_path_exists(out))
            fail_msg("%s: exit %d, stderr '%s'", path, result.exit_code, result.err);
        program_free(&result);
        free(path);
    }
    assert_int_equal(r, 115);
    json_decref(list);
    free(out);
}

int main(void) {
    folder = testing_folder();
    const struct CMUnitTest tests[] = {cmocka_unit_test(unusable_images_are_refused),
                                       cmocka_unit_test(malformed_fixtures_are_refused)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
