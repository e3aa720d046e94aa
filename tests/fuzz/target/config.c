/* The configuration of a model and of a training as JSON, and as "key=value". */
#include "fuzz.h"
#include <jansson.h>
#include "model/mmhvae.h"
#include "task/train_config.h"

static void read_json(const uint8_t *data, size_t n) {
    med_mmhvae_config model;
    med_train_config training;
    json_t *root = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
    if (!root) return;
    if (med_mmhvae_from_json(root, &model) == MED_OK) fuzz_check(med_mmhvae_check(&model));
    if (med_train_preset("tiny", &training) != MED_OK) abort();
    if (json_is_object(root) && med_option_set_json(med_train_keys, &training, root, "input") == MED_OK)
        fuzz_check(med_train_config_check(&training));
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    read_json(data, n);
    med_mmhvae_config model;
    med_train_config training;
    char pair[128] = {0};
    memcpy(pair, data, n < sizeof pair ? n : sizeof pair - 1);
    if (med_mmhvae_preset("tiny", &model) != MED_OK || med_train_preset("tiny", &training) != MED_OK) abort();
    if (med_mmhvae_set(&model, pair) == MED_OK) fuzz_check(med_mmhvae_check(&model));
    if (med_option_set_pair(med_train_keys, &training, pair) == MED_OK)
        fuzz_check(med_train_config_check(&training));
    return 0;
}
