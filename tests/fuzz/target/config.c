/* A model's configuration as JSON, and as "key=value". */
#include "fuzz.h"
#include <jansson.h>
#include "model/mmhvae.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    med_mmhvae_config c;
    json_t *root = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
    if (root && med_mmhvae_from_json(root, &c) == MED_OK) fuzz_check(med_mmhvae_check(&c));
    json_decref(root);
    char pair[128] = {0};
    memcpy(pair, data, n < sizeof pair ? n : sizeof pair - 1);
    if (med_mmhvae_preset("tiny", &c) != MED_OK) abort();
    if (med_mmhvae_set(&c, pair) == MED_OK) fuzz_check(med_mmhvae_check(&c));
    return 0;
}
