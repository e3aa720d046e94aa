/* ITK text transforms: golden points of spec/data.md 3.1 (formulas, in LPS), what is refused and where, writing. */
#include "../images.h"
#include "../folder.h"

#include "base/file.h"
#include "image/transform.h"

static char *write_text(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    return path;
}

static med_transform *load(const char *text, int index) {
    med_transform *t;
    char *path = write_text("t.tfm", text);
    assert_ok(med_transform_load(path, index, &t, NULL));
    free(path);
    return t;
}

/* In LPS, as the file speaks. */
static void assert_point(const med_transform *t, const double in[3], const double expected[3]) {
    double x[3] = {-in[0], -in[1], in[2]}, y[3];
    med_transform_apply(t, x, y);
    const double found[3] = {-y[0], -y[1], y[2]};
    for (int a = 0; a < 3; a++)
        if (!(fabs(found[a] - expected[a]) < 1e-9))
            fail_msg("axis %d: %.10f, expected %.10f", a, found[a], expected[a]);
}

#define HEAD "#Insight Transform File V1.0\n"
#define TRANSFORM(class, parameters, fixed)                                                                            \
    "Transform: " class "_double_3_3\nParameters: " parameters "\nFixedParameters: " fixed "\n"

static void classes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double expected[3];
    } rows[] = {
        {HEAD TRANSFORM("Euler3DTransform", ".1 .2 .3 4 5 6", "1 2 3"), {16.307038474, 2.984200445, 10.422756087}},
        {HEAD TRANSFORM("Euler3DTransform", ".1 .2 .3 4 5 6", "1 2 3 0"), {16.307038474, 2.984200445, 10.422756087}},
        {HEAD TRANSFORM("Euler3DTransform", ".1 .2 .3 4 5 6", "1 2 3 1"), {16.225713856, 2.763861644, 10.427753567}},
        {HEAD TRANSFORM("VersorRigid3DTransform", ".1 .2 .3 4 5 6", "1 2 3"), {16.998698727, 6.505864508, 7.663190752}},
        {HEAD TRANSFORM("Similarity3DTransform", ".1 .2 .3 4 5 6 1.1", "1 2 3"),
         {18.198568600, 6.456450959, 7.529509827}},
        {HEAD TRANSFORM("VersorTransform", ".1 .2 .3", "1 2 3"), {12.998698727, 1.505864508, 1.663190752}},
        {HEAD "\n# a comment\r\nTransform: TranslationTransform_float_3_3 \r\nParameters:  4 5 6 \r\n", {14, 0, 13}},
        {HEAD "# Transform 0\nTransform: IdentityTransform_double_3_3\nParameters: \nFixedParameters: \n", {10, -5, 7}},
        {HEAD "#Transform 0\nTransform: MatrixOffsetTransformBase_double_3_3\nFixedParameters: 1 2 3\n"
              "Parameters: 1 2 0 0 1 0 0 0 2 4 5 6\n",
         {0, 0, 17}},
        {HEAD TRANSFORM("Rigid3DTransform", "0 -1 0 1 0 0 0 0 1 4 5 6", "1 2 3"), {12, 16, 13}},
    };
    /* to 1e-9 where the specification gives nine digits */
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_transform *t = load(rows[r].text, -1);
        assert_point(t, (const double[3]){10, -5, 7}, rows[r].expected);
        med_transform_free(t);
    }
}

static void composites_and_lists(void **state) {
    (void)state;
    static const char two[] =
        TRANSFORM("TranslationTransform", "1 0 0", "") TRANSFORM("AffineTransform", "2 0 0 0 2 0 0 0 2 0 0 0", "0 0 0");
    char *composite = med_format(HEAD "#Transform 0\nTransform: CompositeTransform_double_3_3\n%s", two);
    char *list = med_format(HEAD "%s", two), *path = write_text("list.tfm", list);
    med_transform *t = load(composite, -1);
    assert_int_equal(med_transform_count(t), 2);
    assert_point(t, (const double[3]){1, 2, 3}, (const double[3]){3, 4, 6}); /* the last listed goes first */
    assert_ok(med_transform_invert(t));
    assert_point(t, (const double[3]){3, 4, 6}, (const double[3]){1, 2, 3});
    med_transform_free(t);
    t = load(list, 1);
    assert_point(t, (const double[3]){1, 2, 3}, (const double[3]){2, 4, 6});
    med_transform_free(t);
    assert_fails(med_transform_load(path, -1, &t, NULL), MED_EFORMAT,
                 "holds 2 transforms side by side, not a composite; choose one with --index");
    assert_fails(med_transform_load(path, 2, &t, NULL), MED_EUSAGE, "number 2 was asked for");
    free(composite);
    free(list);
    free(path);
}

