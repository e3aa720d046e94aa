/* node.h: the inside of a graph, for ops, rewrites, planner and backends. */
#ifndef MED_ENGINE_NODE_H
#define MED_ENGINE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/memory.h"
#include "engine/graph.h"

/* Op ids, from the list. */
typedef enum med_op_id {
#define OP(name) MED_OP_##name,
#include "engine/op/ops.def"
#undef OP
    MED_N_OPS
} med_op_id;

/* Kinds of element-wise functions, from their list. */
typedef enum med_unary_kind {
#define UNARY(name, f, df) MED_UNARY_##name,
#include "engine/op/unary.def"
#undef UNARY
    MED_N_UNARY,
    MED_UNARY_none = MED_N_UNARY /* identity, where a kind is optional */
} med_unary_kind;

enum { MED_MAX_IN = 18, MED_MAX_READ = MED_MAX_IN + 4 /* with prologue, gain and residual */ };

typedef struct med_op med_op;

/* Input 0 is read as  act((x - mean) * rstd) * scale  without being stored so ("prologue", set by a rewrite).
 * stats: value of norm_stats [N,C,2] = (mean, rstd), or none; scale: [N,C,1,1], or none. Padding is added after it. */
typedef struct med_prologue {
    med_val stats, scale;
    med_unary_kind act;
    double param;   /* of act: slope */
    bool is_folded; /* stats and nothing else: a kernel is to multiply its weights by rstd and leave the input as it is */
} med_prologue;

/* The output is written as  act((y - mean) * rstd)  with the statistics of y itself ("epilogue", set by a rewrite): y is
 * never stored. */
typedef struct med_epilogue {
    bool is_on;
    double eps;
    med_unary_kind act;
    double param;
} med_epilogue;

typedef struct med_node {
    med_op_id id;
    const med_op *op; /* med_ops[id] */
    int n_in;
    med_val *in;
    const void *attr;
    med_shape shape;
    const char *name;
    med_prologue pro;
    med_epilogue epi;
    bool is_again; /* made once more for the way back: not merged with the first, made when it is needed */
    med_val gain;     /* [N,C,1,1], factors of the output (set by a rewrite), or none */
    med_val residual; /* of the output's shape, added to it behind the gain (set by a rewrite), or none */
    med_val side;  /* norm_stats or channel_mean of the output that this node's kernel also writes, or none */
} med_node;

/* A tensor in memory. f64 in reference runs, f32 else. data NULL: not there. */
typedef struct med_view {
    union { float *f32; double *f64; void *data; };
    med_shape shape;
} med_view;

/* One evaluation of one node. */
typedef struct med_call {
    const med_node *node;
    int n_in;
    med_view in[MED_MAX_IN];
    med_view stats, scale; /* the prologue's, data NULL when none */
    med_view gain, residual; /* data NULL when none */
    float *kept;           /* memory of the call's own, the same in every run of a plan (backend.h), or NULL */
    bool kept_is_made;     /* an earlier run has filled it */
    med_view out, side;
    double side_eps;       /* of the norm_stats node behind `side`; a channel_mean's side has rank 4 and no eps */
} med_call;

typedef void med_kernel(const med_call *call);

enum {
    MED_OP_LEAF = 1,      /* input, param, fill: no computation while running */
    MED_OP_VIEW = 2,      /* the output is the memory of input 0 */
    MED_OP_INPLACE = 4,   /* the output may take the memory of input 0 (element i depends on element i only) */
    MED_OP_PROLOGUE = 8,  /* kernels honour node->pro; the reference loop never sees it (the executor applies it) */
    MED_OP_EPILOGUE = 16, /* the same with node->epi */
    MED_OP_OVERWRITE = 32, /* a fast kernel (not the reference loop) may write over input 0 of the output's shape */
    MED_OP_BY_SAMPLE = 64, /* where dim 0 is samples: one of the output depends on the same one of the inputs only */
    MED_OP_RESIDUAL = 128, /* kernels of 1x1, and of 3x3 stride 1, honour node->residual (for the reference loop, the executor does) */
    MED_OP_GAIN = 256,     /* the same with node->gain and a folded prologue, 3x3 stride 1 only */
};

struct med_op {
    const char *name;
    int min_in, max_in;
    size_t attr_size;
    unsigned flags;
    /* Checks inputs and sets the shape; on a bad call returns med_fail(MED_EUSAGE, ...). */
    med_status (*infer)(const med_node *n, const med_shape *in, med_shape *out);
    /* Adds nodes: dx[i] = gradient for input i, MED_NONE where wants[i] is 0 or there is none. NULL: refuses. */
    void (*grad)(med_graph *g, med_val self, med_val dy, const char *wants, med_val *dx);
    /* Plain loops in double on f64 views: the definition. */
    med_kernel *reference;
};

