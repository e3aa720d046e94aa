/* synth.c: from volumes to slices to the network and back.
 *
 * A slice of the network is [H, W] with H along the volume's axis 0 and W along axis 1, as the model was trained. */
#include "task/synth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "engine/plan.h"
#include "model/mmhvae_graph.h"

enum { SLICES_AT_ONCE = 4 };

typedef struct pass_plan { /* the network for one subset, ready to run */
    struct pass_plan *next;
    med_modset given, target;
    double temperature;
    int n; /* slices at once */
    med_graph *graph;
    med_plan *plan;
    med_mmhvae_features features;
    med_mmhvae_pass pass;
    float *image[MED_MAX_MODS]; /* [n,1,H,W] of every given modality */
    float *noise[MED_MAX_LEVELS];
} pass_plan;

struct med_synth_model {
    med_mmhvae_config config;
    const med_weights *weights;
    med_weights *own_weights; /* NULL: borrowed */
    char hash[65];
    med_workspace *workspace;
    pass_plan *plans;
};

/* ---- the model ---- */

static void free_plan(pass_plan *p, int n_levels) {
    med_plan_free(p->plan);
    med_graph_free(p->graph);
    for (int j = 0; j < MED_MAX_MODS; j++) free(p->image[j]);
    for (int l = 0; l < n_levels; l++) free(p->noise[l]);
    free(p);
}

med_status med_synth_model_open(const char *weights_path, const int slice[2], const med_strings *set,
                                med_synth_model **out) {
    *out = NULL;
    med_synth_model *m = med_alloc(sizeof *m);
    med_status status = med_mmhvae_load(weights_path, slice, set, &m->own_weights, &m->config);
    m->weights = m->own_weights;
    if (status == MED_OK) status = med_file_sha256(weights_path, m->hash);
    m->workspace = med_workspace_create();
    if (status == MED_OK)
        *out = m;
    else
        med_synth_model_free(m);
    return status;
}

med_synth_model *med_synth_model_borrow(const med_weights *weights, const med_mmhvae_config *config) {
    med_synth_model *m = med_alloc(sizeof *m);
    m->config = *config;
    m->weights = weights;
    m->workspace = med_workspace_create();
    return m;
}

void med_synth_model_changed(med_synth_model *m) {
    for (pass_plan *p = m->plans; p; p = p->next) med_plan_params_changed(p->plan);
}

void med_synth_model_free(med_synth_model *m) {
    if (!m) return;
    for (pass_plan *p = m->plans, *next; p; p = next) {
        next = p->next;
        free_plan(p, m->config.pools + 1);
    }
    med_workspace_free(m->workspace);
    med_weights_free(m->own_weights);
    free(m);
}

const med_mmhvae_config *med_synth_model_config(const med_synth_model *m) { return &m->config; }
const char *med_synth_model_hash(const med_synth_model *m) { return m->hash; }

/* ---- plans ---- */

static med_status bind_buffer(pass_plan *p, med_val leaf, const char *what, float **buffer) {
    size_t n = (size_t)med_shape_count(med_val_shape(p->graph, leaf));
    MED_TRY(med_buffer_alloc(n * sizeof **buffer, what, (void **)buffer));
    memset(*buffer, 0, n * sizeof **buffer);
    med_plan_bind(p->plan, leaf, *buffer);
    return MED_OK;
}

static med_status bind_all(const med_synth_model *m, pass_plan *p) {
    for (int i = 0; i < med_graph_n_params(p->graph); i++) {
        med_val v = med_graph_param(p->graph, i);
        const med_tensor *t = med_weights_find(m->weights, med_val_name(p->graph, v));
        med_assert(t && med_shape_equal(t->shape, med_val_shape(p->graph, v))); /* checked on loading */
        med_plan_bind(p->plan, v, t->data);
    }
    MED_MODSET_EACH (j, p->given) MED_TRY(bind_buffer(p, p->features.x[j], "input slices", &p->image[j]));
    for (int l = 0; l <= m->config.pools; l++)
        if (p->pass.eps[l].id >= 0) MED_TRY(bind_buffer(p, p->pass.eps[l], "latent noise", &p->noise[l]));
    return MED_OK;
}

