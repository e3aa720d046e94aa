/* zip.h: find stored (not compressed) entries of a zip archive in memory, as torch.save writes them. */
#ifndef MED_ENGINE_ZIP_H
#define MED_ENGINE_ZIP_H

#include <stddef.h>
#include <stdint.h>
#include "base/memory.h"
#include "base/status.h"

typedef struct med_zip_entry {
    const char *name; /* in the arena */
    const uint8_t *data;
    size_t size;
} med_zip_entry;

typedef struct med_zip {
    int n_entries;
    med_zip_entry *entries; /* in the arena, sorted by name */
} med_zip;

/* Reads the central directory (ZIP64 too). Every offset and size is checked against the file, checksums too.
 * MED_EFORMAT: damaged; compressed or encrypted entries; duplicate names. `path` is for messages. */
MED_CHECK med_status med_zip_open(const uint8_t *file, size_t size, const char *path, med_arena *arena, med_zip *out);
const med_zip_entry *med_zip_find(const med_zip *zip, const char *name); /* NULL when absent */

#endif
