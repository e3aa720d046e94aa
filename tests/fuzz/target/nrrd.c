/* NRRD and NHDR. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n > 4 && !memcmp(data, "NRRD", 4)) fuzz_image(data, n);
    return 0;
}
