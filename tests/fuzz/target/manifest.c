/* manifest.json of a data set. */
#include "fuzz_dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_dataset((const char *)data, n, "[]", 2);
    return 0;
}
