/* select.c: which table of kernels this processor gets. */
#include <stdlib.h>
#include <string.h>
#include "engine/backend.h"

extern const med_backend med_cpu_table_portable;
#if defined(__x86_64__) && !defined(MEDLEY_NO_INTRINSICS)
extern const med_backend med_cpu_table_avx2, med_cpu_table_avx512;

static const med_backend *best_below(const char *wanted) {
    __builtin_cpu_init();
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (strcmp(wanted, "portable") == 0 || !has_avx2) return &med_cpu_table_portable;
    if (strcmp(wanted, "avx2") == 0 || !has_avx512) return &med_cpu_table_avx2;
    return &med_cpu_table_avx512;
}
#else
static const med_backend *best_below(const char *wanted) {
    (void)wanted;
    return &med_cpu_table_portable;
}
#endif

const med_backend *med_backend_cpu(void) {
    const char *wanted = getenv("MEDLEY_ISA");
    return best_below(wanted ? wanted : "");
}
