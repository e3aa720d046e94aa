/* vunary.h: the functions of unary.def and their derivatives on vectors, and a switch that makes the kind a constant. */
#ifndef MED_CPU_VUNARY_H
#define MED_CPU_VUNARY_H

#include "backend/cpu/kernels.h"
#include "backend/cpu/vmath.h"
#include "engine/node.h"

INLINE vf vf_value(med_unary_kind kind, vf x, float p) {
    switch (kind) {
    case MED_UNARY_silu: return vf_silu(x);
    case MED_UNARY_relu: return vf_positive(x, vf_all(0));
    case MED_UNARY_leaky_relu: return vf_positive(x, x * p);
    case MED_UNARY_gelu: return x * vf_normal_below(x);
    case MED_UNARY_tanh: return vf_tanh(x);
    case MED_UNARY_sigmoid: return vf_sigmoid(x);
    case MED_UNARY_exp: return vf_exp(x);
    case MED_UNARY_log: return vf_log(x);
    case MED_UNARY_abs: return vf_abs(x);
    case MED_UNARY_square: return x * x;
    case MED_UNARY_smooth_l1: return vf_select(vf_abs(x) < 1.0f, x * x * 0.5f, vf_abs(x) - 0.5f);
    case MED_UNARY_clip: return vf_select(x > p, vf_all(p), vf_select(x < -p, vf_all(-p), x));
    case MED_UNARY_soft_clamp: return vf_tanh(x * (1.0f / p)) * p;
    default: return x;
    }
}

INLINE vf vf_slope(med_unary_kind kind, vf x, float p) {
    vf zero = vf_all(0), one = vf_all(1), t;
    switch (kind) {
    case MED_UNARY_silu: t = vf_sigmoid(x); return t * (1.0f + x * (1.0f - t));
    case MED_UNARY_relu: return vf_select(x > 0.0f, one, zero);
    case MED_UNARY_leaky_relu: return vf_select(x > 0.0f, one, vf_all(p));
    case MED_UNARY_gelu: return vf_normal_below(x) + x * vf_exp(x * x * -0.5f) * 0.398942280f;
    case MED_UNARY_tanh: t = vf_tanh(x); return 1.0f - t * t;
    case MED_UNARY_sigmoid: t = vf_sigmoid(x); return t * (1.0f - t);
    case MED_UNARY_exp: return vf_exp(x);
    case MED_UNARY_log: return 1.0f / x;
    case MED_UNARY_abs: return vf_select(x > 0.0f, one, vf_select(x < 0.0f, -one, zero));
    case MED_UNARY_square: return x + x;
    case MED_UNARY_smooth_l1: return vf_select(vf_abs(x) < 1.0f, x, vf_select(x > 0.0f, one, -one));
    case MED_UNARY_clip: return vf_select((x > p) | (x < -p), zero, one);
    case MED_UNARY_soft_clamp: t = vf_tanh(x / p); return 1.0f - t * t;
    default: return one;
    }
}

/* STATEMENT once per kind with KIND a constant, so that the loops inside have no switch. */
#define WITH_UNARY_KIND(kind, STATEMENT)                                                                               \
    switch (kind) {                                                                                                    \
    case MED_UNARY_silu: { const med_unary_kind KIND = MED_UNARY_silu; STATEMENT; } break;                             \
    case MED_UNARY_relu: { const med_unary_kind KIND = MED_UNARY_relu; STATEMENT; } break;                             \
    case MED_UNARY_leaky_relu: { const med_unary_kind KIND = MED_UNARY_leaky_relu; STATEMENT; } break;                 \
    case MED_UNARY_gelu: { const med_unary_kind KIND = MED_UNARY_gelu; STATEMENT; } break;                             \
    case MED_UNARY_tanh: { const med_unary_kind KIND = MED_UNARY_tanh; STATEMENT; } break;                             \
    case MED_UNARY_sigmoid: { const med_unary_kind KIND = MED_UNARY_sigmoid; STATEMENT; } break;                       \
    case MED_UNARY_exp: { const med_unary_kind KIND = MED_UNARY_exp; STATEMENT; } break;                               \
    case MED_UNARY_log: { const med_unary_kind KIND = MED_UNARY_log; STATEMENT; } break;                               \
    case MED_UNARY_abs: { const med_unary_kind KIND = MED_UNARY_abs; STATEMENT; } break;                               \
    case MED_UNARY_square: { const med_unary_kind KIND = MED_UNARY_square; STATEMENT; } break;                         \
    case MED_UNARY_smooth_l1: { const med_unary_kind KIND = MED_UNARY_smooth_l1; STATEMENT; } break;                   \
    case MED_UNARY_clip: { const med_unary_kind KIND = MED_UNARY_clip; STATEMENT; } break;                             \
    case MED_UNARY_soft_clamp: { const med_unary_kind KIND = MED_UNARY_soft_clamp; STATEMENT; } break;                 \
    case MED_UNARY_none: { const med_unary_kind KIND = MED_UNARY_none; STATEMENT; } break;                             \
    }

/* The same for kinds that prologues have (rewrite.c). */
#define WITH_PROLOGUE_KIND(kind, STATEMENT)                                                                            \
    switch (kind) {                                                                                                    \
    case MED_UNARY_silu: { const med_unary_kind KIND = MED_UNARY_silu; STATEMENT; } break;                             \
    case MED_UNARY_relu: { const med_unary_kind KIND = MED_UNARY_relu; STATEMENT; } break;                             \
    case MED_UNARY_leaky_relu: { const med_unary_kind KIND = MED_UNARY_leaky_relu; STATEMENT; } break;                 \
    default: { const med_unary_kind KIND = MED_UNARY_none; med_assert((kind) == MED_UNARY_none); STATEMENT; } break;   \
    }

/* A vector of a channel as its reader sees it; kind is the reader's. */
INLINE vf vf_read(const channel_reader *r, med_unary_kind kind, vf x) { return vf_value(kind, (x - r->mean) * r->rstd, r->param) * r->scale; }

#endif
