/* train_loop.c: epochs, visits, steps; when to log, validate and save. */
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "task/train_work.h"

typedef struct loop {
    med_train_work *work;
    med_train_phase phase;
    double lr;  /* of this step */
    int *order; /* of this epoch */
    med_progress *progress;
    double started_s; /* clock at position->seconds = 0 */
    double saved_s;   /* clock of the last checkpoint */
    double resumed_s; /* clock of this process's first step */
    long n_slices;    /* since then */
    double plotted_s;
    bool is_disk_full;
} loop;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- what goes on when the disk is full ---- */

/* Failing to write does not end a training: it is told once, and tried again. */
static med_status tolerate(loop *l, med_status status) {
    if (status != MED_EIO && status != MED_OK) return status;
    if (status == MED_EIO && !l->is_disk_full) med_warn("%s: training goes on and tries again", med_message());
    l->is_disk_full = status == MED_EIO;
    return MED_OK;
}

/* Takes `line`. */
static med_status write_log(loop *l, json_t *line) {
    med_status status = med_train_run_log(l->work->run, &l->work->position, line);
    json_decref(line);
    return tolerate(l, status);
}

/* ---- log ---- */

static double memory_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024 / 1e6;
}

/* Terms are called PASS/WHAT: {"full": {"image":, "adversarial":, "kl": [per level from the top]}, ...} */
static json_t *passes_to_json(const med_step_result *r) {
    json_t *all = json_object();
    for (int i = 0; i < r->n_terms; i++) {
        const char *name = r->term[i].name, *what = strchr(name, '/') + 1;
        char *pass = strndup(name, (size_t)(what - 1 - name));
        if (!json_object_get(all, pass)) json_object_set_new(all, pass, json_object());
        json_t *terms = json_object_get(all, pass), *value = json_real(r->term[i].value);
        free(pass);
        if (r->term[i].kind != MED_TERM_KL) {
            json_object_set_new(terms, what, value);
            continue;
        }
        if (!json_object_get(terms, "kl")) json_object_set_new(terms, "kl", json_array());
        json_array_append_new(json_object_get(terms, "kl"), value);
    }
    return all;
}

/* KL of all passes by level, from the top: "0.1 0.02 ..."; levels are told apart by the end of their terms' names. */
static void kl_text(const med_step_result *r, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; i < r->n_terms; i++) {
        const char *level = strchr(r->term[i].name, '/');
        if (r->term[i].kind != MED_TERM_KL) continue;
        double sum = 0;
        int first = -1;
        for (int k = 0; k < r->n_terms; k++) {
            if (r->term[k].kind != MED_TERM_KL || strcmp(strchr(r->term[k].name, '/'), level) != 0) continue;
            if (first < 0) first = k;
            sum += r->term[k].value;
        }
        size_t n = strlen(text);
        if (first == i) snprintf(text + n, size - n, "%s%.2g", n ? " " : "  kl ", sum);
    }
}

/* Of all passes: "0.021+0.034+0.030". */
static void image_text(const med_step_result *r, char *text, size_t size) {
    text[0] = '\0';
    for (int i = 0; i < r->n_terms; i++) {
        size_t n = strlen(text);
        if (r->term[i].kind == MED_TERM_IMAGE) snprintf(text + n, size - n, "%s%.3f", n ? "+" : "", r->term[i].value);
    }
}

static void show_progress(loop *l, double rate) {
    med_train_work *w = l->work;
    const med_step_result *r = &w->last;
    char kl[160], image[96];
    kl_text(r, kl, sizeof kl);
    image_text(r, image, sizeof image);
    med_progress_update(l->progress, w->position.step, "epoch %d/%d  loss %.4f  image %s%s  lr %.2g  %.3g slices/s  %.0f MB",
                        w->position.epoch, w->record.config.epochs, r->loss, image, kl, l->lr, rate, memory_mb());
}

static med_status log_step(loop *l, const med_train_case *c) {
    med_train_work *w = l->work;
    const med_step_result *r = &w->last;
    double rate = (double)l->n_slices / (now_s() - l->resumed_s);
    show_progress(l, rate);
    if (w->position.step % w->record.config.log_every != 0) return MED_OK;
    json_t *line = json_pack("{s:i, s:I, s:s, s:f, s:f, s:f, s:f, s:f, s:o, s:f, s:f, s:f, s:f, s:f}", "epoch",
                             w->position.epoch, "step", (json_int_t)w->position.step, "case", c->name, "loss", r->loss,
                             "image", r->kind[MED_TERM_IMAGE], "kl", r->kind[MED_TERM_KL], "adversarial",
                             r->kind[MED_TERM_ADVERSARIAL], "discriminator", r->discriminator, "passes", passes_to_json(r),
                             "gradient", r->gradient_norm, "lr", l->lr, "seconds", now_s() - l->started_s,
                             "slices_per_second", rate, "memory_mb", memory_mb());
    return write_log(l, line);
}

