/* Safetensors: there and back bit for bit, every element type, and headers that lie. */
#include "testing.h"

#include <math.h>
#include "base/file.h"
#include "base/memory.h"
#include "engine/weights.h"

static char *folder, *path;

static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    path = med_path_join(folder, "w.safetensors");
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    testing_remove(folder);
    free(path);
    return 0;
}

/* Without med_file_write's sync: hundreds of variants. */
static void write_file(const void *bytes, size_t n) {
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fwrite(bytes, 1, n, to) == n && fclose(to) == 0);
}

/* A file of the given header length (SIZE_MAX: the true one), header text and n zero bytes. */
static void write_raw(size_t length, const char *header, size_t n_data) {
    size_t n = strlen(header);
    uint64_t claimed = length == SIZE_MAX ? n : length;
    uint8_t *bytes = med_alloc(8 + n + n_data);
    memcpy(bytes, &claimed, 8);
    memcpy(bytes + 8, header, n);
    write_file(bytes, 8 + n + n_data);
    free(bytes);
}

static med_weights *example(void) {
    med_weights *w = med_weights_create();
    med_tensor *t;
    assert_ok(med_weights_add(w, "flags", MED_U8, med_shape_1(3), &t));
    memcpy(t->data, "\1\2\377", 3);
    assert_ok(med_weights_add(w, "z/weight", MED_F32, med_shape_4(2, 1, 1, 2), &t));
    memcpy(t->data, (float[]){1.5f, -0.0f, INFINITY, 1e-42f}, 16);
    assert_ok(med_weights_add(w, "step", MED_I64, (med_shape){0}, &t));
    *(int64_t *)t->data = -5;
    assert_ok(med_weights_add(w, "a \"quoted\" n\xc3\xa4me", MED_F64, med_shape_2(1, 2), &t));
    memcpy(t->data, (double[]){3.25, -1e300}, 16);
    assert_ok(med_weights_add(w, "empty", MED_F32, med_shape_2(0, 7), &t));
    med_weights_set_meta(w, "medley.model", "mmhvae");
    med_weights_set_meta(w, "medley.config", "{\"base\": 16}");
    return w;
}

static void there_and_back(void **state) {
    (void)state;
    med_weights *w = example(), *back;
    assert_ok(med_weights_save(w, path));
    assert_ok(med_weights_load_any(path, &back));
    assert_int_equal(med_weights_count(back), med_weights_count(w));
    for (int i = 0; i < med_weights_count(w); i++) {
        const med_tensor *a = med_weights_at(w, i), *b = med_weights_at(back, i);
        static const size_t bytes[] = {4, 8, 8, 1};
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->dtype, b->dtype);
        assert_true(med_shape_equal(a->shape, b->shape));
        assert_memory_equal(a->data, b->data, (size_t)med_shape_count(a->shape) * bytes[a->dtype]);
    }
    assert_string_equal(med_weights_meta(back, "medley.config"), "{\"base\": 16}");

    char *again = med_path_join(folder, "again.safetensors"), one[65], two[65];
    assert_ok(med_weights_save(back, again));
    assert_ok(med_file_sha256(path, one));
    assert_ok(med_file_sha256(again, two));
    assert_string_equal(one, two);
    free(again);
    med_weights_free(back);
    med_weights_free(w);
}

static void header_is_padded_to_eight_bytes(void **state) {
    (void)state;
    med_weights *w = example();
    assert_ok(med_weights_save(w, path));
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    uint64_t n;
    memcpy(&n, file.data, 8);
    assert_true(n % 8 == 0 && n < file.size);
    assert_int_equal(file.size - 8 - n, 3 + 16 + 8 + 16);
    med_file_unmap(&file);
    med_weights_free(w);
}

static void other_types_are_widened(void **state) {
    (void)state;
    static const char header[] = "{\"h\":{\"dtype\":\"F16\",\"shape\":[6],\"data_offsets\":[0,12]},\"b\":{\"dtype\":"
                                 "\"BF16\",\"shape\":[2],\"data_offsets\":[12,16]},"
                                 "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[16,20]},\"s\":{\"dtype\":"
                                 "\"I16\",\"shape\":[1],\"data_offsets\":[20,22]},"
                                 "\"c\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[22,23]},\"t\":{\"dtype\":"
                                 "\"BOOL\",\"shape\":[1],\"data_offsets\":[23,24]},"
                                 "\"f\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]}}";
    /* halves: 1, -2, 65504, 2^-24, inf, -0; bfloats: 1, -3.140625; integers; 1.0f at whatever alignment */
    static const uint8_t data[] = {0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00, 0x00, 0x7c, 0x00, 0x80, 0x80, 0x3f,
                                   0x49, 0xc0, 0xfe, 0xff, 0xff, 0xff, 0x00, 0x80, 0xff, 0x01, 0x00, 0x00, 0x80, 0x3f};
    for (int pad = 0; pad < 4; pad++) { /* every alignment of the data */
        char text[sizeof header + 4], *at = text + snprintf(text, sizeof text, "%s%*s", header, pad, "");
        uint64_t n = (uint64_t)(at - text);
        uint8_t *bytes = med_alloc(8 + n + sizeof data);
        memcpy(bytes, &n, 8);
        memcpy(bytes + 8, text, n);
        memcpy(bytes + 8 + n, data, sizeof data);
        write_file(bytes, 8 + n + sizeof data);
        free(bytes);
        med_weights *w;
        assert_ok(med_weights_load(path, &w));
        const float *h = med_weights_find(w, "h")->data, *b = med_weights_find(w, "b")->data;
        assert_true(h[0] == 1 && h[1] == -2 && h[2] == 65504 && h[3] == 0x1p-24f && isinf(h[4]) && h[5] == 0 &&
                    signbit(h[5]));
        assert_true(b[0] == 1 && b[1] == -3.140625f);
        assert_int_equal(*(int64_t *)med_weights_find(w, "i")->data, -2);
        assert_int_equal(*(int64_t *)med_weights_find(w, "s")->data, -32768);
        assert_int_equal(*(int64_t *)med_weights_find(w, "c")->data, -1);
        assert_int_equal(*(uint8_t *)med_weights_find(w, "t")->data, 1);
        assert_true(*(float *)med_weights_find(w, "f")->data == 1);
        med_weights_free(w);
    }
}

