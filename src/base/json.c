/* json.c: a mapped file through jansson. */
#include "base/json.h"

#include <math.h>
#include "base/file.h"

med_status med_json_load(const char *path, json_t **out) {
    *out = NULL;
    med_mapping file;
    json_error_t error;
    MED_TRY(med_file_map(path, &file));
    *out = json_loadb((const char *)file.data, file.size, JSON_REJECT_DUPLICATES, &error);
    med_file_unmap(&file);
    if (*out) return MED_OK;
    return med_fail(MED_EFORMAT, "%s:%d:%d: not JSON: %s", path, error.line > 0 ? error.line : 1,
                    error.column > 0 ? error.column : 1, error.text);
}

json_t *med_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }
