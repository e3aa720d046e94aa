/* Case ReMIND-022 as TCIA delivers it through `medley prepare remind --dicom`: the real MRs and label, the published
 * transforms, and an ultrasound volume that is made here: a multi-frame object as in the collection, its frames out of order. */
#include "../images.h"

#include "../program.h"
#include "base/file.h"
#include "image/dicom.h"
#include "image/resample.h"
#include "remind022.h"

enum { NX = 160, NY = 120, NZ = 60 };
static char *folder;

/* ---- DICOM, explicit little endian ---- */

typedef struct bytes {
    uint8_t data[NX * NY * NZ + 100000];
    size_t n;
} bytes;

static void put(bytes *b, const void *data, size_t n) {
    assert_true(b->n + n <= sizeof b->data);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void put_element(bytes *b, unsigned tag, const char *vr, const void *value, size_t n) {
    const uint16_t group = (uint16_t)(tag >> 16), element = (uint16_t)tag, zero = 0;
    const uint32_t even = (uint32_t)(n + n % 2);
    bool is_long = strcmp(vr, "OB") == 0 || strcmp(vr, "SQ") == 0;
    put(b, &group, 2);
    put(b, &element, 2);
    put(b, vr, 2);
    if (is_long) put(b, &zero, 2);
    put(b, &even, is_long ? 4 : 2);
    put(b, value, n);
    if (n % 2) put(b, strcmp(vr, "UI") == 0 || is_long ? "\0" : " ", 1);
}

static void put_text(bytes *b, unsigned tag, const char *vr, const char *text) { put_element(b, tag, vr, text, strlen(text)); }

static void put_short(bytes *b, unsigned tag, uint16_t value) { put_element(b, tag, "US", &value, 2); }

static void put_numbers(bytes *b, unsigned tag, const double *x, int n) {
    char text[128] = "";
    for (int i = 0; i < n; i++) sprintf(text + strlen(text), "%s%.9g", i ? "\\" : "", x[i]);
    put_text(b, tag, "DS", text);
}

static void put_item(bytes *b, const bytes *content) {
    const uint32_t n = (uint32_t)content->n;
    put(b, "\xfe\xff\x00\xe0", 4);
    put(b, &n, 4);
    put(b, content->data, content->n);
}

/* A sequence of one item, which holds what `content` holds. */
static void put_sequence(bytes *b, unsigned tag, const bytes *content) {
    static bytes item;
    item.n = 0;
    put_item(&item, content);
    put_element(b, tag, "SQ", item.data, item.n);
}

/* ---- the ultrasound ---- */

static uint8_t shade(int i, int j, int k) { return j < 8 ? 0 : (uint8_t)(60 + (i + 2 * j + 3 * k) % 150); }

/* Index to RAS; columns 0 and 1 are the rows and columns of the frames. */
static med_affine us_affine(void) {
    const double a = 0.4, b = -0.3, centre[3] = {(NX - 1) / 2.0, (NY - 1) / 2.0, (NZ - 1) / 2.0}, tumour[3] = {941.26, 811.05, 464.36};
    const double x[3] = {cos(a), sin(a), 0}, y[3] = {-sin(a) * cos(b), cos(a) * cos(b), sin(b)};
    med_affine m = med_affine_identity(), affine;
    double at[3], middle[3];
    for (int r = 0; r < 3; r++) {
        int s = (r + 1) % 3, u = (r + 2) % 3;
        m.m[r][0] = 0.25 * x[r];
        m.m[r][1] = 0.25 * y[r];
        m.m[r][2] = 0.5 * (x[s] * y[u] - x[u] * y[s]);
    }
    /* around the tumour: from the ceT1 it was drawn on to the T2, which is the reference, to the ultrasound */
    med_transform *t2 = remind022_transform(T2_TO_CET1), *us = remind022_transform(US_TO_T2);
    assert_true(med_transform_to_affine(t2, &affine));
    med_affine_apply(affine, tumour, at);
    assert_true(med_transform_to_affine(us, &affine));
    med_affine_apply(affine, at, at);
    med_affine_apply(m, centre, middle);
    for (int r = 0; r < 3; r++) m.m[r][3] = at[r] - middle[r];
    med_transform_free(t2);
    med_transform_free(us);
    return m;
}

static void put_geometry(bytes *b, med_affine m) {
    static bytes inner, shared, frames, frame;
    double cosines[6], spacing[2] = {0.25, 0.25}, between = 0.5;
    for (int r = 0; r < 3; r++)
        for (int a = 0; a < 2; a++) cosines[3 * a + r] = m.m[r][a] / 0.25 * (r < 2 ? -1 : 1);
    inner.n = shared.n = frames.n = 0;
    put_numbers(&inner, 0x00200037, cosines, 6);
    put_sequence(&shared, 0x00209116, &inner);
    inner.n = 0;
    put_numbers(&inner, 0x00180050, &between, 1);
    put_numbers(&inner, 0x00180088, &between, 1);
    put_numbers(&inner, 0x00280030, spacing, 2);
    put_sequence(&shared, 0x00289110, &inner);
    put_sequence(b, 0x52009229, &shared);
    for (int f = 0; f < NZ; f++) {
        double ras[3], lps[3];
        med_affine_apply(m, (const double[3]){0, 0, f * 7 % NZ}, ras);
        for (int r = 0; r < 3; r++) lps[r] = r < 2 ? -ras[r] : ras[r];
        inner.n = frame.n = 0;
        put_numbers(&inner, 0x00200032, lps, 3);
        put_sequence(&frame, 0x00209113, &inner);
        put_item(&frames, &frame);
    }
    put_element(b, 0x52009230, "SQ", frames.data, frames.n);
}

static void write_us(const char *dir, const char *description, med_affine m) {
    static bytes file, meta;
    static uint8_t voxels[NX * NY * NZ];
    static const char kind[] = "1.2.840.10008.5.1.4.1.1.7.2";
    char *path = med_format("%s/%s/1-1.dcm", folder, dir), *whole = med_format("%s/%s", folder, dir);
    file.n = meta.n = 0;
    put_element(&meta, 0x00020001, "OB", "\0\1", 2);
    put_text(&meta, 0x00020002, "UI", kind);
    put_text(&meta, 0x00020003, "UI", "1.2.3.4.1");
    put_text(&meta, 0x00020010, "UI", "1.2.840.10008.1.2.1");
    const uint32_t n_meta = (uint32_t)meta.n;
    static const uint8_t preamble[128];
    put(&file, preamble, sizeof preamble);
    put(&file, "DICM", 4);
    put_element(&file, 0x00020000, "UL", &n_meta, 4);
    put(&file, meta.data, meta.n);
    put_text(&file, 0x00080008, "CS", "ORIGINAL\\PRIMARY");
    put_text(&file, 0x00080016, "UI", kind);
    put_text(&file, 0x00080018, "UI", "1.2.3.4.1");
    put_text(&file, 0x00080060, "CS", "US");
    put_text(&file, 0x0008103e, "LO", description);
    put_text(&file, 0x00100020, "LO", "ReMIND-022");
    put_text(&file, 0x0020000d, "UI", "1.2.3.4");
    put_text(&file, 0x0020000e, "UI", "1.2.3.4.5");
    put_text(&file, 0x00200011, "IS", "10");
    put_text(&file, 0x00200013, "IS", "1");
    put_short(&file, 0x00280002, 1);
    put_text(&file, 0x00280004, "CS", "MONOCHROME2");
    put_text(&file, 0x00280008, "IS", "60");
    put_short(&file, 0x00280010, NY);
    put_short(&file, 0x00280011, NX);
    put_short(&file, 0x00280100, 8);
    put_short(&file, 0x00280101, 8);
    put_short(&file, 0x00280102, 7);
    put_short(&file, 0x00280103, 0);
    put_geometry(&file, m);
    for (int f = 0; f < NZ; f++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++) voxels[(f * NY + j) * NX + i] = shade(i, j, f * 7 % NZ);
    put_element(&file, 0x7fe00010, "OB", voxels, sizeof voxels);
    assert_ok(med_dir_create(whole));
    assert_ok(med_file_write(path, file.data, file.n));
    free(path);
    free(whole);
}

/* ---- tests ---- */

/* dcm2niix puts frames into their order and turns rows round; medley turns them back. */
static void the_volume_is_as_the_probe_saw_it(void **state) {
    (void)state;
    med_volume *us;
    char *path = med_path_join(folder, "dicom/ReMIND-022/intraop/us");
    med_grid expected = {{NX, NY, NZ}, us_affine()};
    assert_ok(med_dicom_load(path, &us));
    assert_true(med_grid_equal(us->grid, expected, 1e-2)); /* float32 in the file, 900 mm from the origin */
    for (int k = 0; k < NZ; k++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++) assert_true(*med_volume_at(us, i, j, k) == shade(i, j, k));
    med_volume_free(us);
    free(path);
}

static program_result prepare(const char *out, const char *options) {
    return program_run("prepare remind --dicom %s/dicom --transforms %s/reg --refs %s/refs.csv --target %s/target.csv -o %s/%s "
                       "--json %s",
                       folder, folder, folder, folder, folder, out, options);
}

static med_volume *load(const char *key) {
    med_volume *v;
    char *path = med_format("%s/data/Case022/Case022-%s.nii.gz", folder, key);
    assert_ok(med_volume_load(path, &v));
    free(path);
    return v;
}

/* The T2 as prepared, and as the published affine puts it on the grid. */
static void assert_t2(const med_volume *us) {
    med_volume *t2 = load("t2"), *raw, *expected;
    med_transform *t = remind022_transform(US_TO_T2);
    char *series = med_path_join(folder, "dicom/ReMIND-022/preop/t2");
    double sum = 0;
    assert_ok(med_dicom_load(series, &raw));
    assert_ok(med_transform_invert(t));
    assert_ok(med_volume_warp(raw, us->grid, t, MED_INTERP_LINEAR, 0, &expected));
    for (size_t i = 0; i < med_grid_count(us->grid); i++) {
        if (us->voxel[i] == 0) continue; /* outside the field of view */
        assert_true(fabsf(t2->voxel[i] - expected->voxel[i]) < 0.05f); /* float32 affine in the file of the grid */
        sum += t2->voxel[i];
    }
    assert_true(sum > 0);
    med_transform_free(t);
    med_volume_free(t2);
    med_volume_free(raw);
    med_volume_free(expected);
    free(series);
}

static void the_case_comes_out(void **state) {
    (void)state;
    program_result r = prepare("data", "");
    if (r.exit_code != 0) fail_msg("%s", r.err);
    const json_t *row = json_array_get(json_object_get(r.json, "cases"), 0);
    assert_string_equal(json_string_value(json_object_get(row, "status")), "made");
    med_volume *us = load("us"), *label = load("label"), *cet1 = load("cet1");
    double s[3], volume = 0, dot = 0;
    med_grid_spacing(us->grid, s);
    med_affine expected = us_affine();
    for (int a = 0; a < 3; a++) dot += us->grid.affine.m[a][1] / s[1] * expected.m[a][1] / 0.25;
    assert_true(us->grid.n[0] == 192 && us->grid.n[1] == 192 && fabs(s[0] - 0.5) < 1e-5 && dot > 0.99999);
    for (size_t i = 0; i < med_grid_count(us->grid); i++) volume += label->voxel[i] > 0 ? s[0] * s[1] * s[2] : 0;
    const double drawn = 762 * 1.00553; /* mm3; times the determinant of the published affine */
    print_message("label %.0f mm3, expected %.0f\n", volume, drawn);
    assert_true(fabs(volume - drawn) < 0.05 * drawn);
    assert_t2(us);
    med_volume_free(us);
    med_volume_free(label);
    med_volume_free(cet1);
    program_free(&r);
}

static void other_studies_and_kinds(void **state) {
    (void)state;
    char *from = med_path_join(folder, "dicom/ReMIND-022/intraop/us"), *to = med_path_join(folder, "dicom/elsewhere");
    assert_int_equal(rename(from, to), 0);
    program_result r = prepare("none", "");
    assert_int_equal(r.exit_code, 0);
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_excluded")), 1);
    assert_non_null(strstr(r.err, "no file Case022-intraop-US-pre_dura.nrrd"));
    program_free(&r);
    write_us("dicom/ReMIND-022/intraop/post", "US_post_dura", us_affine());
    r = prepare("none", "");
    assert_int_equal(json_integer_value(json_object_get(r.json, "n_excluded")), 1);
    program_free(&r);
    assert_program(2, "one of --nrrd and --dicom", "prepare remind --transforms a --refs b -o c");
    free(from);
    free(to);
}

static void write_tables(void) {
    static const char refs[] = "index,us,mr\nCase022,Case022-intraop-US-pre_dura.nrrd,Case022-preop-MR-3D_AX_T2_SPACE.nrrd\n";
    static const char target[] = ",target\nCase022,Case022-preop-SEG-tumor-MR-3D_AX_T1_postcontrast\n";
    char *path = med_path_join(folder, "refs.csv");
    assert_ok(med_file_write(path, refs, sizeof refs - 1));
    free(path);
    path = med_path_join(folder, "target.csv");
    assert_ok(med_file_write(path, target, sizeof target - 1));
    free(path);
}

int main(void) {
    char *archive = remind022_find();
    if (!archive) return 77;
    folder = testing_folder();
    char *command = med_format("cd '%s' && mkdir -p dicom/ReMIND-022/preop/seg dicom/ReMIND-022/intraop reg/affine/Case022 "
                               "reg/rigid/Case022 && cd dicom/ReMIND-022/preop && tar xJf '%s' && mv *.dcm seg && "
                               "mv 3DAXT2SPACE_MRI t2 && cd ../../.. && cp '%s'/*US-pre*.tfm reg/affine/Case022/ && "
                               "cp '%s'/*T2_SPACE-to*.tfm reg/rigid/Case022/",
                               folder, archive, real, real);
    if (system(command) != 0) return 1;
    write_tables();
    write_us("dicom/ReMIND-022/intraop/us", "US_pre_dura", us_affine());
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_volume_is_as_the_probe_saw_it), cmocka_unit_test(the_case_comes_out),
                                       cmocka_unit_test(other_studies_and_kinds)};
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    testing_remove(folder);
    free(command);
    free(archive);
    free(real);
    return n_failed;
}