static med_status build_plan(med_synth_model *m, pass_plan *p) {
    p->graph = med_graph_create();
    med_mmhvae_encode(p->graph, &m->config, p->given, p->n, &p->features);
    med_mmhvae_pass_options o = {
        .given = p->given, .target = p->target, .temperature = p->temperature, .name = "synth"};
    med_mmhvae_generate(p->graph, &m->config, &p->features, p->n, o, &p->pass);
    MED_MODSET_EACH (j, p->target) med_output(p->graph, p->pass.out[j]);
    MED_TRY(med_plan_create(p->graph, (med_plan_options){.workspace = m->workspace, .is_frozen = true}, &p->plan));
    return bind_all(m, p);
}

static med_status find_plan(med_synth_model *m, const med_synth_options *o, int n, pass_plan **out) {
    for (pass_plan *p = m->plans; p; p = p->next)
        if (p->given == o->given && p->target == o->target && p->temperature == o->temperature && p->n == n)
            return *out = p, MED_OK;
    pass_plan *p = med_alloc(sizeof *p);
    *p = (pass_plan){.given = o->given, .target = o->target, .temperature = o->temperature, .n = n};
    med_status status = build_plan(m, p);
    if (status != MED_OK) {
        free_plan(p, m->config.pools + 1);
        return status;
    }
    p->next = m->plans;
    *out = m->plans = p;
    return MED_OK;
}

/* ---- volume <-> slices ---- */

/* Where one axis of a volume of n voxels lies in a grid of `size`: centred, ceil of the excess at the low end. */
typedef struct overlap {
    int volume, grid, n; /* first voxel, first pixel, how many */
} overlap;

static overlap overlap_of(int n, int size) {
    int excess = n - size;
    if (excess >= 0) return (overlap){(excess + 1) / 2, 0, size};
    return (overlap){0, (1 - excess) / 2, n};
}

typedef struct slicer {
    int height, width;
    overlap h, w;
} slicer;

static slicer slicer_of(const med_mmhvae_config *c, med_grid grid) {
    return (slicer){c->height, c->width, overlap_of(grid.n[0], c->height), overlap_of(grid.n[1], c->width)};
}

static void cut(const slicer *s, const med_volume *v, int k, float *to) {
    for (int i = 0; i < s->height * s->width; i++) to[i] = -1;
    for (int j = 0; j < s->w.n; j++) {
        const float *from = med_volume_at(v, s->h.volume, s->w.volume + j, k);
        for (int i = 0; i < s->h.n; i++) to[(s->h.grid + i) * s->width + s->w.grid + j] = from[i];
    }
}

static void put_back(const slicer *s, const double *from, double scale, med_volume *v, int k) {
    for (int j = 0; j < s->w.n; j++) {
        float *to = med_volume_at(v, s->h.volume, s->w.volume + j, k);
        for (int i = 0; i < s->h.n; i++) to[i] = (float)(from[(s->h.grid + i) * s->width + s->w.grid + j] * scale);
    }
}

/* Numbers of the slices whose part inside the grid has anything but background; owned. */
static int *list_slices(const slicer *s, const med_volume *mask, int *n) {
    int *slices = med_alloc((size_t)mask->grid.n[2] * sizeof *slices);
    *n = 0;
    for (int k = 0; k < mask->grid.n[2]; k++) {
        bool is_empty = true;
        for (int j = 0; j < s->w.n && is_empty; j++) {
            const float *row = med_volume_at(mask, s->h.volume, s->w.volume + j, k);
            for (int i = 0; i < s->h.n && is_empty; i++) is_empty = !(row[i] > -1);
        }
        if (!is_empty) slices[(*n)++] = k;
    }
    return slices;
}

/* Tissue that the model's grid cannot hold is not filled in: say how much. */
static void warn_if_cropped(const slicer *s, const med_volume *mask) {
    size_t n = 0, n_lost = 0;
    if (mask->grid.n[0] <= s->height && mask->grid.n[1] <= s->width) return;
    for (int k = 0; k < mask->grid.n[2]; k++)
        for (int j = 0; j < mask->grid.n[1]; j++) {
            const float *row = med_volume_at(mask, 0, j, k);
            bool is_row_inside = j >= s->w.volume && j < s->w.volume + s->w.n;
            for (int i = 0; i < mask->grid.n[0]; i++) {
                bool is_inside = is_row_inside && i >= s->h.volume && i < s->h.volume + s->h.n;
                n += row[i] > -1;
                n_lost += row[i] > -1 && !is_inside;
            }
        }
    if (n_lost)
        med_warn("slices of %d x %d do not fit into the model's %d x %d: %.2g %% of the tissue is left out",
                 mask->grid.n[0], mask->grid.n[1], s->height, s->width, 100.0 * (double)n_lost / (double)n);
}

