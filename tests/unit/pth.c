/* PyTorch state dicts: equal to the same weights as safetensors; every shape of dict; nothing hostile gets through. */
#include "pth_maker.h"

#include <sys/stat.h>
#include <fcntl.h>
#include "base/file.h"
#include "base/memory.h"
#include "engine/weights.h"

static char *folder, *path;

static int set_up(void **state) {
    (void)state;
    folder = testing_folder();
    path = med_path_join(folder, "w.pth");
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    testing_remove(folder);
    free(path);
    return 0;
}

static void write_file(const void *data, size_t n) {
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fwrite(data, 1, n, to) == n && fclose(to) == 0);
}

/* Path (owned) of the golden file `name`; skips when there is none. */
static char *golden(const char *name) {
    const char *shared = getenv("MEDLEY_SHARED");
    char *file = med_format("%s/golden/synth/%s", shared ? shared : "", name);
    if (!med_path_exists(file)) {
        free(file);
        skip();
    }
    return file;
}

static med_weights *load_golden(const char *name) {
    char *file = golden(name);
    med_weights *w;
    assert_ok(med_weights_load_any(file, &w));
    free(file);
    return w;
}

static void equals_safetensors(const char *name) {
    med_weights *pth = load_golden(name), *st = load_golden("weights.safetensors");
    assert_int_equal(med_weights_count(pth), med_weights_count(st));
    for (int i = 0; i < med_weights_count(st); i++) {
        const med_tensor *a = med_weights_at(st, i), *b = med_weights_find(pth, a->name);
        if (!b) fail_msg("%s lacks %s", name, a->name);
        assert_true(a->dtype == MED_F32 && b->dtype == MED_F32 && med_shape_equal(a->shape, b->shape));
        assert_memory_equal(a->data, b->data, (size_t)med_shape_count(a->shape) * 4);
    }
    med_weights_free(pth);
    med_weights_free(st);
}
static void zip_equals_safetensors(void **state) {
    (void)state;
    equals_safetensors("weights.pth");
}
static void legacy_equals_safetensors(void **state) {
    (void)state;
    equals_safetensors("weights-legacy.pth");
}

/* ---- dicts of every kind, made here ---- */

static const float numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

/* A zip whose pickle is `pickle` (taken), with storages "0" (12 floats) and "1" (two halves: 1 and -2). */
static void write_zip(bytes pickle, bool is_64) {
    const zip_part parts[] = {
        {"archive/data.pkl", pickle.data, pickle.n},
        {"archive/byteorder", "little", 6},
        {"archive/data/0", numbers, sizeof numbers},
        {"archive/data/1", "\x00\x3c\x00\xc0", 4},
        {"archive/version", "3\n", 2},
    };
    bytes file = make_zip(parts, 5, is_64);
    write_file(file.data, file.n);
    free(file.data);
    free(pickle.data);
}

static const py_tensor straight = {"FloatStorage", "0", 12, 0, 2, {3, 4}, {4, 1}};
static const py_tensor transposed = {"FloatStorage", "0", 12, 1, 2, {4, 2}, {1, 4}};
static const py_tensor halves = {"HalfStorage", "1", 2, 0, 1, {2}, {1}};
static const py_tensor scalar = {"FloatStorage", "0", 12, 7, 0, {0}, {0}};

static void expect_all(void) {
    med_weights *w;
    assert_ok(med_weights_load_any(path, &w));
    assert_int_equal(med_weights_count(w), 4);
    assert_string_equal(med_weights_at(w, 0)->name, "a.weight");
    assert_memory_equal(med_weights_find(w, "a.weight")->data, numbers, sizeof numbers);
    const float *t = med_weights_find(w, "b.weight")->data, *h = med_weights_find(w, "h")->data;
    static const float expected[] = {1, 5, 2, 6, 3, 7, 4, 8};
    assert_memory_equal(t, expected, sizeof expected);
    assert_string_equal(med_shape_print(med_weights_find(w, "b.weight")->shape).text, "4x2");
    assert_true(h[0] == 1 && h[1] == -2);
    assert_int_equal(med_weights_find(w, "s")->shape.rank, 0);
    assert_true(*(float *)med_weights_find(w, "s")->data == 7);
    med_weights_free(w);
}

