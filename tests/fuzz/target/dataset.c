/* manifest.json and splits.json: the first byte says which of them the rest is. */
#include "fuzz.h"
#include "data/dataset.h"

static const char manifest[] = "{\"format\": \"medley dataset\", \"version\": 1, \"name\": \"d\", \"modalities\": [\"us\"], "
                               "\"cases\": []}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (!n) return 0;
    bool is_splits = data[0] == 's';
    fuzz_write("manifest.json", is_splits ? (const uint8_t *)manifest : data + 1, is_splits ? strlen(manifest) : n - 1);
    fuzz_write("splits.json", is_splits ? data + 1 : (const uint8_t *)"[]", is_splits ? n - 1 : 2);
    med_dataset *d;
    med_status status = med_dataset_open(fuzz_folder(), &d);
    fuzz_check(status);
    if (status == MED_OK) med_dataset_free(d);
    return 0;
}
