/* Comma-separated tables, and the release's split files. */
#include "fuzz.h"
#include "data/release_split.h"
#include "image/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    med_lines lines = med_csv_open(data, n);
    med_csv_row row;
    med_status status;
    while ((status = med_csv_next("input", &lines, &row)) == MED_OK && row.text) med_csv_free(&row);
    fuzz_check(status);
    med_release_split s;
    status = med_release_split_load(fuzz_file(data, n), &s);
    fuzz_check(status);
    med_release_split_free(&s);
    return 0;
}