/* The four tensors as dict items; names with `prefix`. */
static void put_items(bytes *b, const char *prefix) {
    static const struct {
        const char *name;
        const py_tensor *tensor;
    } items[] = {{"a.weight", &straight}, {"b.weight", &transposed}, {"h", &halves}, {"s", &scalar}};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", prefix, items[i].name);
        py_text(b, name);
        py_put_tensor(b, items[i].tensor);
        op(b, "s"); /* SETITEM */
    }
}

static void plain_dict(void **state) {
    (void)state;
    for (int is_64 = 0; is_64 < 2; is_64++) {
        bytes b = {0};
        op(&b, "\x80\x02}");
        put_items(&b, "");
        op(&b, ".");
        write_zip(b, is_64);
        expect_all();
    }
}

/* What torch.save({"epoch": 3, "state_dict": DistributedDataParallel(...).state_dict()}) gives. */
static void nested_dict_with_prefix_and_metadata(void **state) {
    (void)state;
    static const char *const keys[] = {"state_dict", "model"};
    for (int k = 0; k < 2; k++) {
        bytes b = {0};
        op(&b, "\x80\x02}");
        py_text(&b, "epoch");
        op(&b, "K\x03s");
        py_text(&b, keys[k]);
        py_global(&b, "collections", "OrderedDict");
        op(&b, ")Rq\x05");
        put_items(&b, "module.");
        op(&b, "}"); /* attributes: _metadata, a dict that refers to its owner */
        py_text(&b, "_metadata");
        op(&b, "h\x05sb");
        op(&b, "s.");
        write_zip(b, false);
        expect_all();
    }
}

/* As Python 2 wrote it, and as the heads of LPIPS still are: OrderedDict([[name, tensor]]), names as byte strings. */
static void pairs_of_python_2(void **state) {
    (void)state;
    bytes b = {0};
    op(&b, "\x80\x02");
    py_global(&b, "collections", "OrderedDict");
    op(&b, "](](U\1p");
    py_put_tensor(&b, &straight);
    op(&b, "ee\x85R.");
    write_zip(b, false);
    med_weights *w;
    assert_ok(med_weights_load_pth(path, &w));
    assert_int_equal(med_weights_count(w), 1);
    assert_memory_equal(med_weights_find(w, "p")->data, numbers, sizeof numbers);
    med_weights_free(w);
}

static void parameters_and_other_values(void **state) {
    (void)state;
    bytes b = {0};
    op(&b, "\x80\x02}(");
    py_text(&b, "p");
    py_global(&b, "torch._utils", "_rebuild_parameter");
    op(&b, "(");
    py_put_tensor(&b, &straight);
    op(&b, "\x88"); /* requires_grad */
    py_global(&b, "collections", "OrderedDict");
    op(&b, ")RtR");
    py_text(&b, "steps");
    op(&b, "](K\x01G\x3f\xf8"); /* [1, 1.5] */
    put(&b, "\0\0\0\0\0\0", 6);
    op(&b, "eu.");
    write_zip(b, false);
    med_weights *w;
    assert_ok(med_weights_load_pth(path, &w));
    assert_int_equal(med_weights_count(w), 1);
    assert_memory_equal(med_weights_find(w, "p")->data, numbers, sizeof numbers);
    med_weights_free(w);
}

