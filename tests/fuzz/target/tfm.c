/* ITK text transforms. */
#include "fuzz.h"
#include "image/tfm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    for (int index = -1; index < 2; index++) {
        med_transform *t = med_transform_create();
        const char *name;
        fuzz_check(med_tfm_read("input", data, n, index, t, &name));
        med_transform_free(t);
    }
    return 0;
}