/* A step that is not finite changed nothing: it is passed over as often as the settings allow. */
static med_status pass_over(loop *l, const med_train_case *c, med_status status) {
    med_train_work *w = l->work;
    med_train_position *p = &w->position;
    const char *message = med_message();
    if (status != MED_EFAIL || p->n_nonfinite >= w->record.config.skip_nonfinite)
        return med_fail_in(status, "step %ld, epoch %d, case %s", p->step + 1, p->epoch, c->name);
    json_t *line = json_pack("{s:i, s:I, s:s, s:s}", "epoch", p->epoch, "step", (json_int_t)(p->step + 1), "case", c->name,
                             "not_finite", message);
    med_warn("step %ld, epoch %d, case %s passed over: %s", p->step + 1, p->epoch, c->name, message);
    p->n_nonfinite++;
    p->step++;
    return write_log(l, line);
}

/* KL as it stands in the loss, before its weight. */
static void scale_kl(med_step_result *r, double n_values) {
    r->kind[MED_TERM_KL] /= n_values;
    for (int i = 0; i < r->n_terms; i++)
        if (r->term[i].kind == MED_TERM_KL) r->term[i].value /= n_values;
}

/* ---- one step ---- */

typedef struct noise_source {
    uint64_t seed, first_use; /* of the step */
} noise_source;

/* A slice's noise depends on seed, label, step and the slice's place in the batch, not on how the batch is cut. */
static void draw_noise(void *context, const med_noise *noise, int first, int n, int64_t per_slice, float *to) {
    const noise_source *z = context;
    char site[64];
    snprintf(site, sizeof site, "train/noise/%s", noise->label);
    med_rng_key key = {z->seed, med_site_of(site), z->first_use + (uint64_t)first};
    for (int i = 0; i < n; i++, key.step++) med_noise_draw(noise, key, (size_t)per_slice, to + i * per_slice);
}

static med_modset given_of(const med_train_work *w, const med_train_case *c, long subset) {
    const med_net *net = &w->record.model;
    const med_training *training = net->model->training;
    if (!training->draw_given) return med_train_subset(c->subject, subset);
    med_rng rng = med_rng_start((med_rng_key){w->record.seed, med_site_of("train/given"), (uint64_t)w->position.step});
    double progress = (double)(w->position.epoch - 1) / w->record.config.epochs;
    if (strcmp(w->record.config.inputs, "tested") == 0) return med_train_draw_tested(c->subject, &rng);
    return training->draw_given(net, c->subject.observed, progress, &rng);
}

static med_status run_step(loop *l, const med_train_case *c, const med_train_batch *batch, long subset) {
    med_train_work *w = l->work;
    med_step_result before = w->last;
    noise_source z = {w->record.seed, (uint64_t)w->position.step * (uint64_t)w->record.config.batch};
    med_step_input in = {.observed = c->subject.observed,
                         .given = given_of(w, c, subset),
                         .anchor = c->subject.anchor,
                         .n = batch->n,
                         .noise = draw_noise,
                         .noise_context = &z,
                         .w_kl = l->phase.w_kl,
                         .w_dis = l->phase.w_dis,
                         .trains_discriminators = l->phase.trains_discriminators};
    memcpy(in.x, batch->x, sizeof in.x);
    memcpy(in.target, batch->target, sizeof in.target);
    l->lr = l->phase.lr * med_train_warmth(&w->record.config, w->position.step);
    med_trainer_set_lr(w->trainer, l->lr, l->phase.lr_disc);
    med_status status = med_trainer_step(w->trainer, &in, &w->last);
    if (status != MED_OK) {
        w->last = before;
        return pass_over(l, c, status);
    }
    scale_kl(&w->last, (double)batch->n * w->record.model.height * w->record.model.width * w->record.model.n_mods);
    l->n_slices += batch->n;
    w->position.step++;
    return log_step(l, c);
}

/* ---- checkpoints ---- */

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
    return now_s() - l->saved_s >= 60 * w->record.config.checkpoint_minutes ? tolerate(l, save_last(l)) : MED_OK;
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