/* Protocol 4 as Python 3.8 writes it: FRAME, SHORT_BINUNICODE, MEMOIZE, STACK_GLOBAL. */
static void protocol_4(void **state) {
    (void)state;
    bytes b = {0};
    op(&b, "\x80\x04\x95");
    put_number(&b, 20, 8);
    op(&b, "}\x94\x8c\x01p\x94\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94(("
           "\x8c\x07storage\x94\x8c\x05torch\x94\x8c\x0c"
           "FloatStorage\x94\x93\x94\x8c\x01"
           "0\x94\x8c\x03"
           "cpu\x94K\x0ctQK");
    put(&b, "\0", 1);
    op(&b, "K\x0c\x85K\x01\x85\x89NtRs.");
    write_zip(b, false);
    med_weights *w;
    assert_ok(med_weights_load_pth(path, &w));
    assert_memory_equal(med_weights_find(w, "p")->data, numbers, sizeof numbers);
    med_weights_free(w);
}

/* ---- refusals ---- */

static void expect_refused(bytes pickle, const char *message) {
    write_zip(pickle, false);
    med_weights *w = NULL;
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, message);
    assert_null(w);
    assert_ptr_equal(strstr(med_message(), path), med_message());
    assert_null(strchr(med_message(), '\n'));
}

static void globals_are_refused_by_name(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"os", "system"},
        {"posix", "system"},
        {"builtins", "eval"},
        {"torch", "load"},
        {"torch._utils", "_rebuild_tensor_v2 x"},
        {"numpy.core.multiarray", "_reconstruct"},
        {"collections", "ordereddict"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[128];
        snprintf(name, sizeof name, "\"%s %s\"", rows[i][0], rows[i][1]);
        bytes b = {0};
        op(&b, "\x80\x02");
        py_global(&b, rows[i][0], rows[i][1]);
        op(&b, "(");
        py_text(&b, "touch /tmp/owned");
        op(&b, "tR.");
        expect_refused(b, name);
        b = (bytes){0};
        op(&b, "\x80\x04");
        py_text(&b, rows[i][0]);
        py_text(&b, rows[i][1]);
        op(&b, "\x93)R.");
        expect_refused(b, name);
    }
}

static void opcodes_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        uint8_t code;
        const char *name;
    } rows[] = {
        {'0', "POP"},
        {'1', "POP_MARK"},
        {'2', "DUP"},
        {'F', "FLOAT"},
        {'I', "INT"},
        {'L', "LONG"},
        {'P', "PERSID"},
        {'S', "STRING"},
        {'T', "BINSTRING"},
        {'V', "UNICODE"},
        {'d', "DICT"},
        {'g', "GET"},
        {'i', "INST"},
        {'l', "LIST"},
        {'o', "OBJ"},
        {'p', "PUT"},
        {'B', "BINBYTES"},
        {'C', "SHORT_BINBYTES"},
        {0x81, "NEWOBJ"},
        {0x82, "EXT1"},
        {0x83, "EXT2"},
        {0x84, "EXT4"},
        {0x8b, "LONG4"},
        {0x8d, "BINUNICODE8"},
        {0x8e, "BINBYTES8"},
        {0x8f, "EMPTY_SET"},
        {0x90, "ADDITEMS"},
        {0x91, "FROZENSET"},
        {0x92, "NEWOBJ_EX"},
        {0x96, "BYTEARRAY8"},
        {0x97, "NEXT_BUFFER"},
        {0x98, "READONLY_BUFFER"},
        {0x00, "0x00 is no opcode"},
        {0xff, "0xff is no opcode"},
        {'x', "0x78 is no opcode"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bytes b = {0};
        op(&b, "\x80\x02}");
        put(&b, &rows[i].code, 1);
        op(&b, ".");
        char expected[64];
        snprintf(expected, sizeof expected, strchr(rows[i].name, ' ') ? "%s" : "opcode %s at byte 3", rows[i].name);
        expect_refused(b, expected);
    }
}

