/* dtype.h: element types that weight files use, and how each is held in memory. */
#ifndef MED_ENGINE_DTYPE_H
#define MED_ENGINE_DTYPE_H

#include <stddef.h>
#include "engine/weights.h"

typedef struct med_file_dtype {
    const char *safetensors;   /* "BF16" */
    const char *torch_storage; /* "BFloat16Storage" */
    int bytes;                 /* of one element in the file */
    med_dtype dtype;           /* in memory */
    /* Convert one element; NULL: the same bytes in memory. */
    void (*convert)(const uint8_t *from, void *to);
} med_file_dtype;

const med_file_dtype *med_file_dtype_find(const char *safetensors);         /* NULL when unknown */
const med_file_dtype *med_file_dtype_find_torch(const char *torch_storage); /* NULL when unknown */
const char *med_dtype_name(med_dtype dtype);                                /* "F32": the name in safetensors */
size_t med_dtype_bytes(med_dtype dtype);                                    /* of one element in memory */

/* n elements at `from` (any alignment) to memory. */
void med_file_dtype_read(const med_file_dtype *type, const uint8_t *from, size_t n, void *to);

#endif
