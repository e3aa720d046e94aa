/* synth.c: from volumes to slices to the network and back.
 *
 * A slice of the network is [H, W] with H along the volume's axis 0 and W along axis 1, as the model was trained. */
#include "task/synth.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "base/thread.h"
#include "engine/switches.h"
#include "task/synth_model.h"

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

static slicer slicer_of(const med_net *c, med_grid grid) {
    return (slicer){c->height, c->width, overlap_of(grid.n[0], c->height), overlap_of(grid.n[1], c->width)};
}

/* Row of the grid where row h of the volume's part inside it goes. */
static int row_of(const slicer *s, int h, bool is_mirrored) {
    int row = s->h.grid + h;
    return is_mirrored ? s->height - 1 - row : row;
}

static void cut(const slicer *s, const med_volume *v, int k, bool is_mirrored, float *to) {
    for (int i = 0; i < s->height * s->width; i++) to[i] = -1;
    for (int j = 0; j < s->w.n; j++) {
        const float *from = med_volume_at(v, s->h.volume, s->w.volume + j, k);
        for (int i = 0; i < s->h.n; i++) to[row_of(s, i, is_mirrored) * s->width + s->w.grid + j] = from[i];
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

/* Slices are independent (the network knows no norm over them). Where there are enough, every thread takes whole slices
 * through a lane of its own, first in groups, at the end one by one so that all threads end together; a few are run one
 * after the other by all threads together. */
typedef struct job {
    med_synth_model *model;
    const med_synth_options *options;
    const med_volume *const *inputs;
    med_volume **out, **sd;
    slicer slicer;
    int n_slices, n_groups, n_lanes, n_done;
    int *slices; /* their numbers */
    double *sums; /* [lanes][slices of a group][targets][2][H*W] over the draws: value, square */
    bool *is_busy; /* per lane */
    pthread_mutex_t mutex; /* over n_done, is_busy, status, message */
    med_status status;
    char *message;
    med_progress *progress;
} job;

static size_t n_pixels(const job *b) { return (size_t)b->slicer.height * (size_t)b->slicer.width; }

/* `place`: of a slice in its group, in its lane. */
static double *sum_of(const job *b, int place, int mod, bool is_square) {
    med_modset target = b->options->target;
    int n = med_modset_count(target), k = med_modset_count(target & (med_modset_of(mod) - 1));
    return b->sums + (size_t)((place * n + k) * 2 + is_square) * n_pixels(b);
}

/* Noise of draw number `draw` for slice k of the pass: each slice and each noise input has its own stream. */
static void draw_noise(const job *b, med_synth_pass *p, int k, int slice, int draw) {
    for (int i = 0; i < p->values.noise.n; i++) {
        const med_noise *noise = &p->values.noise.item[i];
        char site[64];
        snprintf(site, sizeof site, "synth/%s", noise->label);
        size_t n = (size_t)med_shape_count(med_val_shape(p->graph, noise->value)) / (size_t)p->n_slices;
        uint64_t step = (uint64_t)draw << 20 | (uint32_t)slice; /* 1000 draws of a million slices */
        med_noise_draw(noise, (med_rng_key){b->options->seed, med_site_of(site), step}, n, p->noise[i] + (size_t)k * n);
    }
}

static void add_row(const float *row, int n, double *sum, double *square) {
    for (int i = 0; i < n; i++) sum[i] += row[i];
    if (square)
        for (int i = 0; i < n; i++) square[i] += (double)row[i] * row[i];
}

static void add_draw(const job *b, const med_synth_pass *p, int k, int place, bool is_mirrored) {
    int height = b->slicer.height, width = b->slicer.width;
    MED_MODSET_EACH (j, p->target) {
        const float *image = med_plan_data(p->plan, p->values.out[j]) + (size_t)k * n_pixels(b);
        double *sum = sum_of(b, place, j, false), *square = b->sd ? sum_of(b, place, j, true) : NULL;
        for (int h = 0; h < height; h++) {
            const float *row = image + (is_mirrored ? height - 1 - h : h) * width;
            add_row(row, width, sum + h * width, square ? square + h * width : NULL);
        }
    }
}

/* Variance of n draws from their sums; rounding must not make it negative. */
static double deviation(double sum, double square, int n) {
    double variance = n > 1 ? (square - sum * sum / n) / (n - 1) : 0;
    return variance > 0 ? sqrt(variance) : 0;
}

static void finish(const job *b, int place, int slice, int n_draws) {
    MED_MODSET_EACH (j, b->options->target) {
        double *sum = sum_of(b, place, j, false), *square = sum_of(b, place, j, true);
        put_back(&b->slicer, sum, 1.0 / n_draws, b->out[j], slice);
        if (!b->sd) continue;
        for (size_t k = 0; k < n_pixels(b); k++) square[k] = deviation(sum[k], square[k], n_draws);
        put_back(&b->slicer, square, 1, b->sd[j], slice);
    }
}

static med_status run_slices(const job *b, int lane, const int *slice, int n) {
    med_synth_pass *p = med_synth_model_pass(b->model, b->options, n, lane);
    int place = lane * MED_SYNTH_GROUP;
    for (int k = 0; k < n; k++)
        MED_MODSET_EACH (j, p->target) memset(sum_of(b, place + k, j, false), 0, 2 * n_pixels(b) * sizeof(double));
    int n_draws = b->options->temperature == 0 || !p->values.noise.n ? 1 : b->options->n_samples; /* without noise all draws are equal */
    int n_all = b->options->is_mirrored ? 2 * n_draws : n_draws;
    for (int draw = 0; draw < n_all; draw++) {
        bool is_mirrored = draw >= n_draws;
        for (int k = 0; k < n; k++) {
            if (draw == 0 || draw == n_draws)
                MED_MODSET_EACH (j, p->given)
                    cut(&b->slicer, b->inputs[j], slice[k], is_mirrored, p->image[j] + (size_t)k * n_pixels(b));
            draw_noise(b, p, k, slice[k], draw);
        }
        MED_TRY(med_plan_run(p->plan));
        for (int k = 0; k < n; k++) add_draw(b, p, k, place + k, is_mirrored);
    }
    for (int k = 0; k < n; k++) finish(b, place + k, slice[k], n_all);
    return MED_OK;
}

/* A lane that nobody uses: there are as many as threads. -1: the job has failed. */
static int take_lane(job *b) {
    int lane = 0;
    pthread_mutex_lock(&b->mutex);
    while (b->is_busy[lane]) lane++;
    b->is_busy[lane] = b->status == MED_OK;
    if (b->status != MED_OK) lane = -1;
    pthread_mutex_unlock(&b->mutex);
    return lane;
}

/* The message of a failure belongs to its thread: keep the first for the caller's. */
static void give_back_lane(job *b, int lane, int n_slices, med_status status) {
    pthread_mutex_lock(&b->mutex);
    b->is_busy[lane] = false;
    if (status != MED_OK && b->status == MED_OK) {
        b->status = status;
        b->message = med_strdup(med_message());
    }
    med_progress_update(b->progress, b->n_done += n_slices, "slices");
    pthread_mutex_unlock(&b->mutex);
}

/* Groups, then single slices. */
static void slices_task(void *context, int i) {
    job *b = context;
    int lane = take_lane(b), is_group = i < b->n_groups, n = is_group ? MED_SYNTH_GROUP : 1;
    int first = is_group ? i * MED_SYNTH_GROUP : b->n_groups * MED_SYNTH_GROUP + i - b->n_groups;
    if (lane >= 0) give_back_lane(b, lane, n, run_slices(b, lane, b->slices + first, n));
}

static med_status run_all(job *b) {
    int n_tasks = b->n_groups + b->n_slices - b->n_groups * MED_SYNTH_GROUP;
    if (b->n_groups) MED_TRY(med_synth_model_prepare(b->model, b->options, MED_SYNTH_GROUP, b->n_lanes));
    if (n_tasks > b->n_groups) MED_TRY(med_synth_model_prepare(b->model, b->options, 1, b->n_lanes));
    b->progress = med_progress_start("synth", b->n_slices);
    if (b->n_lanes > 1)
        med_parallel(n_tasks, slices_task, b);
    else
        for (int i = 0; i < n_tasks; i++) slices_task(b, i);
    med_progress_end(b->progress);
    return b->status == MED_OK ? MED_OK : med_fail(b->status, "%s", b->message);
}

/* ---- before and after ---- */

static med_status create_filled(med_grid grid, float value, med_volume **out) {
    MED_TRY(med_volume_create(grid, out));
    for (size_t i = 0, n = med_grid_count(grid); i < n; i++) (*out)->voxel[i] = value;
    return MED_OK;
}

/* None where a slice has all threads; of several lanes each keeps as many single slices as a group has for the end. */
static int count_groups(const job *b) {
    if (b->options->slice_by_slice || !med_switch_is_on(MED_SWITCH_GROUPS) || b->n_lanes < med_threads()) return 0;
    int n_groups = b->n_slices / MED_SYNTH_GROUP - (b->n_lanes > 1 ? b->n_lanes : 0);
    return n_groups > 0 ? n_groups : 0;
}

static med_status prepare(job *b, const med_volume *mask) {
    b->slices = list_slices(&b->slicer, mask, &b->n_slices);
    b->n_lanes = b->n_slices < med_threads() ? 1 : med_threads();
    b->n_groups = count_groups(b);
    b->is_busy = med_alloc((size_t)b->n_lanes * sizeof *b->is_busy);
    size_t n = (size_t)b->n_lanes * MED_SYNTH_GROUP * (size_t)med_modset_count(b->options->target) * 2 * n_pixels(b);
    MED_TRY(med_buffer_alloc(n * sizeof(double), "sums over draws", (void **)&b->sums));
    MED_MODSET_EACH (j, b->options->target) {
        MED_TRY(create_filled(mask->grid, -1, &b->out[j]));
        if (b->sd) MED_TRY(create_filled(mask->grid, 0, &b->sd[j]));
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
    const med_net *c = med_synth_model_config(m);
    med_modset known = med_modset_all(c->n_mods);
    if (!(o->given & known) || !(o->target & known) || (o->given | o->target) & ~known)
        return med_fail(MED_EUSAGE, "nothing to do: name at least one given and one target modality of the model");
    MED_TRY(med_net_accepts(c, o->given, o->target));
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
             .slicer = slicer_of(med_synth_model_config(m), mask->grid),
             .mutex = PTHREAD_MUTEX_INITIALIZER};
    warn_if_cropped(&b.slicer, mask);
    med_status status = prepare(&b, mask);
    if (status == MED_OK) status = run_all(&b);
    free(b.slices);
    free(b.is_busy);
    free(b.sums);
    free(b.message);
    for (int j = 0; j < MED_MAX_MODS && status != MED_OK; j++) {
        med_volume_free(out[j]);
        out[j] = NULL;
        if (!sd) continue;
        med_volume_free(sd[j]);
        sd[j] = NULL;
    }
    return status;
}