/* ---- running ---- */

typedef struct job {
    med_synth_model *model;
    const med_synth_options *options;
    const med_volume *const *inputs;
    med_volume **out, **sd;
    slicer slicer;
    double *sum[MED_MAX_MODS], *square[MED_MAX_MODS]; /* over the draws, of SLICES_AT_ONCE slices */
} job;

/* Noise of draw number `draw` for the slices of one run: each slice of each level has its own stream. */
static void draw_noise(const job *b, pass_plan *p, const int *slices, int draw) {
    for (int l = 0; l <= b->model->config.pools; l++) {
        if (!p->noise[l]) continue;
        char site[32];
        snprintf(site, sizeof site, "synth/z%d", b->model->config.pools + 1 - l);
        size_t n = (size_t)med_shape_count(med_mmhvae_noise_shape(&b->model->config, l, 1));
        for (int i = 0; i < p->n; i++) {
            uint64_t step = (uint64_t)draw << 20 | (uint32_t)slices[i]; /* 1000 draws of a million slices */
            med_normal_fill(p->noise[l] + (size_t)i * n, n, (med_rng_key){b->options->seed, med_site_of(site), step});
        }
    }
}

static void add_draw(const job *b, const pass_plan *p) {
    size_t n = (size_t)p->n * (size_t)b->slicer.height * (size_t)b->slicer.width;
    MED_MODSET_EACH (j, p->target) {
        const float *image = med_plan_data(p->plan, p->pass.out[j]);
        for (size_t i = 0; i < n; i++) b->sum[j][i] += image[i];
        if (b->sd)
            for (size_t i = 0; i < n; i++) b->square[j][i] += (double)image[i] * image[i];
    }
}

/* Variance of n draws from their sums; rounding must not make it negative. */
static double deviation(double sum, double square, int n) {
    double variance = n > 1 ? (square - sum * sum / n) / (n - 1) : 0;
    return variance > 0 ? sqrt(variance) : 0;
}

static void finish(const job *b, const pass_plan *p, const int *slices, int n_draws) {
    size_t n = (size_t)b->slicer.height * (size_t)b->slicer.width;
    MED_MODSET_EACH (j, p->target)
        for (int i = 0; i < p->n; i++) {
            double *sum = b->sum[j] + (size_t)i * n;
            put_back(&b->slicer, sum, 1.0 / n_draws, b->out[j], slices[i]);
            if (!b->sd) continue;
            double *square = b->square[j] + (size_t)i * n;
            for (size_t k = 0; k < n; k++) square[k] = deviation(sum[k], square[k], n_draws);
            put_back(&b->slicer, square, 1, b->sd[j], slices[i]);
        }
}

static med_status run_slices(const job *b, const int *slices, int n) {
    pass_plan *p;
    MED_TRY(find_plan(b->model, b->options, n, &p));
    size_t n_pixels = (size_t)b->slicer.height * (size_t)b->slicer.width;
    MED_MODSET_EACH (j, p->given)
        for (int i = 0; i < n; i++) cut(&b->slicer, b->inputs[j], slices[i], p->image[j] + (size_t)i * n_pixels);
    MED_MODSET_EACH (j, p->target) {
        memset(b->sum[j], 0, (size_t)n * n_pixels * sizeof(double));
        if (b->sd) memset(b->square[j], 0, (size_t)n * n_pixels * sizeof(double));
    }
    int n_draws = b->options->temperature == 0 ? 1 : b->options->n_samples; /* without noise all draws are equal */
    for (int draw = 0; draw < n_draws; draw++) {
        draw_noise(b, p, slices, draw);
        MED_TRY(med_plan_run(p->plan));
        add_draw(b, p);
    }
    finish(b, p, slices, n_draws);
    return MED_OK;
}

