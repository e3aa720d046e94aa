/* NRRD and MetaImage out and in again, and what only they can hold: lists, layers of a segmentation, files beside. */
#include "../images.h"
#include "../folder.h"

#include "base/file.h"

static float wavy(int i, int j, int k) { return sinf(0.37f * (float)i) * 1e3f + (float)j / 3 - (float)(k * k); }
static float small_integer(int i, int j, int k) { return (float)((7 * i + 3 * j + 11 * k) % 256); }

static void round_trip(const char *name, med_grid grid, float (*value)(int, int, int), med_voxel_type type) {
    med_volume *v = images_make(grid, value), *back;
    char *path = med_path_join(folder, name);
    snprintf(v->description, sizeof v->description, "a volume: synthetic");
    assert_ok(med_volume_save(v, path, type));
    images_watch_warnings();
    assert_ok(med_volume_load(path, &back));
    assert_int_equal(images_n_warnings, 0);
    assert_int_equal(back->stored_type, type);
    assert_string_equal(back->description, "a volume: synthetic");
    /* 17 digits; MetaImage divides by the spacing and multiplies again: a few units in the last place of the largest */
    images_assert_affine(back->grid.affine, grid.affine, 402.25 * 1e-15);
    assert_memory_equal(back->grid.n, grid.n, sizeof grid.n);
    assert_memory_equal(back->voxel, v->voxel, med_grid_count(grid) * sizeof(float));
    med_volume_free(back);
    assert_ok(med_volume_load_header(path, &back));
    assert_null(back->voxel);
    assert_memory_equal(back->grid.n, grid.n, sizeof grid.n);
    med_volume_free(v);
    med_volume_free(back);
    free(path);
}

static void written_is_read(void **state) {
    (void)state;
    static const char *const endings[] = {"nrrd", "nhdr", "mha", "mhd"};
    for (size_t e = 0; e < 4; e++)
        for (int handed = 0; handed < 2; handed++) {
            char name[32];
            snprintf(name, sizeof name, "it's (%d) a name.%s", handed, endings[e]);
            round_trip(name, images_oblique_grid(13, 7, 5, handed), wavy, MED_VOXEL_F32);
            round_trip(name, images_oblique_grid(30, 20, 10, handed), small_integer, MED_VOXEL_U8);
            round_trip(name, images_oblique_grid(1, 1, 1, handed), small_integer, MED_VOXEL_I16);
        }
    med_volume *v = images_make(images_oblique_grid(2, 2, 2, false), wavy);
    char *path = med_path_join(folder, "x.nrrd");
    assert_fails(med_volume_save(v, path, MED_VOXEL_U8), MED_EFAIL, "does not fit into uint8");
    assert_false(med_path_exists(path));
    med_volume_free(v);
    free(path);
}

/* ---- files made by hand ---- */

static char *write_file(const char *name, const char *header, const void *data, size_t n) {
    char *path = med_path_join(folder, name);
    FILE *to = fopen(path, "wb");
    assert_non_null(to);
    fwrite(header, 1, strlen(header), to);
    fwrite(data, 1, n, to);
    assert_int_equal(fclose(to), 0);
    return path;
}

#define NRRD_SPACE "space: LPS\nspace origin: (0,0,0)\n"

/* Two layers of 3 x 2 x 1; segments 0 and 2 share the first, with values 5 and 7. */
static void layers_of_a_segmentation(void **state) {
    (void)state;
    const uint8_t data[12] = {5, 0, 5, 1, 0, 0, 7, 1, 7, 0, 0, 1};
    char *path = write_file("a.seg.nrrd",
                            "NRRD0004\ntype: uchar\ndimension: 4\n" NRRD_SPACE "sizes: 2 3 2 1\n"
                            "space directions: none (1,0,0) (0,2,0) (0,0,3)\nkinds: list domain domain domain\n"
                            "encoding: raw\nSegment0_LabelValue:=5\nSegment0_Layer:=0\n"
                            "Segment1_LabelValue:=1\nSegment1_Layer:=1\nSegment2_LabelValue:=7\nSegment2_Layer:=0\n\n",
                            data, sizeof data);
    const float expected[6] = {1, 2, 0, 3, 3, 2}; /* the fourth voxel lies in segments 1 and 2: the last one stays */
    med_volume *v;
    assert_ok(med_volume_load(path, &v));
    assert_int_equal(v->grid.n[0], 3);
    assert_int_equal(v->grid.n[2], 1);
    assert_true(v->grid.affine.m[1][1] == -2);
    assert_memory_equal(v->voxel, expected, sizeof expected);
    med_volume_free(v);
    free(path);
}

