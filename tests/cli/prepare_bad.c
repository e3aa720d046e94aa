/* Inputs of a case that cannot be used, or only with a warning (spec/data.md 5.4): one line that says what and where, the
 * exit code, and nothing written. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"

static char *folder;

/* ---- good inputs, to spoil ---- */

enum { N0 = 24, N1 = 20, N2 = 12 };

static float fan(int i, int j, int k) { return j < 2 || i + j < 8 ? 0 : (float)(30 + (i + 3 * j + 5 * k) % 200); }
static float tissue(int i, int j, int k) { return (float)(100 + 10 * i + 7 * j + 3 * k); }
static float ball(int i, int j, int k) { return hypot(hypot(i - 14, j - 11), k - 6) < 4; }

static void write_image(const char *name, float (*value)(int i, int j, int k), void (*spoil)(float *voxel), med_voxel_type type) {
    med_grid grid = images_oblique_grid(N0, N1, N2, false);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) grid.affine.m[r][c] *= c == 0 ? 0.5 / 0.9 : c == 2 ? 0.2 : 1; /* 0.5 mm throughout */
    med_volume *v = images_make(grid, value);
    if (spoil) spoil(v->voxel);
    char *path = med_path_join(folder, name);
    assert_ok(med_volume_save(v, path, type));
    med_volume_free(v);
    free(path);
}

static const size_t SOME = N0 * N1 * 5 + N0 * 9 + 13; /* a voxel in the middle of all images */

static void spoil_nothing(float *x) { (void)x; }
static void clear(float *x) { memset(x, 0, sizeof(float) * N0 * N1 * N2); }
static void put_nan(float *x) { x[SOME] = NAN; }
static void put_negative(float *x) { x[SOME] = -3; }
static void put_half(float *x) { x[SOME] = 0.5f; }
static void put_300(float *x) { x[SOME] = 300; }
static void saturate(float *x) {
    for (size_t i = 0; i < N0 * N1 * N2; i++) x[i] = i % 3 ? 4095 : x[i];
}
static void extract_brain(float *x) { /* a third is background, and interpolation went below it */
    for (size_t i = 0; i < N0 * N1 * N2; i += 3) x[i] = 0;
    x[SOME] = -105;
}

static void write_text(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    free(path);
}

/* The NRRD file without its "space:" line, which leaves its origin and directions without a meaning. */
static void forget_space(void) {
    write_image("us.nrrd", fan, NULL, MED_VOXEL_F32);
    char *command = med_format("sed -i '/^space:/d' %s/us.nrrd", folder);
    assert_int_equal(system(command), 0);
    free(command);
}

#define TFM(parameters)                                                                                           \
    "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters: " parameters \
    "\nFixedParameters: 0 0 0\n"

/* ---- rows ---- */

