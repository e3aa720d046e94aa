/* splits.json of a data set, and the split files of the release. */
#include "fuzz_dataset.h"
#include "data/release_split.h"

#define CASE(name)                                                                               \
    "{\"name\": \"" name "\", \"observed\": [\"us\"], \"files\": "                                 \
    "{\"us\": {\"path\": \"" name "-us.nii.gz\", \"bytes\": 0, \"sha256\": \"\"}}}"
static const char manifest[] = "{\"format\": \"medley dataset\", \"version\": 1, \"name\": \"d\", \"modalities\": [\"us\"], "
                               "\"cases\": [" CASE("a") ", " CASE("b") "]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_dataset(manifest, sizeof manifest - 1, (const char *)data, n);
    med_release_split s;
    fuzz_check(med_release_split_load(fuzz_file(data, n), &s));
    med_release_split_free(&s);
    return 0;
}
