/* manifest_refresh.h: write the manifest of a data set again after files were added to its cases. */
#ifndef MED_DATA_MANIFEST_REFRESH_H
#define MED_DATA_MANIFEST_REFRESH_H

#include <jansson.h>
#include "base/status.h"

/* Files, hashes and grids are taken anew; names, source, warnings and notes of cases and data set stay. `key` of the data
 * set becomes `value` (the reference is taken). MED_EINPUT, MED_EFORMAT: no manifest that can be read. */
MED_CHECK med_status med_manifest_refresh(const char *data, const char *key, json_t *value);

#endif