#define TENSOR(name, dtype, shape, offsets)                                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void headers_that_lie(void **state) {
    (void)state;
    static const struct {
        size_t length;
        const char *header;
        size_t n_data;
        const char *message;
    } rows[] = {
        {SIZE_MAX - 1, "{}", 0, "header should have"},
        {3, "{}", 0, "header should have 3 bytes, the file has 2"},
        {1, "{}", 1, "not JSON"},
        {SIZE_MAX, "[]", 0, "not a JSON object"},
        {SIZE_MAX, "{\"a\":", 0, "not JSON"},
        {SIZE_MAX, "{\"a\":3}", 0, "tensor a has no dtype"},
        {SIZE_MAX, "{" TENSOR("a", "F8_E4M3", "[1]", "[0,1]") "}", 1, "dtype F8_E4M3"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[-1]", "[0,4]") "}", 4, "shape[0]"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1.0]", "[0,4]") "}", 4, "shape[0]"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "3", "[0,4]") "}", 4, "expected a shape"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1,1,1,1,1,1]", "[0,4]") "}", 4, "at most 5 sizes"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,4]") "}", 4, "product is too large"},
        {SIZE_MAX, "{" TENSOR("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "product is too large"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[99999999999999999999]", "[0,4]") "}", 4, "not JSON"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,8]") "}", 4, "lie outside"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[4,0]") "}", 4, "lie outside"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[-4,0]") "}", 4, "lie outside"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0]") "}", 4, "two whole numbers"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,4,8]") "}", 4, "two whole numbers"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[2]", "[0,4]") "}", 4, "needs 8 bytes, data_offsets give 4"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "leave a gap"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 5, "the tensors take 4 bytes, the file has 5"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[2,6]") "}", 6, "overlap"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[0,4]") "}", 4, "overlap"},
        {SIZE_MAX, "{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, "duplicate"},
        {SIZE_MAX, "{\"__metadata__\":[]}", 0, "__metadata__"},
        {SIZE_MAX, "{\"__metadata__\":{\"k\":1}}", 0, "\"k\" is not a text"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        med_weights *w = NULL;
        write_raw(rows[i].length, rows[i].header, rows[i].n_data);
        assert_fails(med_weights_load(path, &w), MED_EFORMAT, rows[i].message);
        assert_null(w);
        assert_ptr_equal(strstr(med_message(), path), med_message()); /* names the file first */
    }
}

static void no_file_no_weights(void **state) {
    (void)state;
    med_weights *w;
    assert_fails(med_weights_load_any(path, &w), MED_EINPUT, "no such file");
    assert_fails(med_weights_load_any(folder, &w), MED_EINPUT, "folder");
    write_file("", 0);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "0 bytes are too few");
}

/* Cut anywhere, a file is refused; with one byte changed it may still be valid, but must not harm. */
static void damaged_files(void **state) {
    (void)state;
    med_weights *w = example();
    assert_ok(med_weights_save(w, path));
    med_weights_free(w);
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    uint8_t *copy = med_alloc(file.size);
    size_t size = file.size;
    memcpy(copy, file.data, size);
    med_file_unmap(&file);
    for (size_t n = 0; n < size; n++) {
        write_file(copy, n);
        assert_int_equal(med_weights_load(path, &w), MED_EFORMAT);
    }
    int n_refused = 0;
    for (size_t i = 0; i < size; i++) {
        copy[i] ^= 0x15;
        write_file(copy, size);
        if (med_weights_load(path, &w) == MED_OK)
            med_weights_free(w);
        else
            n_refused++;
        copy[i] ^= 0x15;
    }
    assert_true(n_refused > 100);
    free(copy);
}

static void names_must_be_text(void **state) {
    (void)state;
    med_weights *w = med_weights_create();
    med_tensor *t;
    assert_ok(med_weights_add(w, "\xff\xfe", MED_F32, med_shape_1(1), &t));
    assert_fails(med_weights_save(w, path), MED_EFORMAT, "not UTF-8");
    assert_false(med_path_exists(path));
    med_weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(header_is_padded_to_eight_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_types_are_widened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(headers_that_lie, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_file_no_weights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_must_be_text, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
