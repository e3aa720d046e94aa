/* fuzz_landmarks.h: a file of landmarks. */
#ifndef MED_TESTS_FUZZ_LANDMARKS_H
#define MED_TESTS_FUZZ_LANDMARKS_H

#include "fuzz.h"
#include "image/landmarks.h"

static inline void fuzz_landmarks(const uint8_t *data, size_t n) {
    med_landmarks l;
    fuzz_check(med_landmarks_load(fuzz_file(data, n), &l));
    med_landmarks_free(&l);
}

#endif
