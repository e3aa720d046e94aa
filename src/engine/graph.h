/* graph.h: build a computation, get its gradients as more nodes.
 *
 * A value is a handle; builders never fail loudly: a bad call stores the first error in the graph (with the scope's
 * name) and returns a poison value; med_graph_status reports it once. Nothing is computed here: see plan.h. */
#ifndef MED_ENGINE_GRAPH_H
#define MED_ENGINE_GRAPH_H

#include "engine/shape.h"
#include "base/status.h"

typedef struct med_graph med_graph;
typedef struct med_val { int id; } med_val; /* id < 0: none, or poison */
#define MED_NONE ((med_val){-1})

med_graph *med_graph_create(void);
void med_graph_free(med_graph *g); /* NULL is fine */
MED_CHECK med_status med_graph_status(const med_graph *g);
void med_graph_fail(med_graph *g, const char *format, ...) MED_PRINTF(2, 3); /* keeps the first */
med_shape med_val_shape(const med_graph *g, med_val v);

/* Scopes name parameters and error messages: push "enc", push "t2", param "first/weight" -> "enc/t2/first/weight". */
void med_scope_push(med_graph *g, const char *format, ...) MED_PRINTF(2, 3);
void med_scope_pop(med_graph *g);

/* Leaves. Names are unique per kind; asking for the same one twice gives the same value. */
med_val med_input(med_graph *g, const char *name, med_shape shape); /* absolute name, outside scopes */
med_val med_param(med_graph *g, const char *name, med_shape shape); /* relative to the scope */
med_val med_fill(med_graph *g, med_shape shape, double value);
int med_graph_n_params(const med_graph *g);
med_val med_graph_param(const med_graph *g, int i);
const char *med_val_name(const med_graph *g, med_val v);

/* Mark a value as wanted; only what outputs need is computed. */
void med_output(med_graph *g, med_val v);
/* An output that is handed over to the plan's sink instead of being kept: once per run, when all outputs of the other kind are
 * there and no call that is still to come reads the parameter `param`, which the sink may then change. */
void med_output_for(med_graph *g, med_val v, med_val param);

/* d(scalar)/d(wrt[i]) as new nodes; none where `scalar` does not depend on wrt[i]. `scalar` has one element. */
void med_gradients(med_graph *g, med_val scalar, const med_val *wrt, int n, med_val *grads);

/* Multiply-adds of all its convolutions and matrix products. */
double med_graph_macs(const med_graph *g);

/* ---- ops: one file each in engine/op/, listed in ops.def ---- */

typedef enum med_pad_mode { MED_PAD_ZERO, MED_PAD_REFLECT } med_pad_mode;
typedef struct med_conv_attr { int kernel, stride, pad; med_pad_mode mode; } med_conv_attr;
/* y[n,o] = b[o] + sum_i w[o,i] (*) x[n,i]  (cross-correlation). x [N,Ci,H,W], w [Co,Ci,k,k], b [Co] or MED_NONE. */
med_val med_conv2d(med_graph *g, med_val x, med_val w, med_val b, med_conv_attr attr);
/* The transposed map: x [N,Ci,H,W], w [Ci,Co,k,k], b [Co] or MED_NONE -> [N,Co,(H-1)*stride-2*pad+k+out_pad,...]. */
med_val med_conv_transpose2d(med_graph *g, med_val x, med_val w, med_val b, med_conv_attr attr, int out_pad);
/* One kernel per channel, stride 1, zero padding k/2: w [C,1,k,k], b [C] or MED_NONE. */
med_val med_depthwise2d(med_graph *g, med_val x, med_val w, med_val b);
/* a [M,K] (or [K,M] when trans_a) times b [K,N] (or [N,K] when trans_b) -> [M,N]. */
med_val med_matmul(med_graph *g, med_val a, med_val b, int trans_a, int trans_b);

/* Instance norm per (n, c) over H x W, biased variance, no affine: normalize(x, norm_stats(x)). */
med_val med_instance_norm(med_graph *g, med_val x, double eps);

/* With gain and bias [C]. By groups of channels; by channel over the batch, which moves the running mean and variance
 * running[2] (replaced by their new values); by channel with the running statistics. */
med_val med_group_norm(med_graph *g, med_val x, int n_groups, med_val gain, med_val bias, double eps);
med_val med_batch_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps, double momentum, med_val running[2]);
med_val med_fixed_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps, const med_val running[2]);

