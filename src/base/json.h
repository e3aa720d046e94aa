/* json.h: JSON files read whole. */
#ifndef MED_BASE_JSON_H
#define MED_BASE_JSON_H

#include <jansson.h>
#include "base/status.h"

/* Parse a file; *out NULL on failure. MED_EINPUT as for med_file_map; MED_EFORMAT names line and column; a key twice in one
 * object is an error. */
MED_CHECK med_status med_json_load(const char *path, json_t **out);

json_t *med_json_number(double value); /* null unless finite; new reference */

#endif
