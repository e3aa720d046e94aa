/* table.c: the kernels of one instruction set. Leaves and reshape compute nothing. */
#include "backend/cpu/kernels.h"

#define MED_TEXT_(x) #x
#define MED_TEXT(x) MED_TEXT_(x)
#define K(name) [MED_OP_##name] = ISA(name)

extern const med_backend ISA(table);
const med_backend ISA(table) = {
    .name = "cpu-" MED_TEXT(MED_ISA),
    .kernel =
        {
            K(conv2d), K(conv2d_mean), K(conv2d_grad_input), K(conv2d_grad_weight),
            K(depthwise2d), K(depthwise2d_grad_input), K(depthwise2d_grad_weight), K(matmul),
            K(norm_stats), K(normalize), K(normalize_grad), K(norm_sums), K(layer_norm), K(layer_norm_grad), K(attention), K(attention_grad), K(merged_norm_grad),
            K(unary), K(unary_grad), K(scale_shift), K(add), K(sub), K(mul), K(mask_fill),
            K(sum), K(reduce), K(broadcast), K(channel_mean), K(channel_dot), K(channel_sum),
            K(slice), K(place), K(concat), K(halve), K(upsample2x), K(upsample2x_grad), K(upsample_nearest2x), K(upsample_nearest2x_grad),
            K(weight_norm), K(weight_norm_grad_v), K(weight_norm_grad_gain),
            K(poe), K(poe_grad), K(sample), K(sample_grad), K(kl), K(kl_grad_q), K(kl_grad_z), K(kl_grad_prior),
        },
    .kept_floats = {[MED_OP_conv2d] = ISA(conv2d_kept_floats)},
    .fma_peak = ISA(fma_peak),
    .writes_side = {[MED_OP_conv2d] = true, [MED_OP_depthwise2d] = true, [MED_OP_add] = true},
};