extern const med_op *const med_ops[MED_N_OPS];

/* Element-wise functions: value and derivative at x. */
typedef struct med_unary_fn {
    const char *name;
    double (*f)(double x, double p);
    double (*df)(double x, double p);
} med_unary_fn;
extern const med_unary_fn med_unary_table[MED_N_UNARY];

/* A node that reads its inputs as they are and writes nothing but its output; of no graph, for kernels that are called alone. */
static inline med_node med_node_alone(med_op_id op, int n_in, const void *attr) {
    return (med_node){.id = op, .op = med_ops[op], .n_in = n_in, .attr = attr, .gain = MED_NONE, .residual = MED_NONE, .side = MED_NONE,
                      .pro = {.stats = MED_NONE, .scale = MED_NONE, .act = MED_UNARY_none}};
}

/* Add a node; `attr` is copied. Poison in, or a failing shape rule, gives poison out. */
med_val med_node_add(med_graph *g, med_op_id op, const med_val *in, int n_in, const void *attr);
const med_node *med_node_of(const med_graph *g, med_val v);
med_node *med_node_mutable(med_graph *g, med_val v);
/* Computes v, of the same shape, in another way: from nodes before it. Prologue, gain, residual and the like are none. */
void med_node_become(med_graph *g, med_val v, med_op_id op, const med_val *in, int n_in, const void *attr);
/* What a node reads, with prologue, gain and residual: ids, at most MED_MAX_READ; returns their number. */
int med_node_reads(const med_node *n, int *list);
int med_graph_n_nodes(const med_graph *g);
/* Per node: whether an output needs it. Owned. */
char *med_graph_live(const med_graph *g);
int med_graph_n_outputs(const med_graph *g);
med_val med_graph_output(const med_graph *g, int i);
med_val med_graph_output_param(const med_graph *g, int i); /* MED_NONE: the output is kept */

/* Multiply-adds of convolutions and matrix products, nominal; 0 for everything else. */
double med_node_macs(const med_graph *g, const med_node *n);

/* Attributes, by op. Ops that are not here have none. No padding: equal ones have equal bytes. */
typedef struct { double value; med_shape shape; } med_fill_attr;
typedef struct { med_conv_attr conv; med_shape like; } med_conv_grad_attr;  /* conv2d_grad_input: x's shape; conv2d_grad_weight: w's */
typedef struct { med_shape like; } med_like_attr;                           /* depthwise2d_grad_weight, reduce, broadcast, reshape */
typedef struct { double eps; } med_norm_attr;                               /* norm_stats, layer_norm and its gradients */
typedef struct { int n_groups, is_over_batch; double eps; } med_merge_attr; /* merge_stats, merged_norm_grad; no groups: fixed */
typedef struct { double eps; int64_t n; } med_fixed_attr;                       /* fixed_stats */
typedef struct { double momentum, eps, count; int64_t is_variance; } med_moment_attr; /* move_moment */
typedef struct { med_diffusion diffusion; int64_t size; } med_time_attr;        /* time_embedding, noise_levels */
typedef struct { int heads; } med_attention_attr;                           /* attention, attention_grad */
typedef struct { int64_t kind; double param; } med_unary_attr;       /* unary, unary_grad, normalize_grad */
typedef struct { double a, b; } med_scale_shift_attr;
typedef struct { double scale; } med_sum_attr;                              /* sum */
typedef struct { int trans_a, trans_b; } med_matmul_attr;
typedef struct { int64_t dim, start, size; } med_slice_attr;            /* slice; place: size = full size of dim */
typedef struct { int dim; } med_concat_attr;
typedef struct { int top, left; } med_upsample_attr;                        /* upsample_nearest2x, _grad */
typedef struct { double threshold, fill; } med_mask_attr;
typedef struct { double floor; } med_poe_attr;
typedef struct { double temperature; } med_temperature_attr;                /* sample, sample_grad, kl */
typedef struct { int64_t expert; double temperature, floor; } med_marginal_attr; /* kl_marginal */

/* x normalised by merged statistics (group_norm.c), which *merged is then, unless it is NULL; and normalize's gradient then. */
med_val med_merged_norm(med_graph *g, med_val x, med_val gain, med_val bias, med_merge_attr attr, med_val *merged);
void med_affine_normalize_grad(med_graph *g, const med_node *normalize, med_val dy, const char *wants, med_val *dx);
/* Means of dy*gain and dy*gain*n over all that shares the statistics of channel c of sample n, from the sums of channels; 0
 * for statistics that do not depend on x (no groups). */
void med_merged_means(const med_merge_attr *a, med_shape x, const double *sums, const double *gain, int64_t n, int64_t c, double mean[2]);

#endif
