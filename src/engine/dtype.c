/* dtype.c: the table of element types of weight files. Half precision becomes F32 and small integers I64: values are
 * kept exactly, and the rest of the program knows four types only. Files and this program are little-endian. */
#include "engine/dtype.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weight files are mapped, not swapped");

static void store_f32_bits(uint32_t bits, void *to) { memcpy(to, &bits, sizeof bits); }
static void store_i64(int64_t value, void *to) { memcpy(to, &value, sizeof value); }

static void from_bf16(const uint8_t *from, void *to) { store_f32_bits((uint32_t)(from[0] | from[1] << 8) << 16, to); }

/* IEEE half: 1 sign, 5 exponent (bias 15), 10 fraction bits; every value is exact in single precision. */
static void from_f16(const uint8_t *from, void *to) {
    uint32_t half = (uint32_t)(from[0] | from[1] << 8);
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ffu;
    if (exponent == 31) {
        store_f32_bits(sign | 0x7f800000u | fraction << 13, to);
    } else if (exponent > 0) {
        store_f32_bits(sign | (exponent + 112) << 23 | fraction << 13, to);
    } else { /* subnormal: fraction * 2^-24 */
        float value = (float)fraction * 0x1p-24f;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        store_f32_bits(sign | bits, to);
    }
}

static void from_i32(const uint8_t *from, void *to) {
    int32_t value;
    memcpy(&value, from, sizeof value);
    store_i64(value, to);
}

static void from_i16(const uint8_t *from, void *to) {
    int16_t value;
    memcpy(&value, from, sizeof value);
    store_i64(value, to);
}

static void from_i8(const uint8_t *from, void *to) { store_i64((int8_t)*from, to); }

static const med_file_dtype types[] = {
    {"F32", "FloatStorage", 4, MED_F32, NULL},    {"F64", "DoubleStorage", 8, MED_F64, NULL},
    {"I64", "LongStorage", 8, MED_I64, NULL},     {"U8", "ByteStorage", 1, MED_U8, NULL},
    {"F16", "HalfStorage", 2, MED_F32, from_f16}, {"BF16", "BFloat16Storage", 2, MED_F32, from_bf16},
    {"I32", "IntStorage", 4, MED_I64, from_i32},  {"I16", "ShortStorage", 2, MED_I64, from_i16},
    {"I8", "CharStorage", 1, MED_I64, from_i8},   {"BOOL", "BoolStorage", 1, MED_U8, NULL},
};
enum { N_TYPES = sizeof types / sizeof *types };

const med_file_dtype *med_file_dtype_find(const char *safetensors) {
    for (int i = 0; i < N_TYPES; i++)
        if (!strcmp(types[i].safetensors, safetensors)) return &types[i];
    return NULL;
}

const med_file_dtype *med_file_dtype_find_torch(const char *torch_storage) {
    for (int i = 0; i < N_TYPES; i++)
        if (!strcmp(types[i].torch_storage, torch_storage)) return &types[i];
    return NULL;
}

/* The rows that are held as stored come first, in the order of the enum. */
const char *med_dtype_name(med_dtype dtype) { return types[dtype].safetensors; }
size_t med_dtype_bytes(med_dtype dtype) { return (size_t)types[dtype].bytes; }

void med_file_dtype_read(const med_file_dtype *type, const uint8_t *from, size_t n, void *to) {
    if (!type->convert) {
        if (n) memcpy(to, from, n * (size_t)type->bytes);
        return;
    }
    size_t step = med_dtype_bytes(type->dtype);
    for (size_t i = 0; i < n; i++) type->convert(from + i * (size_t)type->bytes, (uint8_t *)to + i * step);
}
