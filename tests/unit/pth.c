/* PyTorch state dicts: equal to the same weights as safetensors; every shape of dict. */
#include "pth_file.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(zip_equals_safetensors),
        TEST(legacy_equals_safetensors),
        TEST(plain_dict),
        TEST(nested_dict_with_prefix_and_metadata),
        TEST(pairs_of_python_2),
        TEST(parameters_and_other_values),
        TEST(protocol_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