static void written_is_read(void **state) {
    (void)state;
    med_transform *t = load(HEAD TRANSFORM("Euler3DTransform", ".1 .2 .3 4 5 6", "1 2 3"), -1), *back;
    char *path = med_path_join(folder, "written.tfm");
    const char *class_name;
    assert_ok(med_transform_save(t, path));
    assert_ok(med_transform_load(path, -1, &back, &class_name));
    assert_string_equal(class_name, "AffineTransform");
    med_affine a, b;
    assert_true(med_transform_to_affine(t, &a));
    assert_true(med_transform_to_affine(back, &b));
    images_assert_affine(b, a, 0); /* 17 digits */
    assert_true(med_transform_is(path));
    med_transform_free(t);
    med_transform_free(back);
    free(path);
}

static void malformed_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "not an ITK text transform"},
        {"#Insight Transform File V2.0\n", ":1: '#Insight Transform File V2.0', expected version V1.0"},
        {HEAD, "holds no transform"},
        {HEAD "Parameters: 1\n", ":2: 'Parameters: 1' is not expected here"},
        {HEAD "\nTransform: BSplineTransform_double_3_3\n",
         ":3: unsupported transform class 'BSplineTransform_double_3_3'"},
        {HEAD "Transform: Euler2DTransform_double_2_2\n", "unsupported transform class 'Euler2DTransform_double_2_2'"},
        {HEAD "Transform: AffineTransform_double_2_2\n", "unsupported transform class"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 1 0 0", "0 0 0"),
         ":2: AffineTransform needs 12 parameters, found 11"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 1 0 0 0", "0 0"),
         ":2: AffineTransform needs 3 fixed parameters, found 2"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 1 0 0 0 0 0 0 0 0", "0 0 0"), ":3: Parameters '1 0"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 one 0 0 0", "0 0 0"), ":3: Parameters"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 nan 0 0 0", "0 0 0"),
         ":3: number 9 of Parameters is not finite"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 1 0 0 0", "0 inf 0"),
         ":4: number 2 of FixedParameters is not finite"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 -1 0 0 0", "0 0 0"),
         ":2: AffineTransform has the determinant -1"},
        {HEAD TRANSFORM("AffineTransform", "1 0 0 0 1 0 0 0 0 0 0 0", "0 0 0"), "determinant 0"},
        {HEAD TRANSFORM("Rigid3DTransform", "1 0.001 0 0 1 0 0 0 1 0 0 0", "0 0 0"),
         ":2: Rigid3DTransform: its matrix is no rotation"},
        {HEAD TRANSFORM("VersorTransform", ".9 .9 0", "0 0 0"), ":2: VersorTransform: its versor is longer than 1"},
        {HEAD TRANSFORM("Similarity3DTransform", "0 0 0 0 0 0 -1", "0 0 0"), "determinant -1"},
        {HEAD "Transform: CompositeTransform_double_3_3\n", "a CompositeTransform without parts"},
        {HEAD "Transform: CompositeTransform_double_3_3\nTransform: CompositeTransform_double_3_3\n",
         ":3: a CompositeTransform within"},
        {HEAD TRANSFORM("TranslationTransform", "1 2 3", "") "Parameters: 1\n", ":5: Parameters are there twice"},
        {HEAD "Transform: TranslationTransform_double_3_3\nParameters 1 2 3\n", ":3: 'Parameters 1 2 3', expected"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_transform *t;
        char *path = write_text("bad.tfm", rows[r].text);
        assert_fails(med_transform_load(path, -1, &t, NULL), MED_EFORMAT, rows[r].expected);
        assert_non_null(strstr(med_message(), path));
        assert_null(t);
        free(path);
    }
    med_transform *t;
    assert_fails(med_transform_load("/nowhere/x.tfm", -1, &t, NULL), MED_EINPUT, "/nowhere/x.tfm: no such file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes),
        cmocka_unit_test(composites_and_lists),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(malformed_files_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
