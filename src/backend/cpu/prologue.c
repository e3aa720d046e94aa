/* prologue.c: read a channel through norm, activation and scale, on the way into a kernel's scratch. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/vunary.h"

channel_reader ISA(channel_reader)(const med_call *call, int64_t index) {
    const med_prologue *pro = &call->node->pro;
    channel_reader r = {.act = pro->act, .mean = 0, .rstd = 1, .scale = 1, .param = (float)pro->param};
    if (call->stats.data) {
        r.mean = call->stats.f32[2 * index];
        r.rstd = call->stats.f32[2 * index + 1];
    }
    if (call->scale.data) r.scale = call->scale.f32[index];
    r.is_plain = !call->stats.data && !call->scale.data && pro->act == MED_UNARY_none;
    return r;
}

#define READ(x) (vf_value(KIND, ((x) - reader->mean) * reader->rstd, reader->param) * reader->scale)

void ISA(read_channel)(const channel_reader *reader, const float *src, float *dst, int64_t n) {
    if (reader->is_plain) {
        if (dst != src) memcpy(dst, src, (size_t)n * sizeof *dst);
        return;
    }
    int64_t whole = n / VL * VL;
    int tail = (int)(n - whole);
    WITH_UNARY_KIND(reader->act, {
        for (int64_t i = 0; i < whole; i += VL) vf_store(dst + i, READ(vf_load(src + i)));
        if (tail) vf_store_n(dst + whole, READ(vf_load_n(src + whole, tail)), tail);
    })
}
