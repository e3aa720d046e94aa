/* Comma-separated tables. */
#include "fuzz.h"
#include "image/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    med_lines lines = med_csv_open(data, n);
    med_csv_row row;
    med_status status;
    while ((status = med_csv_next("input", &lines, &row)) == MED_OK && row.text) med_csv_free(&row);
    fuzz_check(status);
    return 0;
}
