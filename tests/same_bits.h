/* same_bits.h: two sets of tensors that shall be the same bit by bit. */
#ifndef MED_TESTS_SAME_BITS_H
#define MED_TESTS_SAME_BITS_H

#include "testing.h"

#include "engine/weights.h"

static inline void assert_same_bits(const med_weights *a, const med_weights *b) {
    assert_int_equal(med_weights_count(a), med_weights_count(b));
    for (int i = 0; i < med_weights_count(a); i++) {
        const med_tensor *x = med_weights_at(a, i), *y = med_weights_at(b, i);
        if (memcmp(x->data, y->data, med_tensor_bytes(x)) != 0) fail_msg("%s differs", x->name);
    }
}

#endif
