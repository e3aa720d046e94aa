/* safetensors. */
#include "fuzz.h"
#include "engine/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    med_weights *w;
    med_status status = med_weights_load(fuzz_file(data, n), &w);
    fuzz_check(status);
    if (status == MED_OK) med_weights_free(w);
    return 0;
}