static void lists(void **state) {
    (void)state;
    const uint8_t data[6] = {1, 2, 3, 4, 5, 6};
    med_volume *v;
    char *path = write_file("one.nrrd",
                            "NRRD0004\r\ntype: uint8\r\ndimension: 4\r\nspace: RAS\r\nspace origin: (1, 2, 3)\r\n"
                            "sizes: 3 2 1 1\r\nspace directions: (1,0,0) (0,2,0) none (0,0,3)\r\nencoding: raw\r\n\r\n",
                            data, sizeof data);
    assert_ok(med_volume_load(path, &v));
    assert_int_equal(v->grid.n[1], 2);
    assert_true(v->voxel[5] == 6 && v->grid.affine.m[2][2] == 3 && v->grid.affine.m[1][3] == 2);
    med_volume_free(v);
    free(path);
    path = write_file("vector.nrrd",
                      "NRRD0004\ntype: uint8\ndimension: 4\n" NRRD_SPACE "sizes: 3 2 1 1\n"
                      "space directions: none (1,0,0) (0,2,0) (0,0,3)\nencoding: raw\n\n",
                      data, sizeof data);
    assert_fails(med_volume_load(path, &v), MED_EFORMAT, "axis 1 holds 3 values per voxel");
    free(path);
    path = write_file("colour.mha",
                      "NDims = 3\nDimSize = 2 1 1\nElementNumberOfChannels = 3\nElementType = MET_UCHAR\n"
                      "ElementSpacing = 1 1 1\nOffset = 0 0 0\nTransformMatrix = 1 0 0 0 1 0 0 0 1\n"
                      "ElementDataFile = LOCAL\n",
                      data, sizeof data);
    assert_fails(med_volume_load(path, &v), MED_EFORMAT, "3 values per voxel");
    free(path);
    path = write_file("sequence.mha",
                      "NDims = 3\nDimSize = 2 1 3\nElementType = MET_UCHAR\nSeq_Frame0000_Timestamp = 1\n"
                      "ElementDataFile = LOCAL\n",
                      data, sizeof data);
    assert_fails(med_volume_load(path, &v), MED_EFORMAT, "a sequence of 3 frames");
    free(path);
}

/* What is left out has a usual value, with a warning. */
static void old_and_short_headers(void **state) {
    (void)state;
    const uint8_t data[8] = {0, 0, 1, 2, 3, 4, 5, 6};
    med_volume *v;
    char *path = write_file("old.nrrd",
                            "NRRD0001\n# old\ntype: uchar\ndimension: 3\nspace: RAS\nsizes: 3 2 1\nspacings: 2 3 4\n"
                            "encoding: raw\nbyte skip: -1\n\n",
                            data, sizeof data);
    images_watch_warnings();
    assert_ok(med_volume_load(path, &v));
    assert_int_equal(images_n_warnings, 2); /* directions, origin */
    assert_true(v->grid.affine.m[1][1] == 3 && v->voxel[0] == 1);
    med_volume_free(v);
    free(path);
    path = write_file("short.mha",
                      "NDims = 3\nDimSize = 2 3 1\nElementType = MET_UCHAR\nHeaderSize = 2\nElementDataFile = LOCAL\n",
                      data, sizeof data);
    images_watch_warnings();
    assert_ok(med_volume_load(path, &v));
    assert_int_equal(images_n_warnings, 3); /* spacing, offset, matrix */
    assert_true(v->grid.affine.m[0][0] == -1 && v->voxel[0] == 1);
    med_volume_free(v);
    free(path);
}

static void fields_that_cannot_be(void **state) {
    (void)state;
    static const struct {
        const char *name, *header, *expected;
    } rows[] = {
        {"twice.nrrd", "NRRD0004\ntype: uchar\ntype: short\nencoding: raw\n\n", "twice"},
        {"skip.nrrd",
         "NRRD0004\ntype: uchar\nencoding: raw\nline skip: 9\ndimension: 3\nsizes: 1 1 1\n" NRRD_SPACE
         "space directions: (1,0,0) (0,1,0) (0,0,1)\n\n",
         "has 0 lines"},
        {"skip.mha", "NDims = 3\nDimSize = 1 1 1\nElementType = MET_UCHAR\nHeaderSize = -2\nElementDataFile = LOCAL\n",
         "HeaderSize"},
        {"text.mha",
         "NDims = 3\nDimSize = 1 1 1\nElementType = MET_UCHAR\nBinaryData = False\nElementDataFile = LOCAL\n",
         "are text"},
        {"tube.mha", "ObjectType = Tube\nNDims = 3\nElementDataFile = LOCAL\n", "ObjectType is 'Tube'"},
        {"pattern.mhd", "NDims = 3\nDimSize = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = s%d.raw\n",
         "list of files"},
        {"up.mhd", "NDims = 3\nDimSize = 1 1 1\nElementType = MET_UCHAR\nElementDataFile = a/../../x.raw\n",
         "outside its folder"},
        {"scanner.nrrd", "NRRD0004\ntype: uchar\nencoding: raw\ndimension: 3\nsizes: 1 1 1\nspace: scanner-xyz\n\n",
         "'scanner-xyz' is not supported"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        med_volume *v;
        char *path = write_file(rows[r].name, rows[r].header, "", 0);
        assert_fails(med_volume_load(path, &v), MED_EFORMAT, rows[r].expected);
        free(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_read),       cmocka_unit_test(layers_of_a_segmentation), cmocka_unit_test(lists),
        cmocka_unit_test(old_and_short_headers), cmocka_unit_test(fields_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
