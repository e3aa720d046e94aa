/* Landmarks of Slicer and MNI: read as they are found, written and read again, refused with a line number. */
#include "../images.h"
#include "../folder.h"

#include "base/file.h"
#include "image/landmarks.h"

static char *write_text(const char *name, const char *text) {
    char *path = med_path_join(folder, name);
    assert_ok(med_file_write(path, text, strlen(text)));
    return path;
}

static med_landmarks load(const char *text) {
    med_landmarks l;
    char *path = write_text("points", text); /* by content: the name says nothing */
    assert_ok(med_landmarks_load(path, &l));
    free(path);
    return l;
}

static void assert_point(const double p[3], double x, double y, double z) {
    if (p[0] != x || p[1] != y || p[2] != z) fail_msg("%g %g %g, expected %g %g %g", p[0], p[1], p[2], x, y, z);
}

static void fcsv(void **state) {
    (void)state;
    med_landmarks l = load("# Markups fiducial file version = 4.11\r\n# CoordinateSystem = LPS\r\n"
                           "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\r\n"
                           "0,1.5,-2,3,0,0,0,1,1,1,0,\"edge, of \"\"it\"\"\",,\r\n1,4,5,6,0,0,0,1,1,1,0,F-2,,\r\n");
    assert_int_equal(l.n, 2);
    assert_int_equal(l.n_images, 1);
    assert_point(l.item[0].ras[0], -1.5, 2, 3);
    assert_string_equal(l.item[0].label, "edge, of \"it\"");
    assert_string_equal(l.item[1].label, "F-2");
    med_landmarks_free(&l);
    images_watch_warnings();
    l = load("# Markups fiducial file version = 4.3\n# columns = label,x,y,z\nF,1,2,3\n");
    assert_int_equal(images_n_warnings, 1); /* no coordinate system */
    assert_point(l.item[0].ras[0], 1, 2, 3);
    assert_string_equal(l.item[0].label, "F");
    med_landmarks_free(&l);
}

static void markups(void **state) {
    (void)state;
    med_landmarks l =
        load("{\"markups\": [{\"type\": \"Fiducial\", \"coordinateSystem\": \"RAS\", \"controlPoints\": ["
             "{\"label\": \"a\", \"position\": [1, 2.5, 3]}, {\"label\": \"b\", \"positionStatus\": \"undefined\"},"
             "{\"position\": [4, 5, 6], \"positionStatus\": \"defined\"}]}]}");
    assert_int_equal(l.n, 2);
    assert_point(l.item[0].ras[0], 1, 2.5, 3);
    assert_point(l.item[1].ras[0], 4, 5, 6);
    assert_string_equal(l.item[1].label, "");
    med_landmarks_free(&l);
}

static void tag(void **state) {
    (void)state;
    med_landmarks l = load("MNI Tag Point File\nVolumes = 2;\n%Mon Nov 14 2016\n\nPoints =\n"
                           " -1.5 2 3 4 5 6 1 1 1 \"1\"\n# between\n 7 8 9 10 11 12 \"2\";");
    assert_int_equal(l.n, 2);
    assert_int_equal(l.n_images, 2);
    assert_point(l.item[0].ras[0], -1.5, 2, 3);
    assert_point(l.item[1].ras[1], 10, 11, 12);
    assert_string_equal(l.item[1].label, "2");
    med_landmarks_free(&l);
}

static void written_is_read(void **state) {
    (void)state;
    static const char *const names[] = {"a.fcsv", "a.mrk.json", "a.tag"};
    for (int f = 0; f < 3; f++) {
        med_landmarks l = {.n_images = f == 2 ? 2 : 1}, back;
        for (int i = 0; i < 3; i++) {
            med_landmark *p = med_landmarks_add(&l, med_span_of(i ? f == 2 ? "left" : "left, \"upper\"" : ""));
            for (int a = 0; a < 6; a++) p->ras[a / 3][a % 3] = a < 3 || f == 2 ? sin(7 * i + a) * 1e3 / 3 : 0;
        }
        char *path = med_path_join(folder, names[f]);
        assert_ok(med_landmarks_save(&l, path));
        assert_ok(med_landmarks_load(path, &back));
        assert_int_equal(back.n, 3);
        for (int i = 0; i < 3; i++) {
            assert_memory_equal(back.item[i].ras, l.item[i].ras, sizeof l.item[i].ras);
            assert_string_equal(back.item[i].label, l.item[i].label);
        }
        l.n_images = 3 - l.n_images;
        assert_fails(med_landmarks_save(&l, path), MED_EUSAGE, "holds points of");
        med_landmarks_free(&l);
        med_landmarks_free(&back);
        free(path);
    }
}

static void malformed_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", "no landmarks of a known format"},
        {"# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n", "holds no landmarks"},
        {"# Markups fiducial file version = 4.11\n# CoordinateSystem = IJK\n", ":2: coordinate system 'IJK'"},
        {"# Markups fiducial file version = 4.11\n# columns = id,x,z,y\n", ":2: expected the columns"},
        {"# Markups fiducial file version = 4.11\n0,1,2\n", ":2: no number in column 4"},
        {"# Markups fiducial file version = 4.11\n0,1,2,\"3\n", ":2: a quote is not closed"},
        {"# Markups fiducial file version = 4.11\n0,1,2,inf\n", ":2: a coordinate is not finite"},
        {"# Markups fiducial file version = 4.11\n,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n", "more than 32 columns"},
        {"{\"markups\": [", ":1: no JSON"},
        {"{\"markups\": 3}", "\"markups\" is no list"},
        {"{\"markups\": [{\"coordinateSystem\": \"IJK\"}]}", "neither LPS nor RAS"},
        {"{\"markups\": [{}]}", "no list \"controlPoints\""},
        {"{\"markups\": [{\"controlPoints\": [{\"position\": [1, 2]}]}]}", "control point 1 has no position"},
        {"{\"markups\": [{\"controlPoints\": []}]}", "holds no landmarks"},
        {"MNI Tag Point File\nVolumes = 1;\n", ":2: two volumes needed"},
        {"MNI Tag Point File\nPoints = 1 2 3 4 5 6;\n", ":2: points before"},
        {"MNI Tag Point File\nVolumes = 2;\nPoints =\n 1 2 3 4 5;\n", ":4: expected the 6 coordinates"},
        {"MNI Tag Point File\nVolumes = 2;\nPoints =\n 1 2 3 4 5 nan;\n", ":4: a coordinate is not finite"},
        {"MNI Tag Point File\nVolumes = 2;\nPoints =\n 1 2 3 4 5 6 \"a\"\n", "does not end with \";\""},
        {"MNI Tag Point File\nVolumes = 2;\nPoints =\n 1 2 3 4 5 6 \"a;\n", ":4: the label's quote"},
        {"MNI Tag Point File\nVolumes = 2;\nPoints = ;\n", "holds no landmarks"},
        {"MNI Tag Point File\nVolumes = 2;\n", "holds no \"Points =\""},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_landmarks l;
        char *path = write_text("bad", rows[r].text);
        assert_fails(med_landmarks_load(path, &l), MED_EFORMAT, rows[r].expected);
        assert_non_null(strstr(med_message(), path));
        assert_int_equal(l.n, 0);
        free(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fcsv),
        cmocka_unit_test(markups),
        cmocka_unit_test(tag),
        cmocka_unit_test(written_is_read),
        cmocka_unit_test(malformed_files_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