static void programs_that_do_not_fit_together(void **state) {
    (void)state;
    static const struct {
        const char *codes;
        size_t n;
        const char *message;
    } rows[] = {
        {"", 0, "cut off"},
        {"\x80\x02", 2, "cut off"},
        {"\x80\x01.", 3, "protocol"},
        {".", 1, "missing on the stack"},
        {"}}.", 3, "left on the stack"},
        {"(.", 2, "missing on the stack"},
        {"t.", 2, "mark is missing"},
        {"}(Nu.", 5, "key has no value"},
        {"N(NNu.", 6, "dict is expected"},
        {"}(Ne.", 5, "list is expected"},
        {"}NNR.", 5, "call that is none"},
        {"h\0.", 3, "empty memo"},
        {"j\xff\xff\xff\xff.", 6, "empty memo"},
        {"}r\xff\xff\xff\xff.", 7, "memo place is larger"},
        {"q\0.", 3, "nothing to remember"},
        {"X\xff\xff\xff\xff.", 6, "cut off"},
        {"X\3\0\0\0a\0b.", 9, "zero byte"},
        {"\x8a\xff.", 3, "cut off"},
        {"\x95\0\0\0\0\0\0\0\1.", 10, "frame"},
        {"N.", 2, "no dict"},
        {"}.", 2, "no tensors"},
        {"ccollections\nOrderedDict\n(K\1tR.", 30, "a list of pairs"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bytes b = {0};
        put(&b, rows[i].codes, rows[i].n);
        expect_refused(b, rows[i].message);
    }
}

static void tensors_outside_their_storage(void **state) {
    (void)state;
    static const struct {
        py_tensor tensor;
        const char *message;
    } rows[] = {
        {{"FloatStorage", "0", 12, 1, 2, {3, 4}, {4, 1}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 0, 1, {2}, {12}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 12, 0, {0}, {0}}, "outside its storage"},
        {{"FloatStorage", "0", 12, -1, 1, {1}, {1}}, "offset is no count"},
        {{"FloatStorage", "0", 12, 0, 1, {-1}, {1}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 0, 1, {4}, {-1}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 0, 2, {1L << 32, 1L << 32}, {1, 1}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 0, 1, {3}, {INT64_MAX}}, "outside its storage"},
        {{"FloatStorage", "0", 12, INT64_MAX, 1, {2}, {1}}, "outside its storage"},
        {{"FloatStorage", "0", 12, 0, 2, {4, 4}, {0, 0}}, "outside its storage"}, /* 16 of 12 elements */
        {{"FloatStorage", "0", 12, 0, 6, {1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1}}, "at most 5"},
        {{"FloatStorage", "0", 13, 0, 1, {1}, {1}}, "has 48 bytes, expected 13 elements of 4"},
        {{"FloatStorage", "0", INT64_MAX, 0, 1, {1}, {1}}, "has 48 bytes"},
        {{"DoubleStorage", "0", 12, 0, 1, {1}, {1}}, "has 48 bytes, expected 12 elements of 8"},
        {{"FloatStorage", "7", 12, 0, 1, {1}, {1}}, "storage 7 is not in the archive"},
        {{"FloatStorage", "../version", 12, 0, 1, {1}, {1}}, "not in the archive"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bytes b = {0};
        op(&b, "}");
        py_text(&b, "t");
        py_put_tensor(&b, &rows[i].tensor);
        op(&b, "s.");
        expect_refused(b, rows[i].message);
    }
    bytes b = {0}; /* the same name twice */
    op(&b, "}");
    for (int i = 0; i < 2; i++) {
        py_text(&b, i ? "module.t" : "t");
        py_put_tensor(&b, &straight);
        op(&b, "s");
    }
    op(&b, ".");
    expect_refused(b, "tensor t is there twice");
}

static void other_archives(void **state) {
    (void)state;
    med_weights *w;
    const zip_part docx[] = {{"word/document.xml", "<x/>", 4}};
    bytes file = make_zip(docx, 1, false);
    write_file(file.data, file.n);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "without data.pkl");
    free(file.data);

    const zip_part big[] = {{"a/data.pkl", "}.", 2}, {"a/byteorder", "big", 3}};
    file = make_zip(big, 2, false);
    write_file(file.data, file.n);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "big-endian");
    free(file.data);

    const zip_part twice[] = {{"a/data.pkl", "}.", 2}, {"a/data.pkl", "}.", 2}};
    file = make_zip(twice, 2, false);
    write_file(file.data, file.n);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "twice");
    file.data[file.n - 22 - 2 * 56 + 10] = 8; /* method of the first directory record: deflate */
    write_file(file.data, file.n);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "is compressed");
    free(file.data);

    write_file("", 0);
    assert_fails(med_weights_load_pth(path, &w), MED_EFORMAT, "is empty");
    write_file("\x80\x02}q", 4);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "cut off");
    write_file("\x80\x02K\x01.", 5);
    assert_fails(med_weights_load_any(path, &w), MED_EFORMAT, "not from torch.save");
}

