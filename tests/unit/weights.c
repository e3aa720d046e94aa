/* The store of named tensors: order, finding, renaming, metadata. */
#include "testing.h"

#include "engine/weights.h"
#include "base/memory.h"

static void thousands_are_found_in_order(void **state) {
    (void)state;
    enum { N = 3000 };
    med_weights *w = med_weights_create();
    char name[32];
    for (int i = 0; i < N; i++) {
        med_tensor *t;
        snprintf(name, sizeof name, "layer/%d/weight", i);
        assert_ok(med_weights_add(w, name, MED_F32, med_shape_2(2, 3), &t));
        assert_true(((float *)t->data)[5] == 0);
        ((float *)t->data)[5] = (float)i;
    }
    assert_int_equal(med_weights_count(w), N);
    for (int i = N - 1; i >= 0; i--) {
        snprintf(name, sizeof name, "layer/%d/weight", i);
        const med_tensor *t = med_weights_find(w, name);
        assert_ptr_equal(t, med_weights_at(w, i));
        assert_true(((float *)t->data)[5] == (float)i);
    }
    assert_null(med_weights_find(w, "layer/3000/weight"));
    assert_null(med_weights_find(w, ""));
    med_weights_free(w);
}

static void a_name_is_there_once(void **state) {
    (void)state;
    med_weights *w = med_weights_create();
    med_tensor *t;
    assert_ok(med_weights_add(w, "a", MED_F32, med_shape_1(1), &t));
    assert_fails(med_weights_add(w, "a", MED_I64, med_shape_1(4), &t), MED_EUSAGE, "tensor a is there twice");
    assert_int_equal(med_weights_count(w), 1);
    med_weights_free(w);
}

static char *without_prefix(const void *context, const char *name) {
    size_t n = strlen(context);
    return med_strdup(strncmp(name, context, n) ? name : name + n);
}

static void rename_keeps_order_and_refuses_doubles(void **state) {
    (void)state;
    med_weights *w = med_weights_create();
    med_tensor *t;
    assert_ok(med_weights_add(w, "x.a", MED_F32, med_shape_1(1), &t));
    assert_ok(med_weights_add(w, "b", MED_F32, med_shape_1(1), &t));
    assert_ok(med_weights_add(w, "x.c", MED_F32, med_shape_1(1), &t));
    assert_ok(med_weights_rename(w, without_prefix, "x."));
    assert_string_equal(med_weights_at(w, 0)->name, "a");
    assert_ptr_equal(med_weights_find(w, "c"), med_weights_at(w, 2));
    assert_null(med_weights_find(w, "x.c"));
    assert_ok(med_weights_add(w, "y.b", MED_F32, med_shape_1(1), &t));
    assert_fails(med_weights_rename(w, without_prefix, "y."), MED_EFORMAT, "b is there twice, once as y.b");
    med_weights_free(w);
}

static void metadata_is_replaced(void **state) {
    (void)state;
    med_weights *w = med_weights_create();
    assert_null(med_weights_meta(w, "k"));
    med_weights_set_meta(w, "k", "1");
    med_weights_set_meta(w, "l", "2");
    med_weights_set_meta(w, "k", med_weights_meta(w, "l"));
    assert_string_equal(med_weights_meta(w, "k"), "2");
    assert_int_equal(med_weights_n_metas(w), 2);
    med_weights_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thousands_are_found_in_order),
        cmocka_unit_test(a_name_is_there_once),
        cmocka_unit_test(rename_keeps_order_and_refuses_doubles),
        cmocka_unit_test(metadata_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
