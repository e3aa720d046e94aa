/* Tracked sequences in MetaImage and NRRD. */
#include "fuzz.h"
#include "image/sequence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *path = fuzz_file(data, n);
    med_sequence *s;
    for (int with_pixels = 0; with_pixels < 2; with_pixels++) {
        med_status status = med_sequence_load(path, with_pixels, &s);
        fuzz_check(status);
        if (status == MED_OK) med_sequence_free(s);
    }
    return 0;
}
