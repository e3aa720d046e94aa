/* NIfTI-1 and -2, plain and in gzip. Text belongs to the other formats. */
#include "fuzz_image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    bool is_gzip = n > 2 && data[0] == 0x1f && data[1] == 0x8b;
    bool is_header = n > 4 && (!data[0] || !data[1]); /* sizeof_hdr in either byte order */
    if (is_gzip || is_header) fuzz_image(data, n);
    return 0;
}
