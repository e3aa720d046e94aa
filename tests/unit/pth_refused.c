/* PyTorch state dicts: nothing hostile and nothing damaged gets through. */
#include <fcntl.h>
#include <sys/stat.h>
#include "pth_file.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
