/* modset.h: a set of modalities as a bitmask: bit j = the j-th modality of the model or data set. */
#ifndef MED_BASE_MODSET_H
#define MED_BASE_MODSET_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t med_modset;
enum { MED_MAX_MODS = 16, MED_MOD_NAME = 32 };

static inline bool med_modset_has(med_modset set, int j) { return set >> j & 1; }
static inline med_modset med_modset_of(int j) { return (med_modset)1 << j; }
static inline med_modset med_modset_all(int n) { return med_modset_of(n) - 1; } /* of the first n, below 32 */
static inline int med_modset_count(med_modset set) { return __builtin_popcount(set); }
static inline int med_modset_first(med_modset set) { return set ? __builtin_ctz(set) : -1; }
#define MED_MODSET_EACH(j, set) for (int j = 0; j < MED_MAX_MODS; j++) if (med_modset_has(set, j))

typedef const char (*med_mod_names)[MED_MOD_NAME]; /* as models and data sets keep them */
int med_modset_find(med_mod_names names, int n, const char *name); /* index; -1: none of the n */
char *med_modset_join(med_mod_names names, med_modset set, const char *separator); /* "t2+flair"; owned */

#endif
