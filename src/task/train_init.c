/* train_init.c: begin with somebody's weights: parameters of the same name and shape are taken, the rest keep their
 * random values and are listed. Other modalities, sizes or depths than the file's are possible so. Discriminators come from checkpoints, all
 * of them or none: moments and step count belong together. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "task/train_work.h"

/* The part of the network a parameter belongs to: its name without the last two steps: "enc/t1/3". */
static size_t part_length(const char *name) {
    const char *slash = strchr(name, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    return second ? (size_t)(second - name) : slash ? (size_t)(slash - name) : strlen(name);
}

static void list_part(json_t *list, const char *name) {
    char *part = med_strdup(name);
    part[part_length(name)] = '\0';
    json_int_t n = json_integer_value(json_object_get(list, part));
    json_object_set_new(list, part, json_integer(n + 1));
    free(part);
}

static bool take(const med_weights *from, const med_tensor *to) {
    const med_tensor *f = med_weights_find(from, to->name);
    if (!f || f->dtype != MED_F32 || !med_shape_equal(f->shape, to->shape)) return false;
    memcpy(to->data, f->data, (size_t)med_shape_count(to->shape) * sizeof(float));
    return true;
}

static char *parts_text(const json_t *parts) {
    char *text = med_strdup("");
    const char *key;
    json_t *n;
    json_object_foreach ((json_t *)parts, key, n) {
        char *longer = med_format("%s%s%s (%d)", text, text[0] ? ", " : "", key, (int)json_integer_value(n));
        free(text);
        text = longer;
    }
    return text;
}

static med_status merge(const char *path, const med_weights *from, const med_weights *weights) {
    json_t *fresh = json_object();
    int n = med_weights_count(weights), n_taken = 0;
    for (int i = 0; i < n; i++) {
        const med_tensor *to = med_weights_at(weights, i);
        if (take(from, to)) n_taken++;
        else list_part(fresh, to->name);
    }
    char *list = parts_text(fresh);
    if (n_taken) med_info("init      %s: %d of %d parameters%s%s", path, n_taken, n, list[0] ? "; initialised: " : "", list);
    free(list);
    json_decref(fresh);
    if (n_taken) return MED_OK;
    return med_fail(MED_EUSAGE, "--init %s: none of its parameters has the name and shape of one of this network's", path);
}

static med_status check_hash(const json_t *init) {
    char hex[65];
    const char *path = json_string_value(json_object_get(init, "path"));
    MED_TRY(med_file_sha256(path, hex));
    if (strcmp(hex, json_string_value(json_object_get(init, "sha256"))) == 0) return MED_OK;
    return med_fail(MED_EUSAGE, "%s: is no longer the file that the run began with, and the run has no checkpoint yet", path);
}

med_status med_train_init_record(const char *path, json_t **out) {
    char hex[65];
    MED_TRY(med_file_sha256(path, hex));
    *out = json_pack("{s:s, s:s}", "path", path, "sha256", hex);
    return *out ? MED_OK : med_fail(MED_EUSAGE, "--init %s: the path is not UTF-8", path);
}

med_status med_train_init(const json_t *init, const med_weights *weights) {
    const char *path = json_string_value(json_object_get(init, "path"));
    med_net c;
    med_weights *from = NULL;
    MED_TRY(check_hash(init));
    MED_TRY(med_net_load(path, NULL, NULL, &from, &c));
    med_status status = merge(path, from, weights);
    med_weights_free(from);
    return status;
}

/* ---- discriminators ---- */

/* Tensors of `to` whose names begin so, if `from` has them all; copied only then. */
static bool take_all(const med_weights *from, const med_weights *to, const char *prefix, bool is_copied) {
    for (int i = 0; i < med_weights_count(to); i++) {
        const med_tensor *t = med_weights_at(to, i), *f = med_weights_find(from, t->name);
        if (strncmp(t->name, prefix, strlen(prefix)) != 0) continue;
        if (!f || f->dtype != t->dtype || !med_shape_equal(f->shape, t->shape)) return false;
        if (is_copied) memcpy(t->data, f->data, med_tensor_bytes(t));
    }
    return true;
}

static bool take_discriminators(const med_weights *from, med_trainer *trainer, bool is_copied) {
    const med_weights *state = med_trainer_state(trainer);
    return take_all(from, med_trainer_discriminators(trainer), "disc/", is_copied) && take_all(from, state, "opt/m/disc/", is_copied) &&
           take_all(from, state, "opt/v/disc/", is_copied);
}

static void merge_discriminators(const char *path, const med_weights *from, med_trainer *trainer) {
    const med_tensor *steps = med_weights_find(from, "opt/steps");
    if (!steps || steps->dtype != MED_I64 || med_shape_count(steps->shape) != 2) return; /* not a checkpoint */
    int64_t n = ((const int64_t *)steps->data)[1];
    if (n == 0) return;
    if (!take_discriminators(from, trainer, false)) {
        med_info("init      %s: has other discriminators than this training, whose begin anew", path);
        return;
    }
    take_discriminators(from, trainer, true);
    ((int64_t *)med_weights_find(med_trainer_state(trainer), "opt/steps")->data)[1] = n;
    med_info("init      %s: discriminators and their optimiser after %ld steps", path, (long)n);
}

med_status med_train_init_discriminators(const json_t *init, med_trainer *trainer) {
    if (med_weights_count(med_trainer_discriminators(trainer)) == 0) return MED_OK;
    const char *path = json_string_value(json_object_get(init, "path"));
    med_weights *from = NULL;
    MED_TRY(med_weights_load_any(path, &from));
    merge_discriminators(path, from, trainer);
    med_weights_free(from);
    return MED_OK;
}
