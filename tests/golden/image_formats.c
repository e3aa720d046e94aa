/* Files of other programs: good ones are read exactly, malformed ones refused with one line that names them. */
#include "../images.h"

#include <sys/resource.h>
#include "base/file.h"

static void check_content(const json_t *row, const med_volume *v) {
    med_grid expected = images_grid(json_object_get(row, "dims"), json_object_get(row, "affine_ras"));
    assert_memory_equal(v->grid.n, expected.n, sizeof expected.n);
    bool is_nifti = strstr(images_text(row, "format"), "NIfTI") != NULL;
    images_assert_affine(v->grid.affine, expected.affine, is_nifti ? 1e-5 : 1e-9); /* NIfTI: float32 in the file */
    assert_string_equal(med_voxel_type_name(v->stored_type), images_text(row, "dtype"));
    const json_t *checks = json_object_get(row, "checks"), *point;
    size_t p;
    json_array_foreach (json_object_get(checks, "voxels"), p, point) {
        const json_t *at = json_object_get(point, "index");
        int index[3];
        for (size_t a = 0; a < 3; a++) index[a] = (int)json_integer_value(json_array_get(at, a));
        double value = images_number(point, "value"), found = *med_volume_at(v, index[0], index[1], index[2]);
        if (fabs(found - value) > 1e-6 * fabs(value)) fail_msg("voxel %zu: %.9g, expected %.9g", p, found, value);
    }
    char hex[65];
    med_sha256_hex(v->voxel, med_grid_count(v->grid) * sizeof(float), hex);
    assert_string_equal(hex, images_text(checks, "sha256_float32"));
}

static void check_good(const json_t *row) {
    char *path = images_path(images_text(row, "file"));
    print_message("%s\n", images_text(row, "file"));
    med_volume *v, *header;
    images_watch_warnings();
    med_status status = med_volume_load(path, &v);
    if (json_is_true(json_object_get(row, "refusal_ok"))) {
        assert_int_equal(status, MED_EFORMAT);
        assert_non_null(strstr(med_message(), images_text(row, "file")));
        assert_true(strstr(med_message(), " x ") || strstr(med_message(), "17 voxels are not finite") ||
                    strstr(med_message(), "encoding 'ascii'"));
    } else {
        assert_ok(status);
        assert_int_equal(images_n_warnings, json_object_get(row, "warn") ? 1 : 0);
        check_content(row, v);
        assert_ok(med_volume_load_header(path, &header));
        assert_null(header->voxel);
        assert_memory_equal(&header->grid, &v->grid, sizeof v->grid);
        med_volume_free(header);
        med_volume_free(v);
    }
    free(path);
}

static void good_files_are_read_exactly(void **state) {
    (void)state;
    json_t *list = images_json("formats.json"), *row;
    size_t i;
    int n = 0;
    json_array_foreach (json_object_get(list, "files"), i, row) {
        check_good(row);
        n++;
    }
    assert_int_equal(n, 63);
    json_decref(list);
}

static void check_bad(const json_t *row) {
    char *path = images_path(images_text(row, "file"));
    med_volume *v;
    images_watch_warnings();
    med_status status = med_volume_load(path, &v);
    print_message("%s\n    %s\n", images_text(row, "wrong"), status == MED_OK ? "read" : med_message());
    if (status == MED_OK) {
        if (!json_is_true(json_object_get(row, "warning_ok")) || images_n_warnings == 0)
            fail_msg("%s was read: %s", path, images_text(row, "wrong"));
        med_volume_free(v);
    } else {
        assert_null(v);
        assert_int_equal(med_exit_code(status), 2);
        assert_non_null(strstr(med_message(), path));
        assert_null(strchr(med_message(), '\n'));
    }
    if (med_volume_load_header(path, &v) == MED_OK) med_volume_free(v);
    free(path);
}

static long peak_kb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void malformed_files_are_refused(void **state) {
    (void)state;
    json_t *list = images_json("bad.json"), *row;
    size_t i;
    int n = 0;
    long before_kb = peak_kb();
    json_array_foreach (json_object_get(list, "files"), i, row) {
        check_bad(row);
        n++;
    }
    assert_int_equal(n, 115);
    /* the largest file has 65 kB and one of them expands to 64 MiB: nothing may follow the header's promises */
    assert_true(peak_kb() - before_kb < 32 * 1024);
    json_decref(list);
}

int main(void) {
    if (!images_find()) return 77;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_read_exactly),
        cmocka_unit_test(malformed_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