/* Over the channels of every pixel, with gain and bias [C]. */
med_val med_layer_norm(med_graph *g, med_val x, med_val gain, med_val bias, double eps);
/* Softmax attention among the pixels of [N,C,H,W], in parts of C/heads channels. */
med_val med_attention(med_graph *g, med_val q, med_val k, med_val v, int heads);

/* Element-wise; kinds and their derivatives are rows of unary.def. */
med_val med_silu(med_graph *g, med_val x);
med_val med_relu(med_graph *g, med_val x);
med_val med_leaky_relu(med_graph *g, med_val x, double slope);
med_val med_gelu(med_graph *g, med_val x);                           /* x times the normal distribution function of x */
med_val med_tanh(med_graph *g, med_val x);
med_val med_sigmoid(med_graph *g, med_val x);
med_val med_exp(med_graph *g, med_val x);
med_val med_log(med_graph *g, med_val x);
med_val med_abs(med_graph *g, med_val x);
med_val med_square(med_graph *g, med_val x);
med_val med_smooth_l1(med_graph *g, med_val x);                     /* x*x/2 below 1, |x|-1/2 above */
med_val med_soft_clamp(med_graph *g, med_val x, double limit);      /* limit * tanh(x/limit) */
med_val med_clip(med_graph *g, med_val x, double limit);            /* to [-limit, limit] */
med_val med_scale_shift(med_graph *g, med_val x, double a, double b); /* a*x + b */

/* b broadcasts to a's shape: same rank, every size equal or 1. */
med_val med_add(med_graph *g, med_val a, med_val b);
med_val med_sub(med_graph *g, med_val a, med_val b);
med_val med_mul(med_graph *g, med_val a, med_val b);

med_val med_sum(med_graph *g, med_val x, double scale);             /* scale * sum of all, [1]; summed in double */
med_val med_mean(med_graph *g, med_val x);
med_val med_channel_mean(med_graph *g, med_val x);                  /* [N,C,H,W] -> [N,C,1,1] */

med_val med_slice(med_graph *g, med_val x, int dim, int64_t start, int64_t size);
med_val med_pad(med_graph *g, med_val x, int dim, int64_t start, int64_t size); /* x among zeros, from start */
med_val med_concat(med_graph *g, med_val a, med_val b, int dim);
med_val med_transpose(med_graph *g, med_val x);                      /* [M,N] -> [N,M] */
med_val med_reshape(med_graph *g, med_val x, med_shape shape);      /* same memory */
med_val med_upsample2x(med_graph *g, med_val x);                    /* bilinear, half-pixel centres */
med_val med_upsample_nearest2x(med_graph *g, med_val x, int top, int left); /* behind rows and columns of zeros */
med_val med_halve(med_graph *g, med_val x);                         /* means of 2x2 blocks */

/* A diffusion of n_steps; a step is u in [0,1), t = floor(u * n_steps). u [N,1]. */
typedef struct med_diffusion { int64_t n_steps; double beta_first, beta_last; } med_diffusion;
double med_diffusion_level(med_diffusion d, int t);                           /* a_t */
med_val med_time_embedding(med_graph *g, med_val u, med_diffusion d, int size); /* [N,size] */
med_val med_noise_levels(med_graph *g, med_val u, med_diffusion d);           /* [N,2]: sqrt(a_t), sqrt(1 - a_t) */
med_val med_weight_norm(med_graph *g, med_val v, med_val gain);     /* rows of v scaled to norm gain[o] */
med_val med_mask_fill(med_graph *g, med_val x, med_val ref, double threshold, double fill); /* ref > threshold ? x : fill */

/* Gaussians, channels halved: [m | s], s = log of the standard deviation ("logscale"). */
/* Product of experts: out = [mean | std], q = floor + sum exp(-s_j), mean = sum m_j exp(-s_j) / q, std = 1/q. */
med_val med_poe(med_graph *g, const med_val *experts, int n, double floor);
/* z = mean + temperature * std * eps, of [mean | std]. */
med_val med_sample(med_graph *g, med_val mean_std, med_val eps, double temperature);
/* One-sample KL: sum over everything of log q(z) - log p(z), q = N(mean, temperature*std), p from logscale halves;
 * z must be med_sample(mean_std, eps, temperature). -> [1] */
med_val med_kl(med_graph *g, med_val mean_std, med_val z, med_val eps, med_val prior, double temperature);

/* Diagnostic, no gradient: sum of log q(z) - log r(z), q the product of all n experts, r that of experts 0 (the prior) and
 * `which`, its precision raised by `floor`; z drawn from q by eps. -> [1] */
med_val med_kl_marginal(med_graph *g, med_val eps, const med_val *experts, int n, int which, double temperature, double floor);

#endif
