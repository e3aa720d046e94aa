/* The configuration of every model and of a training, as JSON and as "key=value". */
#include "fuzz.h"
#include <jansson.h>
#include "task/train_config.h"

static void start(const med_model *model, med_train_config *training, med_net *net) {
    if (med_train_preset("tiny", model, training, net) != MED_OK) abort();
}

static void read_json(const med_model *model, const json_t *root) {
    med_train_config training;
    med_net net, read;
    start(model, &training, &net);
    if (med_net_from_json(model, root, &read) == MED_OK) fuzz_check(med_net_check(&read));
    if (json_is_object(root) && med_option_set_json(med_train_keys, &training, root, "input") == MED_OK)
        fuzz_check(med_train_config_check(&training));
}

static void read_pair(const med_model *model, const char *pair) {
    med_train_config training;
    med_net net;
    start(model, &training, &net);
    if (med_train_set(&training, &net, pair) != MED_OK) return;
    fuzz_check(med_net_check(&net));
    fuzz_check(med_train_config_check(&training));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    char pair[128] = {0};
    memcpy(pair, data, n < sizeof pair ? n : sizeof pair - 1);
    json_t *root = json_loadb((const char *)data, n, JSON_REJECT_DUPLICATES, NULL);
    for (int m = 0; med_models[m]; m++) {
        if (root) read_json(med_models[m], root);
        read_pair(med_models[m], pair);
    }
    json_decref(root);
    return 0;
}
