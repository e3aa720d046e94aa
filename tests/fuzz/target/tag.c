/* MNI .tag. */
#include "fuzz_landmarks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (n && data[0] == 'M') fuzz_landmarks(data, n);
    return 0;
}