/* ---- damage ---- */

/* Cut at every 97th byte: always refused. One bit flipped at every 97th byte: refused, or accepted, but no harm. */
static void damage(const char *name) {
    char *original = golden(name);
    med_mapping file;
    assert_ok(med_file_map(original, &file));
    free(original);
    write_file(file.data, file.size);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    med_weights *w;
    int n_refused = 0;
    for (size_t at = 0; at < file.size; at += 97) {
        uint8_t flipped = file.data[at] ^ (uint8_t)(1 << at % 8);
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
        if (med_weights_load_any(path, &w) == MED_OK)
            med_weights_free(w);
        else
            n_refused++;
        assert_int_equal(pwrite(fd, file.data + at, 1, (off_t)at), 1);
    }
    assert_true(n_refused > 300); /* at least the pickle's share of the file */
    for (size_t size = (file.size - 1) / 97 * 97; size > 0; size -= 97) {
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        assert_int_equal(med_weights_load_any(path, &w), MED_EFORMAT);
    }
    close(fd);
    med_file_unmap(&file);
}
static void damaged_zip(void **state) {
    (void)state;
    damage("weights.pth");
}
static void damaged_legacy(void **state) {
    (void)state;
    damage("weights-legacy.pth");
}

/* Every byte of a small file, eight ways. */
static void damaged_everywhere(void **state) {
    (void)state;
    bytes b = {0};
    op(&b, "\x80\x02}");
    put_items(&b, "");
    op(&b, ".");
    write_zip(b, true);
    med_mapping file;
    assert_ok(med_file_map(path, &file));
    uint8_t *copy = med_alloc(file.size);
    size_t size = file.size;
    memcpy(copy, file.data, size);
    med_file_unmap(&file);
    int fd = open(path, O_RDWR), n_refused = 0;
    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            med_weights *w;
            uint8_t flipped = copy[at] ^ (uint8_t)(1 << bit);
            assert_int_equal(pwrite(fd, &flipped, 1, (off_t)at), 1);
            if (med_weights_load_any(path, &w) == MED_OK)
                med_weights_free(w);
            else
                n_refused++;
            assert_int_equal(pwrite(fd, copy + at, 1, (off_t)at), 1);
        }
    assert_true(n_refused > 2000);
    close(fd);
    free(copy);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(zip_equals_safetensors),
        TEST(legacy_equals_safetensors),
        TEST(plain_dict),
        TEST(nested_dict_with_prefix_and_metadata),
        TEST(pairs_of_python_2),
        TEST(parameters_and_other_values),
        TEST(protocol_4),
        TEST(globals_are_refused_by_name),
        TEST(opcodes_are_refused_by_name),
        TEST(programs_that_do_not_fit_together),
        TEST(tensors_outside_their_storage),
        TEST(other_archives),
        TEST(damaged_zip),
        TEST(damaged_legacy),
        TEST(damaged_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
