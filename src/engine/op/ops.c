/* ops.c: the table of ops, by the list. */
#include "engine/node.h"

#define OP(name) extern const med_op med_op_##name;
#include "engine/op/ops.def"
#undef OP

const med_op *const med_ops[MED_N_OPS] = {
#define OP(name) &med_op_##name,
#include "engine/op/ops.def"
#undef OP
};