static med_status run_all(job *b, const med_volume *mask) {
    int n;
    int *slices = list_slices(&b->slicer, mask, &n);
    med_progress *progress = med_progress_start("synth", n);
    med_status status = MED_OK;
    for (int first = 0; first < n && status == MED_OK; first += SLICES_AT_ONCE) {
        int at_once = n - first < SLICES_AT_ONCE ? n - first : SLICES_AT_ONCE;
        status = run_slices(b, slices + first, at_once);
        med_progress_update(progress, first + at_once, "slices");
    }
    med_progress_end(progress);
    free(slices);
    return status;
}

/* ---- before and after ---- */

static med_status create_filled(med_grid grid, float value, med_volume **out) {
    MED_TRY(med_volume_create(grid, out));
    for (size_t i = 0, n = med_grid_count(grid); i < n; i++) (*out)->voxel[i] = value;
    return MED_OK;
}

static med_status prepare(job *b, med_grid grid) {
    size_t n = SLICES_AT_ONCE * (size_t)b->slicer.height * (size_t)b->slicer.width;
    MED_MODSET_EACH (j, b->options->target) {
        MED_TRY(create_filled(grid, -1, &b->out[j]));
        if (b->sd) MED_TRY(create_filled(grid, 0, &b->sd[j]));
        b->sum[j] = med_alloc(n * sizeof(double));
        b->square[j] = med_alloc(n * sizeof(double));
    }
    return MED_OK;
}

typedef struct grid_text {
    char text[128];
} grid_text;

static grid_text print_grid(med_grid grid) {
    grid_text out;
    double s[3];
    med_grid_spacing(grid, s);
    snprintf(out.text, sizeof out.text, "%d x %d x %d voxels of %.4g x %.4g x %.4g mm, first at (%.4g, %.4g, %.4g)",
             grid.n[0], grid.n[1], grid.n[2], s[0], s[1], s[2], grid.affine.m[0][3], grid.affine.m[1][3],
             grid.affine.m[2][3]);
    return out;
}

/* As for data sets: grids that different programs write differ by the rounding of float32 affines. */
static const double corner_tolerance_mm = 0.1;

static med_status check_inputs(const med_synth_model *m, const med_volume *const inputs[MED_MAX_MODS],
                               const med_synth_options *o) {
    const med_mmhvae_config *c = &m->config;
    med_modset known = ((med_modset)1 << c->n_mods) - 1;
    if (!(o->given & known) || !(o->target & known) || (o->given | o->target) & ~known)
        return med_fail(MED_EUSAGE, "nothing to do: name at least one given and one target modality of the model");
    int first = med_modset_first(o->given);
    MED_MODSET_EACH (j, o->given) {
        if (!inputs[j]) return med_fail(MED_EUSAGE, "modality %s is given, but there is no image of it", c->mods[j]);
        if (!med_grid_equal(inputs[first]->grid, inputs[j]->grid, corner_tolerance_mm))
            return med_fail(
                MED_EUSAGE, "the images lie on different grids: %s has %s; %s has %s: resample them to one grid first",
                c->mods[first], print_grid(inputs[first]->grid).text, c->mods[j], print_grid(inputs[j]->grid).text);
    }
    return MED_OK;
}

med_status med_synth_run(med_synth_model *m, const med_volume *const inputs[MED_MAX_MODS],
                         const med_synth_options *options, med_volume *out[MED_MAX_MODS],
                         med_volume *sd[MED_MAX_MODS]) {
    for (int j = 0; j < MED_MAX_MODS; j++) {
        out[j] = NULL;
        if (sd) sd[j] = NULL;
    }
    MED_TRY(check_inputs(m, inputs, options));
    const med_volume *mask = inputs[med_modset_first(options->given)];
    job b = {.model = m,
             .options = options,
             .inputs = inputs,
             .out = out,
             .sd = sd,
             .slicer = slicer_of(&m->config, mask->grid)};
    warn_if_cropped(&b.slicer, mask);
    med_status status = prepare(&b, mask->grid);
    if (status == MED_OK) status = run_all(&b, mask);
    for (int j = 0; j < MED_MAX_MODS; j++) {
        free(b.sum[j]);
        free(b.square[j]);
        if (status == MED_OK) continue;
        med_volume_free(out[j]);
        out[j] = NULL;
        if (!sd) continue;
        med_volume_free(sd[j]);
        sd[j] = NULL;
    }
    return status;
}
