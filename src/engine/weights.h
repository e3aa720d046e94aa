/* weights.h: named tensors of a model, in memory or mapped from a file; safetensors in and out, PyTorch's files in. */
#ifndef MED_ENGINE_WEIGHTS_H
#define MED_ENGINE_WEIGHTS_H

#include <stdbool.h>
#include "engine/shape.h"
#include "base/file.h"
#include "base/status.h"

typedef struct med_weights med_weights; /* owned; tensors keep the order in which they were added */

typedef enum med_dtype { MED_F32, MED_F64, MED_I64, MED_U8 } med_dtype;
typedef struct med_tensor {
    const char *name;
    med_dtype dtype;
    med_shape shape;
    void *data; /* n elements; read-only where the file is mapped */
} med_tensor;

size_t med_tensor_bytes(const med_tensor *t); /* of its data in memory */

med_weights *med_weights_create(void);
void med_weights_free(med_weights *w);
int med_weights_count(const med_weights *w);
const med_tensor *med_weights_at(const med_weights *w, int i);
const med_tensor *med_weights_find(const med_weights *w, const char *name); /* NULL when absent; hashed */
/* Add a tensor with its own zeroed memory; the name is copied. MED_EUSAGE on a duplicate. */
MED_CHECK med_status med_weights_add(med_weights *w, const char *name, med_dtype dtype, med_shape shape,
                                     med_tensor **out);
/* For readers of files: add a tensor whose data lies in memory that lives as long as w, and let w unmap that memory. */
MED_CHECK med_status med_weights_add_view(med_weights *w, const char *name, med_dtype dtype, med_shape shape,
                                          const void *data);
void med_weights_take_mapping(med_weights *w, med_mapping mapping);
/* A tensor that was read and is not needed soon: if it lies in a mapped file, its pages leave memory. */
void med_weights_drop_pages(const med_weights *w, const med_tensor *t);
/* Give tensor i the name rename(context, old name) (owned text). MED_EFORMAT: two tensors would share a name. */
typedef char *med_rename_fn(const void *context, const char *name);
MED_CHECK med_status med_weights_rename(med_weights *w, med_rename_fn *rename, const void *context);

/* Metadata: texts under "__metadata__"; NULL when absent. A later value replaces an earlier one. */
const char *med_weights_meta(const med_weights *w, const char *key);
void med_weights_set_meta(med_weights *w, const char *key, const char *value);
int med_weights_n_metas(const med_weights *w);
const char *med_weights_meta_at(const med_weights *w, int i, const char **value); /* key and value of entry i */

/* Safetensors by mapping: header checked against the file's size before anything is allocated (lengths, offsets
 * that overlap or leave gaps, dtype, duplicate names). F32, F64, I64, U8 as stored; F16 and BF16
 * become F32, smaller integers I64, BOOL U8 (dtype.c). */
MED_CHECK med_status med_weights_load(const char *path, med_weights **out);
/* Atomic; the same tensors and metadata in the same order give the same bytes. */
MED_CHECK med_status med_weights_save(const med_weights *w, const char *path);
/* PyTorch state dict, zip or legacy pickle stream (pth.c): tensors only, refuses every opcode that a state dict
 * does not need, by name; executes nothing. A dict under "state_dict" or "model" is unwrapped, "module." stripped. */
MED_CHECK med_status med_weights_load_pth(const char *path, med_weights **out);
/* Either, by content. */
MED_CHECK med_status med_weights_load_any(const char *path, med_weights **out);

#endif