static const struct {
    const char *us, *t2, *options; /* files, and what else is on the command line */
    const char *image;             /* written as f32 NIfTI: this one ... */
    void (*spoil)(float *voxel);   /* ... so */
    int exit_code;
    const char *expected; /* on stderr */
} rows[] = {
    {"us.nii", "t2.nii", "--label %s/label.nii", "us.nii", spoil_nothing, 0, ""},
    {"none.nii", "t2.nii", "", NULL, NULL, 2, "none.nii: no such file"},
    {"us.nii", "none.nii", "", NULL, NULL, 2, "none.nii: no such file"},
    {"us.nii", "t2.nii", "", "us.nii", clear, 2, "us.nii: all voxels are 0; an ultrasound image must show something"},
    {"us.nii", "t2.nii", "", "us.nii", put_negative, 2, "us.nii: a voxel of -3; ultrasound must not be negative"},
    {"us.nii", "t2.nii", "", "us.nii", put_nan, 2, "us.nii: 1 voxel is not finite (NaN or infinity), the first at index (13,9,5)"},
    {"us.nii", "t2.nii", "--replace-nonfinite 7", "us.nii", put_nan, 0, ""},
    {"us.nii", "t2.nii", "--replace-nonfinite x", NULL, NULL, 2, "--replace-nonfinite is 'x', expected a number"},
    {"us.nii", "t2.nii", "", "t2.nii", put_nan, 2, "t2.nii: 1 voxel is not finite"},
    {"us.nii", "t2.nii", "", "t2.nii", clear, 2, "no MR with any signal"},
    {"us.nii", "t2.nii", "--cet1 %s/cet1.nii", "t2.nii", clear, 0, "t2.nii: all voxels are 0: t2 counts as missing"},
    {"us.nii", "t2.nii", "", "t2.nii", put_negative, 0, "t2.nii: negative voxels (down to -3) were lifted"},
    {"us.nii", "t2.nii", "", "t2.nii", extract_brain, 0, "t2.nii: negative voxels (down to -105) were lifted"},
    {"us.nii", "t2.nii", "", "t2.nii", saturate, 0, "at the maximum 4095: saturated?"},
    {"us.nii", "t2.nii", "--label %s/label.nii", "label.nii", put_half, 2, "label.nii: a label of 0.5, expected whole numbers"},
    {"us.nii", "t2.nii", "--label %s/label.nii", "label.nii", put_300, 2, "label.nii: a label of 300, expected whole numbers"},
    {"us.nii", "t2.nii", "--label %s/label.nii", "label.nii", put_negative, 2, "label.nii: a label of -3, expected whole numbers"},
    {"us.nii", "t2.nii", "--label %s/label.nii", "label.nii", clear, 0, "label: empty within the field of view"},
    {"us.nrrd", "t2.nii", "", NULL, NULL, 2, "us.nrrd: the field \"space\" is missing"},
    {"us.nrrd", "t2.nii", "--assume-space LPS", NULL, NULL, 0, ""},
    {"us.nrrd", "t2.nii", "--assume-space XYZ", NULL, NULL, 2, "--assume-space is 'XYZ', expected LPS, RAS or LAS"},
    {"us.nii", "t2.nii", "--tfm-t2 %s/none.tfm", NULL, NULL, 2, "none.tfm: no such file"},
    {"us.nii", "t2.nii", "--tfm-t2 %s/mirror.tfm", NULL, NULL, 2, "mirror.tfm:3: AffineTransform has the determinant -1"},
    {"us.nii", "t2.nii", "--tfm-t2 %s/short.tfm", NULL, NULL, 2, "short.tfm:"},
    {"us.nii", "t2.nii", "--tfm-t2 %s/far.tfm", NULL, NULL, 0, "t2: covers only 0 % of the ultrasound's field of view"},
    {"us.nii", "t2.nii", "--tfm-cet1 %s/far.tfm", NULL, NULL, 2, "--tfm-cet1 without --cet1"},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

static void write_good(void) {
    write_image("us.nii", fan, NULL, MED_VOXEL_U8);
    write_image("t2.nii", tissue, NULL, MED_VOXEL_I16);
    write_image("cet1.nii", tissue, NULL, MED_VOXEL_I16);
    write_image("label.nii", ball, NULL, MED_VOXEL_U8);
}

static void spoil_image(int r) {
    if (!rows[r].image) return;
    const char *name = rows[r].image;
    write_image(name, *name == 'u' ? fan : *name == 'l' ? ball : tissue, rows[r].spoil, MED_VOXEL_F32);
}

static program_result run_row(int r) {
    const char *text = rows[r].options, *place = strstr(text, "%s");
    char *options = place ? med_format("%.*s%s%s", (int)(place - text), text, folder, place + 2) : med_strdup(text);
    program_result result = program_run("prepare case --us %s/%s --t2 %s/%s -o %s/out --size 0 %s", folder, rows[r].us, folder,
                                        rows[r].t2, folder, options);
    free(options);
    return result;
}

/* Warnings may come before it. */
static bool is_one_line(const char *text) {
    while (strncmp(text, "warning: ", 9) == 0 && strchr(text, '\n')) text = strchr(text, '\n') + 1;
    const char *end = strchr(text, '\n');
    return end && end > text && !end[1];
}

static void each_row(void **state) {
    (void)state;
    char *out = med_path_join(folder, "out"), *command = med_format("rm -rf %s", out);
    for (int r = 0; r < N_ROWS; r++) {
        write_good();
        spoil_image(r);
        program_result result = run_row(r);
        bool is_made = rows[r].exit_code == 0;
        if (result.exit_code != rows[r].exit_code || !strstr(result.err, rows[r].expected) || (!is_made && !is_one_line(result.err)) ||
            med_path_exists(out) != is_made)
            fail_msg("row %d, %s: exit %d, stderr '%s', %s", r, rows[r].expected, result.exit_code, result.err,
                     med_path_exists(out) ? "data set written" : "nothing written");
        program_free(&result);
        assert_int_equal(system(command), 0);
    }
    free(command);
    free(out);
}

/* ---- the place of the output ---- */

static void a_full_disk_keeps_what_was_finished(void **state) {
    (void)state;
    write_good();
    assert_program(0, "", "prepare case --name a --us %s/us.nii --t2 %s/t2.nii -o %s/data --size 0", folder, folder, folder);
    char *command = med_format("trap '' XFSZ; ulimit -f 1; '%s' prepare case --name b --us %s/us.nii --t2 %s/t2.nii -o %s/data "
                               "--size 0 2>%s/err >/dev/null",
                               getenv("MEDLEY_PROGRAM"), folder, folder, folder, folder);
    int status = system(command);
    assert_int_equal(WEXITSTATUS(status), 1);
    free(command);
    command = med_format("grep -q 'b-us.nii.gz: .*\\(File too large\\|disk full\\)' %s/err && test \"$(ls -A %s/data | tr '\\n' ' ')\" = 'a manifest.json '", folder, folder);
    assert_int_equal(system(command), 0);
    free(command);
    assert_program(0, "", "prepare check %s/data --no-sheets", folder);
}

/* A run that was killed leaves a hidden folder; the next one removes it. */
static void a_killed_run_is_cleaned_up(void **state) {
    (void)state;
    char *command = med_format("mkdir %s/data/.c.partial-999999999 && touch %s/data/.c.partial-999999999/c-us.nii.gz "
                               "%s/data/preparing.json", folder, folder, folder);
    assert_int_equal(system(command), 0);
    free(command);
    assert_program(0, "", "prepare case --name c --us %s/us.nii --t2 %s/t2.nii -o %s/data --size 0", folder, folder, folder);
    command = med_format("test \"$(ls -A %s/data | tr '\\n' ' ')\" = 'a c manifest.json '", folder);
    assert_int_equal(system(command), 0);
    free(command);
}

int main(void) {
    folder = testing_folder();
    forget_space();
    write_text("mirror.tfm", TFM("-1 0 0 0 1 0 0 0 1 0 0 0"));
    write_text("short.tfm", TFM("1 0 0 0 1 0 0 0 1 0 0"));
    write_text("far.tfm", TFM("1 0 0 0 1 0 0 0 1 500 0 0"));
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_row), cmocka_unit_test(a_full_disk_keeps_what_was_finished),
                                       cmocka_unit_test(a_killed_run_is_cleaned_up)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    return n_failed;
}
