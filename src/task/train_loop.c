/* train_loop.c: epochs, visits, steps; when to log, validate and save. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "task/train_work.h"

typedef struct loop {
    med_train_work *work;
    med_train_phase phase;
    int *order; /* of this epoch */
    med_progress *progress;
    double started_s; /* clock at position->seconds = 0 */
    double saved_s;   /* clock of the last checkpoint */
} loop;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- one step ---- */

typedef struct noise {
    uint64_t seed, first_use; /* of the step */
    bool has_anchor;
} noise;

/* A slice's noise depends on seed, pass, level, step and the slice's place in the batch, not on how the batch is cut. */
static void draw_noise(void *context, int pass, int level, int first, int n, int64_t per_slice, float *to) {
    static const char *const names[2][MED_MAX_PASSES] = {{"full", "subset", ""}, {"full", "anchor", "subset"}};
    const noise *z = context;
    char site[64];
    snprintf(site, sizeof site, "train/noise/%s/%d", names[z->has_anchor][pass], level);
    med_rng_key key = {z->seed, med_site_of(site), z->first_use + (uint64_t)first};
    for (int i = 0; i < n; i++, key.step++) med_normal_fill(to + i * per_slice, (size_t)per_slice, key);
}

static med_status run_step(loop *l, const med_train_case *c, const med_train_batch *batch, long subset) {
    med_train_work *w = l->work;
    noise z = {w->record.seed, (uint64_t)w->position.step * (uint64_t)w->record.config.batch, c->subject.anchor >= 0};
    med_step_input in = {.observed = c->subject.observed,
                         .subset = med_train_subset(c->subject, subset),
                         .anchor = c->subject.anchor,
                         .n = batch->n,
                         .noise = draw_noise,
                         .noise_context = &z,
                         .w_kl = l->phase.w_kl,
                         .w_dis = l->phase.w_dis,
                         .trains_discriminators = l->phase.trains_discriminators};
    memcpy(in.x, batch->x, sizeof in.x);
    memcpy(in.target, batch->target, sizeof in.target);
    med_status status = med_mmhvae_trainer_step(w->trainer, &in, &w->last);
    if (status != MED_OK)
        return med_fail_in(status, "step %ld, epoch %d, case %s", w->position.step + 1, w->position.epoch, c->name);
    /* KL as it stands in the loss, before its weight. */
    const med_mmhvae_config *m = &w->record.model;
    w->last.kl /= (double)batch->n * m->height * m->width * m->n_mods;
    w->position.step++;
    return MED_OK;
}

/* ---- log, checkpoints ---- */

static med_status log_step(loop *l, const med_train_case *c) {
    med_train_work *w = l->work;
    const med_step_result *r = &w->last;
    const char *format = "epoch %d/%d  loss %.4f  image %.4f  kl %.3g";
    med_progress_update(l->progress, w->position.step, format, w->position.epoch, w->record.config.epochs, r->loss,
                        r->image, r->kl);
    if (w->position.step % w->record.config.log_every != 0) return MED_OK;
    json_t *line = json_pack("{s:i, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "epoch", w->position.epoch, "step",
                             (json_int_t)w->position.step, "case", c->name, "loss", r->loss, "image", r->image, "kl",
                             r->kl, "adversarial", r->adversarial, "discriminator", r->discriminator, "lr", l->phase.lr,
                             "seconds", now_s() - l->started_s);
    med_status status = med_train_run_log(w->run, &w->position, line);
    json_decref(line);
    return status;
}

static med_status save_last(loop *l) {
    med_train_work *w = l->work;
    l->saved_s = now_s();
    w->position.seconds = l->saved_s - l->started_s;
    MED_TRY(med_train_run_checkpoint(w->run, MED_TRAIN_LAST, &w->record, &w->position, w->trainer));
    return med_train_run_plot(w->run);
}

static med_status stop(loop *l) {
    const med_train_work *w = l->work;
    MED_TRY(save_last(l));
    return med_fail(MED_EFAIL, "stopped after step %ld of %ld; continue with: medley train %s %s --resume",
                    w->position.step, w->n_steps, w->options->data, w->options->run);
}

/* Called between steps, with the position at the next one. */
static med_status save_if_due(loop *l) {
    const med_train_work *w = l->work;
    if (w->options->stop && *w->options->stop) return stop(l);
    return now_s() - l->saved_s >= 60 * w->record.config.checkpoint_minutes ? save_last(l) : MED_OK;
}

