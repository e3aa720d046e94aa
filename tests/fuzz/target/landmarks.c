/* Slicer .fcsv and .mrk.json, MNI .tag. */
#include "fuzz.h"
#include "image/landmarks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    med_landmarks l;
    fuzz_check(med_landmarks_load(fuzz_file(data, n), &l));
    med_landmarks_free(&l);
    return 0;
}
