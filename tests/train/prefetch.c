/* prefetch.c: slices that were read ahead are those that reading when they are needed gives. */
#include "train/small_run.h"

#include "task/train_data.h"

enum { HEIGHT = 16, WIDTH = 16, N = 3 };

static med_train_data *load(const char *dir, bool is_packed) {
    med_train_config c;
    med_net net;
    med_train_data *d;
    char path[256];
    snprintf(path, sizeof path, "%s/data", dir);
    assert_ok(med_train_preset("tiny", med_models[0], &c, &net));
    c.val_every = 0;
    assert_ok(med_train_data_open(path, &c, med_models[0], &d));
    net.height = HEIGHT;
    net.width = WIDTH;
    size_t budget = 0; /* any */
    if (is_packed) assert_ok(med_train_data_measure(d, &net, &budget)); /* 16 bits fit, no more */
    assert_ok(med_train_data_load(d, &c, &net, budget));
    return d;
}

static void assert_same_batch(const med_train_batch *a, const med_train_batch *b, med_modset observed) {
    size_t n = (size_t)a->n * HEIGHT * WIDTH * sizeof(float);
    assert_int_equal(a->n, b->n);
    MED_MODSET_EACH (j, observed) {
        assert_memory_equal(a->x[j], b->x[j], n);
        assert_memory_equal(a->target[j], b->target[j], n);
    }
}

static void reading_ahead_changes_nothing(void **state) {
    (void)state;
    const char *dir = small_create();
    for (int is_packed = 0; is_packed < 2; is_packed++) {
        med_train_data *ahead = load(dir, is_packed), *plain = load(dir, is_packed);
        assert_int_equal(med_loader_is_float(ahead->loader), !is_packed);
        med_train_draw draws[] = {{.first = 0, .n = N}, {.first = 2, .n = N, .is_flipped = true}, {.first = 5, .n = N}, {.first = 1, .n = 2}};
        for (int k = 0; k < 4; k++) {
            int i = k % ahead->n_train;
            med_train_batch found, expected;
            med_train_data_prefetch(ahead, i, &draws[k]);
            if (k == 3) med_train_data_prefetch(ahead, 0, &draws[0]); /* another one than is asked for next */
            med_train_data_batch(ahead, i, &draws[k], &found);
            med_train_data_batch(plain, i, &draws[k], &expected);
            assert_same_batch(&found, &expected, ahead->train[i].subject.observed);
            if (k < 3) med_train_data_prefetch(ahead, (k + 1) % ahead->n_train, &draws[k + 1]); /* while `found` is in use */
            assert_same_batch(&found, &expected, ahead->train[i].subject.observed);
        }
        med_train_data_prefetch(ahead, 0, &draws[0]); /* still at work when it is freed */
        med_train_data_free(ahead);
        med_train_data_free(plain);
    }
    testing_remove(dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(reading_ahead_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
