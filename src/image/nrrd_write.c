/* nrrd_write.c: volumes as NRRD in LPS, gzip. Equal volumes give equal files. */
#include "image/nrrd.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "image/text_image.h"

static const char *type_name(med_voxel_type type) {
    return type == MED_VOXEL_F32 ? "float" : med_voxel_type_name(type);
}

static char *format_header(const med_volume *v, med_affine lps, med_voxel_type type, const char *data_name) {
    char *description = med_text_image_description(v);
    const double(*m)[4] = lps.m;
    char *header = med_format("NRRD0004\n"
                              "%s%s%stype: %s\n"
                              "dimension: 3\n"
                              "space: left-posterior-superior\n"
                              "sizes: %d %d %d\n"
                              "space directions: (%.17g,%.17g,%.17g) (%.17g,%.17g,%.17g) (%.17g,%.17g,%.17g)\n"
                              "kinds: domain domain domain\n"
                              "endian: little\n"
                              "encoding: gzip\n"
                              "space origin: (%.17g,%.17g,%.17g)\n"
                              "%s%s\n",
                              description ? "content: " : "", description ? description : "", description ? "\n" : "",
                              type_name(type), v->grid.n[0], v->grid.n[1], v->grid.n[2], m[0][0], m[1][0], m[2][0],
                              m[0][1], m[1][1], m[2][1], m[0][2], m[1][2], m[2][2], m[0][3], m[1][3], m[2][3],
                              data_name ? "data file: " : "", data_name ? data_name : "");
    free(description);
    return header;
}

med_status med_nrrd_save(const med_volume *v, const char *path, med_voxel_type type) {
    static const med_text_image format = {format_header, ".nhdr", ".raw.gz", true};
    return med_text_image_save(&format, v, path, type);
}