/* A best model that cannot be written does not count as the best. */
static med_status save_best(loop *l, med_train_position before) {
    med_train_work *w = l->work;
    med_status status = med_train_run_weights(w->run, &w->record, &w->position, w->trainer);
    if (status == MED_OK)
        status = med_train_run_checkpoint(w->run, MED_TRAIN_BEST, &w->record, &w->position, w->trainer);
    if (status == MED_EIO) {
        w->position.best = before.is_validated ? before.best : DBL_MAX;
        w->position.best_epoch = before.best_epoch;
    }
    return tolerate(l, status);
}

static med_status validate(loop *l) {
    med_train_work *w = l->work;
    double error;
    med_train_position before = w->position;
    MED_TRY(med_train_validate(w, &error));
    bool is_best = judge(w, error);
    json_t *line = json_pack("{s:i, s:I, s:f, s:f, s:b, s:f}", "epoch", w->position.epoch, "step",
                             (json_int_t)w->position.step, "val_loss", error, "val_average", w->position.average,
                             "best", is_best, "seconds", now_s() - l->started_s);
    MED_TRY(write_log(l, line));
    return is_best ? save_best(l, before) : MED_OK;
}

/* Latent channels in use, and a picture. */
static med_status look_at(loop *l) {
    med_train_work *w = l->work;
    json_t *active = json_array(), *units = json_array();
    med_status status = med_train_units(w, active, units);
    json_t *line = json_pack("{s:i, s:I, s:o, s:o}", "epoch", w->position.epoch, "step", (json_int_t)w->position.step,
                             "active_units", active, "units", units);
    if (status != MED_OK) return json_decref(line), status;
    char text[160] = "";
    for (size_t i = 0; i < json_array_size(units); i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, " %d/%d", (int)json_integer_value(json_array_get(active, i)),
                 (int)json_integer_value(json_array_get(units, i)));
    }
    if (text[0]) med_info("epoch %d: active units per level, from the top:%s", w->position.epoch, text);
    MED_TRY(text[0] ? write_log(l, line) : (json_decref(line), MED_OK));
    return tolerate(l, med_train_samples(w));
}

static bool is_look_due(const med_train_work *w) {
    const med_train_config *c = &w->record.config;
    bool is_last = w->position.epoch == c->epochs;
    return c->samples_every > 0 && (is_last || w->position.epoch % c->samples_every == 0);
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
    if (l->phase.restarts && p->visit == 0 && p->subset == 0) med_trainer_restart(w->trainer);
}

static void prefetch(loop *l, int i) {
    const med_train_work *w = l->work;
    const med_train_case *subject = &w->data->train[i];
    med_train_draw draw = med_train_draw_of(&w->record.config, w->record.seed, w->position.epoch, subject->name,
                                            med_loader_n_slices(w->data->loader, i), subject->subject);
    med_train_data_prefetch(w->data, i, &draw);
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
    if (p->visit + 1 < w->data->n_train) prefetch(l, l->order[p->visit + 1]);
    long n = med_train_visit_steps(c, subject->subject);
    bool draws_one = n < med_train_n_subsets(subject->subject);
    while (p->subset < n && p->step < w->n_steps) {
        MED_TRY(run_step(l, subject, &batch, draws_one ? draw.subset : p->subset));
        p->subset++;
        MED_TRY(save_if_due(l));
    }
    if (p->subset == n) {
        p->subset = 0;
        p->visit++;
    }
    return MED_OK;
}

/* Every epoch, but short ones not more often than every few seconds. */
static med_status plot(loop *l) {
    enum { LEAST_S = 5 };
    if (now_s() - l->plotted_s < LEAST_S) return MED_OK;
    l->plotted_s = now_s();
    return med_train_run_plot(l->work->run);
}

static med_status run_epoch(loop *l) {
    med_train_work *w = l->work;
    begin_epoch(l);
    while (w->position.visit < w->data->n_train && w->position.step < w->n_steps) MED_TRY(run_visit(l));
    if (is_validation_due(w)) MED_TRY(validate(l));
    if (is_look_due(w)) MED_TRY(look_at(l));
    med_train_validator_free(w);
    MED_TRY(tolerate(l, plot(l)));
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
    l.resumed_s = l.saved_s;
    l.started_s = l.saved_s - w->position.seconds;
    l.progress = med_progress_start("train", w->n_steps);
    med_status status = run_all(&l);
    w->position.seconds = now_s() - l.started_s;
    med_progress_end(l.progress);
    free(l.order);
    return status;
}
