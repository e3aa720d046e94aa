/* prologue.c: read a channel through norm, activation and scale, on the way into a kernel's scratch. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/vunary.h"

channel_reader ISA(channel_reader)(const med_call *call, int64_t index) {
    const med_prologue *pro = &call->node->pro;
    channel_reader r = {.act = pro->act, .mean = 0, .rstd = 1, .scale = 1, .param = (float)pro->param};
    if (pro->is_folded) {
        r.outside = call->stats.f32[2 * index];
    } else if (call->stats.data) {
        r.mean = call->stats.f32[2 * index];
        r.rstd = call->stats.f32[2 * index + 1];
    }
    if (call->scale.data) r.scale = call->scale.f32[index];
    r.is_plain = (!call->stats.data || pro->is_folded) && !call->scale.data && pro->act == MED_UNARY_none;
    return r;
}

/* Locals, not fields: a store through dst could change those. */
INLINE void read_all(const channel_reader *reader, med_unary_kind kind, const float *src, float *dst, int64_t n) {
    const float mean = reader->mean, rstd = reader->rstd, scale = reader->scale, param = reader->param;
    if (scale == 1)
        for (int64_t i = 0; i < n; i += VL) vf_put(dst, i, n, vf_value(kind, (vf_take(src, i, n) - mean) * rstd, param));
    else
        for (int64_t i = 0; i < n; i += VL) vf_put(dst, i, n, vf_value(kind, (vf_take(src, i, n) - mean) * rstd, param) * scale);
}

void ISA(read_channel)(const channel_reader *reader, const float *src, float *dst, int64_t n) {
    if (!reader->is_plain)
        WITH_UNARY_KIND(reader->act, read_all(reader, KIND, src, dst, n))
    else if (dst != src)
        memcpy(dst, src, (size_t)n * sizeof *dst);
}
