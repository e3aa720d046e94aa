/* train_memory.c: what a training takes, before its first step; as many pieces at a time as a limit allows. */
#include <ctype.h>
#include <stdlib.h>

#include "base/log.h"
#include "task/train_work.h"

/* The program itself; what kernels of one piece need beside their plan; and all threads' on a piece that is the whole batch, by the
 * size of the largest parameter, which they arrange and transform (measured at ResViT's: 2.7 times). */
enum { PROGRAM = 32 << 20, LANE = 8 << 20, ARRANGED = 3 };

med_status med_train_parse_memory(const char *text, size_t *out) {
    char *end;
    double n = strtod(text, &end);
    double unit = *end == '\0' ? 1 : 0;
    static const char units[] = "kmg";
    for (int i = 0; i < 3; i++)
        if (tolower((unsigned char)*end) == units[i]) unit = (double)(1L << 10 * (i + 1));
    if (unit > 1 && end[1] && !(tolower((unsigned char)end[1]) == 'b' && !end[2])) unit = 0;
    if (end == text || unit == 0 || !(n * unit >= 1) || n * unit > 1e15)
        return med_fail(MED_EUSAGE, "--max-memory is '%s', expected a size as 2G, 500M or a number of bytes", text);
    *out = (size_t)(n * unit);
    return MED_OK;
}

/* Plans the largest step of the run. */
static med_status plan_largest(med_train_work *w) {
    const med_train_config *c = &w->record.config;
    med_train_subject s = w->data->train[med_train_data_fullest(w->data)].subject;
    med_train_phase end = med_train_phase_of(c, c->epochs);
    med_step_input in = {.observed = s.observed,
                         .given = med_train_subset(s, med_train_n_subsets(s) - 1),
                         .anchor = s.anchor,
                         .n = c->batch,
                         .w_dis = end.w_dis,
                         .trains_discriminators = end.trains_discriminators};
    return med_trainer_plan(w->trainer, &in);
}

static size_t batch_bytes(const med_train_work *w) {
    const med_net *m = &w->record.model;
    size_t plane = (size_t)m->height * (size_t)m->width * sizeof(float);
    return 4 * plane * (size_t)w->record.config.batch * (size_t)m->n_mods; /* inputs, targets; this visit's and the next's */
}

/* Everything but the pieces computed at a time and the volumes. */
static size_t base_bytes(const med_train_work *w) { return PROGRAM + w->memory.parameters + w->memory.batches; }

static med_status refuse(const med_train_work *w, size_t least_volumes) {
    double least = (double)(base_bytes(w) + w->memory.piece + least_volumes) / 1e6;
    return med_fail(MED_ENOMEM,
                    "--max-memory allows %.0f MB; the least that would do is %.0f MB, one piece of the batch at a time (%.0f MB) and "
                    "volumes in 16 bits (%.0f MB)",
                    (double)w->options->max_memory / 1e6, least, (double)w->memory.piece / 1e6, (double)least_volumes / 1e6);
}

/* Volumes come first, in 16 bits; then as many pieces of a batch as there is room for; then volumes as float if they fit. */
static med_status obey(med_train_work *w) {
    size_t volumes, limit = w->options->max_memory;
    MED_TRY(med_train_data_measure(w->data, &w->record.model, &volumes));
    size_t fixed = base_bytes(w) + volumes;
    if (fixed + w->memory.piece > limit) return refuse(w, volumes);
    size_t n = (limit - fixed) / w->memory.piece;
    if (n < (size_t)med_trainer_n_micro(w->trainer)) med_trainer_limit(w->trainer, (int)n);
    w->memory.volumes = limit - base_bytes(w) - w->memory.piece * (size_t)med_trainer_n_micro(w->trainer);
    return MED_OK;
}

static size_t kernel_bytes(const med_train_work *w) {
    const med_weights *weights = med_trainer_weights(w->trainer);
    int64_t most = 0;
    if (!w->record.model.model->training->is_whole) return LANE;
    for (int i = 0; i < med_weights_count(weights); i++) {
        int64_t n = med_shape_count(med_weights_at(weights, i)->shape);
        most = n > most ? n : most;
    }
    return LANE + ARRANGED * (size_t)most * sizeof(float);
}

med_status med_train_plan_memory(med_train_work *w) {
    size_t activations;
    MED_TRY(plan_largest(w));
    med_trainer_memory(w->trainer, &w->memory.parameters, &activations);
    w->memory.piece = activations / (size_t)med_trainer_n_micro(w->trainer) + kernel_bytes(w);
    w->memory.batches = batch_bytes(w);
    w->memory.volumes = (size_t)w->record.config.cache_mb << 20;
    if (!w->options->max_memory) return MED_OK;
    size_t asked = w->memory.volumes;
    MED_TRY(obey(w));
    if (w->memory.volumes > asked) w->memory.volumes = asked;
    return MED_OK;
}

size_t med_train_memory_total(const med_train_work *w) {
    return base_bytes(w) + w->memory.piece * (size_t)med_trainer_n_micro(w->trainer) +
           med_loader_bytes(w->data->loader);
}

void med_train_tell_memory(const med_train_work *w) {
    int n = med_trainer_n_micro(w->trainer);
    med_info("memory    %.0f MB: %.0f for parameters and what their updates need, %d x %.0f for activations, %.0f for volumes "
             "(%s), %.0f for batches",
             (double)med_train_memory_total(w) / 1e6, (double)w->memory.parameters / 1e6, n, (double)w->memory.piece / 1e6,
             (double)med_loader_bytes(w->data->loader) / 1e6, med_loader_is_float(w->data->loader) ? "float" : "16 bits",
             (double)w->memory.batches / 1e6);
}