/* ---- validation ---- */

/* Takes the error into the moving average; whether that is the least so far. */
static bool judge(med_train_work *w, double error) {
    med_train_position *p = &w->position;
    double past = w->record.config.val_ema;
    p->average = p->is_validated ? past * p->average + (1 - past) * error : error;
    bool is_best = !p->is_validated || p->average < p->best;
    p->is_validated = true;
    if (is_best) {
        p->best = p->average;
        p->best_epoch = p->epoch;
    }
    return is_best;
}

static med_status validate(loop *l) {
    med_train_work *w = l->work;
    double error;
    MED_TRY(med_train_validate(w, &error));
    bool is_best = judge(w, error);
    json_t *line = json_pack("{s:i, s:I, s:f, s:f, s:b, s:f}", "epoch", w->position.epoch, "step",
                             (json_int_t)w->position.step, "val_loss", error, "val_average", w->position.average,
                             "best", is_best, "seconds", now_s() - l->started_s);
    med_status status = med_train_run_log(w->run, &w->position, line);
    json_decref(line);
    if (status != MED_OK || !is_best) return status;
    MED_TRY(med_train_run_weights(w->run, &w->record, &w->position, w->trainer));
    return med_train_run_checkpoint(w->run, MED_TRAIN_BEST, &w->record, &w->position, w->trainer);
}

static bool is_validation_due(const med_train_work *w) {
    const med_train_config *c = &w->record.config;
    bool is_last = w->position.epoch == c->epochs;
    return c->val_every > 0 && w->data->n_val > 0 && (is_last || w->position.epoch % c->val_every == 0);
}

/* ---- the run ---- */

static void begin_epoch(loop *l) {
    med_train_work *w = l->work;
    const med_train_position *p = &w->position;
    l->phase = med_train_phase_of(&w->record.config, p->epoch);
    med_train_order(w->record.seed, p->epoch, w->data->n_train, l->order);
    med_mmhvae_trainer_set_lr(w->trainer, l->phase.lr, w->record.config.lr_disc);
    if (l->phase.restarts && p->visit == 0 && p->subset == 0) med_mmhvae_trainer_restart(w->trainer);
}

static med_status run_visit(loop *l) {
    med_train_work *w = l->work;
    med_train_position *p = &w->position;
    const med_train_config *c = &w->record.config;
    int i = l->order[p->visit], n_slices = med_loader_n_slices(w->data->loader, i);
    const med_train_case *subject = &w->data->train[i];
    med_train_draw draw = med_train_draw_of(c, w->record.seed, p->epoch, subject->name, n_slices, subject->subject);
    med_train_batch batch;
    med_train_data_batch(w->data, i, &draw, &batch);
    long n = med_train_visit_steps(c, subject->subject);
    bool draws_one = n < med_train_n_subsets(subject->subject);
    while (p->subset < n && p->step < w->n_steps) {
        MED_TRY(run_step(l, subject, &batch, draws_one ? draw.subset : p->subset));
        MED_TRY(log_step(l, subject));
        p->subset++;
        MED_TRY(save_if_due(l));
    }
    if (p->subset == n) {
        p->subset = 0;
        p->visit++;
    }
    return MED_OK;
}

static med_status run_epoch(loop *l) {
    med_train_work *w = l->work;
    begin_epoch(l);
    while (w->position.visit < w->data->n_train && w->position.step < w->n_steps) MED_TRY(run_visit(l));
    if (is_validation_due(w)) MED_TRY(validate(l));
    w->position.epoch++;
    w->position.visit = 0;
    w->position.subset = 0;
    return MED_OK;
}

static med_status run_all(loop *l) {
    med_train_work *w = l->work;
    bool was_done = w->position.epoch > w->record.config.epochs;
    while (w->position.epoch <= w->record.config.epochs) MED_TRY(run_epoch(l));
    if (!was_done) MED_TRY(save_last(l));
    return w->position.is_validated ? MED_OK : med_train_run_weights(w->run, &w->record, &w->position, w->trainer);
}

med_status med_train_loop(med_train_work *w) {
    loop l = {.work = w, .order = med_alloc((size_t)w->data->n_train * sizeof *l.order), .saved_s = now_s()};
    l.started_s = l.saved_s - w->position.seconds;
    l.progress = med_progress_start("train", w->n_steps);
    med_status status = run_all(&l);
    w->position.seconds = now_s() - l.started_s;
    med_progress_end(l.progress);
    free(l.order);
    return status;
}
