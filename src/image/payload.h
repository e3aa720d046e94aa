/* payload.h: the numbers behind or beside a text header (NRRD, MetaImage): where they lie, how they are packed. */
#ifndef MED_IMAGE_PAYLOAD_H
#define MED_IMAGE_PAYLOAD_H

#include "base/file.h"
#include "image/span.h"
#include "image/voxel.h"

typedef enum med_packing { MED_PACKING_NONE, MED_PACKING_GZIP, MED_PACKING_ZLIB } med_packing;

typedef struct med_payload {
    med_span file; /* name of another file, as the header has it; n 0: this file */
    size_t begin;  /* of the numbers in this file */
    med_packing packing;
    int64_t skip_lines;    /* then so many lines are passed over, before unpacking */
    int64_t skip_bytes;    /* then so many bytes, after it; -1: all but the last n_values (not packed) */
    size_t n_packed_bytes; /* 0: up to the end of the file */
    med_voxel_type type;
    bool is_big_endian;
    size_t n_values;
    bool keeps_nonfinite;
} med_payload;

/* What a payload holds, until it is released. */
typedef struct med_payload_bytes {
    const uint8_t *data; /* n_values * bytes of the type */
    uint8_t *owned;
    med_mapping map; /* of the other file */
} med_payload_bytes;

/* The file that holds the numbers: `file` beside `path` (owned). MED_EFORMAT: a name that leaves the folder of the
 * header, a list or a pattern of files. */
MED_CHECK med_status med_payload_path(const char *path, med_span file, char **out);

/* Sizes are compared with the files before anything is allocated. `map`: of the header's file. without bytes: only the
 * check. More bytes than n_values are a warning. MED_EFORMAT, MED_EINPUT (no such file), MED_ENOMEM. */
MED_CHECK med_status med_payload_open(const char *path, const med_mapping *map, const med_payload *p, bool with_bytes,
                                      med_payload_bytes *out);
void med_payload_close(med_payload_bytes *bytes);

/* The whole as a volume on `grid`, whose count is n_values. */
MED_CHECK med_status med_payload_load(const char *path, const med_mapping *map, const med_payload *p, med_grid grid,
                                      bool with_voxels, med_volume **out);

#endif
