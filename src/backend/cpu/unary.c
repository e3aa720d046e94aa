/* unary.c: element-wise functions of one tensor and their gradients; scale_shift; mask_fill. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/vunary.h"

static void unary_block(void *context, int block) {
    const med_call *c = context;
    const med_unary_attr *a = c->node->attr;
    const float *x = c->in[0].f32;
    float *y = c->out.f32, param = (float)a->param;
    range r = block_range(block, med_shape_count(c->out.shape));
    WITH_UNARY_KIND(a->kind, {
        for (int64_t i = r.begin; i < r.end; i += VL) vf_put(y, i, r.end, vf_value(KIND, vf_take(x, i, r.end), param));
    })
}

static void unary_grad_block(void *context, int block) {
    const med_call *c = context;
    const med_unary_attr *a = c->node->attr;
    const float *x = c->in[0].f32, *dy = c->in[1].f32;
    float *dx = c->out.f32, param = (float)a->param;
    range r = block_range(block, med_shape_count(c->out.shape));
    WITH_UNARY_KIND(a->kind, {
        for (int64_t i = r.begin; i < r.end; i += VL)
            vf_put(dx, i, r.end, vf_take(dy, i, r.end) * vf_slope(KIND, vf_take(x, i, r.end), param));
    })
}

static void scale_shift_block(void *context, int block) {
    const med_call *c = context;
    const med_scale_shift_attr *k = c->node->attr;
    float a = (float)k->a, b = (float)k->b;
    range r = block_range(block, med_shape_count(c->out.shape));
    for (int64_t i = r.begin; i < r.end; i += VL) vf_put(c->out.f32, i, r.end, vf_take(c->in[0].f32, i, r.end) * a + b);
}

static void mask_fill_block(void *context, int block) {
    const med_call *c = context;
    const med_mask_attr *k = c->node->attr;
    float threshold = (float)k->threshold;
    vf fill = vf_all((float)k->fill);
    range r = block_range(block, med_shape_count(c->out.shape));
    for (int64_t i = r.begin; i < r.end; i += VL) {
        vi is_kept = vf_take(c->in[1].f32, i, r.end) > threshold;
        vf_put(c->out.f32, i, r.end, vf_select(is_kept, vf_take(c->in[0].f32, i, r.end), fill));
    }
}

#define OVER_OUTPUT(name)                                                                                              \
    void ISA(name)(const med_call *call) { over_blocks(call, med_shape_count(call->out.shape), name##_block); }
OVER_OUTPUT(unary)
OVER_OUTPUT(unary_grad)
OVER_OUTPUT(scale_shift)
OVER_OUTPUT(mask_fill)
