/* net.c: the list of models, settings of a network as text and JSON, its parameters and its cost. */
#include "model/net.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "engine/switches.h"

#define MODEL(name) extern const med_model med_model_##name;
#include "model/models.def"
#undef MODEL
const med_model *const med_models[] = {
#define MODEL(name) &med_model_##name,
#include "model/models.def"
#undef MODEL
    NULL,
};
enum { N_MODELS = sizeof med_models / sizeof *med_models - 1, SIZE_MAX_PIXELS = 4096, MAX_KEYS = 48 };

enum { N_PRESETS = sizeof((med_model *)0)->preset / sizeof(void *) };
static const char *const preset_names[N_PRESETS] = {"tiny", "small", "paper"};

med_status med_model_find(const char *name, const med_model **out) {
    const char *names[N_MODELS + 1] = {NULL};
    char list[256] = "";
    *out = med_models[0];
    if (!name || !*name) return MED_OK;
    for (int i = 0; i < N_MODELS; i++) {
        names[i] = med_models[i]->name;
        strcat(strcat(list, i ? ", " : ""), names[i]);
        if (strcmp(name, names[i]) == 0) return *out = med_models[i], MED_OK;
    }
    const char *nearest = med_nearest(name, names);
    if (nearest) return med_fail(MED_EUSAGE, "unknown model '%.40s' (did you mean '%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown model '%.40s', expected one of %s", name, list);
}

/* ---- settings as text ---- */

typedef struct settings { /* a network as an option table can hold it */
    med_strings modalities, size;
    union {
        double aligned;
        char bytes[sizeof((med_net *)0)->own];
    } own;
} settings;

/* The model's own rows behind those of every network. */
static void table_of(const med_model *model, med_option table[MAX_KEYS]) {
    static const med_option common[] = {
        MED_OPT_LIST(settings, "modalities", modalities, "A,B,...", "in order; the first of those given decides on the mask"),
        MED_OPT_LIST(settings, "size", size, "H,W", "of a slice, pixels along the first and second axis"),
    };
    int n = 0;
    for (; n < 2; n++) table[n] = common[n];
    for (const med_option *key = model->keys; key->name; key++) {
        med_assert(n < MAX_KEYS - 1);
        table[n] = *key;
        table[n++].offset += offsetof(settings, own);
    }
    table[n] = (med_option)MED_OPT_END;
}

/* `size` of the settings holds two borrowed texts of `text`. */
typedef struct size_text {
    char text[2][16];
} size_text;

static settings to_settings(const med_net *n, size_text *size) {
    settings s = {0};
    memcpy(&s.own, &n->own, sizeof s.own);
    for (int j = 0; j < n->n_mods; j++) s.modalities.item[s.modalities.n++] = n->mods[j];
    if (n->height == 0 && n->width == 0) return s;
    snprintf(size->text[0], sizeof size->text[0], "%d", n->height);
    snprintf(size->text[1], sizeof size->text[1], "%d", n->width);
    s.size = (med_strings){2, {size->text[0], size->text[1]}};
    return s;
}

static med_status read_size(const med_strings *size, int out[2]) {
    out[0] = out[1] = 0;
    if (size->n == 0) return MED_OK;
    for (int i = 0; i < 2; i++) {
        char *end = NULL;
        long value = i < size->n ? strtol(size->item[i], &end, 10) : 0;
        if (size->n != 2 || *end || value < 1 || value > SIZE_MAX_PIXELS)
            return med_fail(MED_EUSAGE, "size: expected H,W, two whole numbers from 1 to %d", SIZE_MAX_PIXELS);
        out[i] = (int)value;
    }
    return MED_OK;
}

static med_status from_settings(const settings *s, med_net *out) {
    int size[2];
    MED_TRY(read_size(&s->size, size));
    if (s->modalities.n > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "modalities: %d names, at most %d are possible", s->modalities.n, MED_MAX_MODS);
    med_net n = {.model = out->model, .n_mods = s->modalities.n, .height = size[0], .width = size[1]};
    memcpy(&n.own, &s->own, sizeof n.own);
    for (int j = 0; j < n.n_mods; j++) {
        const char *name = s->modalities.item[j];
        if (strlen(name) >= MED_MOD_NAME)
            return med_fail(MED_EUSAGE, "modalities: '%.40s...' has more than %d letters", name, MED_MOD_NAME - 1);
        memmove(n.mods[j], name, strlen(name) + 1); /* may be a name of *out */
    }
    *out = n;
    return MED_OK;
}

/* [192, 160] -> ["192", "160"], which is what the table can read. */
static json_t *with_size_as_texts(const json_t *object) {
    json_t *copy = json_copy((json_t *)object), *texts = json_array(), *item;
    size_t i;
    json_array_foreach (json_object_get(object, "size"), i, item) {
        char text[24] = "?";
        if (json_is_integer(item)) snprintf(text, sizeof text, "%lld", (long long)json_integer_value(item));
        json_array_append_new(texts, json_string(text));
    }
    if (json_array_size(texts)) json_object_set(copy, "size", texts);
    json_decref(texts);
    return copy;
}

json_t *med_net_to_json(const med_net *n) {
    med_option table[MAX_KEYS];
    size_text size;
    settings s = to_settings(n, &size);
    table_of(n->model, table);
    json_t *object = med_option_to_json(table, &s);
    if (s.size.n)
        json_object_set_new(object, "size", json_pack("[i,i]", n->height, n->width));
    else
        json_object_del(object, "size");
    return object;
}

med_status med_net_from_json(const med_model *model, const json_t *object, med_net *out) {
    if (!json_is_object(object)) return med_fail(MED_EFORMAT, "the configuration is not a JSON object");
    med_option table[MAX_KEYS];
    table_of(model, table);
    settings s = {0};
    memcpy(&s.own, model->preset[N_PRESETS - 1], model->own_size);
    json_t *readable = with_size_as_texts(object);
    med_status status = med_option_set_json(table, &s, readable, "configuration");
    json_decref(readable);
    out->model = model;
    return status == MED_OK ? from_settings(&s, out) : status;
}

med_status med_net_set(med_net *n, const char *pair) {
    if (strncmp(pair, med_switch_prefix, strlen(med_switch_prefix)) == 0) return med_switch_set(pair);
    med_option table[MAX_KEYS];
    size_text size;
    settings s = to_settings(n, &size);
    table_of(n->model, table);
    MED_TRY(med_option_set_pair(table, &s, pair));
    return from_settings(&s, n);
}

/* ---- presets and rules ---- */

med_status med_net_preset(const med_model *model, const char *name, med_net *out) {
    const char *names[N_PRESETS + 1] = {NULL};
    *out = (med_net){.model = model, .height = 192, .width = 192};
    static const char *const all[] = {"us", "t2", "cet1", "flair", NULL};
    const char *const *mods = model->default_mods ? model->default_mods : all;
    for (; mods[out->n_mods]; out->n_mods++) snprintf(out->mods[out->n_mods], MED_MOD_NAME, "%s", mods[out->n_mods]);
    for (int i = 0; i < N_PRESETS; i++) {
        names[i] = preset_names[i];
        if (strcmp(name, names[i]) != 0) continue;
        memcpy(&out->own, model->preset[i], model->own_size);
        return MED_OK;
    }
    const char *nearest = med_nearest(name, names);
    if (nearest) return med_fail(MED_EUSAGE, "unknown preset '%s' (did you mean '%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown preset '%s', expected tiny, small or paper", name);
}

static bool is_name(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t n = strlen(name);
    return n > 0 && n < MED_MOD_NAME && strspn(name, letters) == n;
}

static med_status check_mods(const med_net *n) {
    if (n->n_mods < 1 || n->n_mods > MED_MAX_MODS)
        return med_fail(MED_EUSAGE, "modalities: %d names, expected 1 to %d", n->n_mods, MED_MAX_MODS);
    for (int j = 0; j < n->n_mods; j++) {
        if (!is_name(n->mods[j]))
            return med_fail(MED_EUSAGE, "modalities: '%.31s' is no name: letters, digits, - and _, at most %d",
                            n->mods[j], MED_MOD_NAME - 1);
        for (int i = 0; i < j; i++)
            if (!strcmp(n->mods[j], n->mods[i]))
                return med_fail(MED_EUSAGE, "modalities: '%s' is there twice", n->mods[j]);
    }
    return MED_OK;
}

static med_status check_size(const med_net *n) {
    int step = n->model->size_step(n), least = step > 4 ? step : 4;
    const int size[2] = {n->height, n->width};
    for (int i = 0; i < 2; i++)
        if (size[i] < least || size[i] > SIZE_MAX_PIXELS || size[i] % step)
            return med_fail(MED_EUSAGE, "size is %d,%d, expected multiples of %d from %d to %d", n->height, n->width,
                            step, least, SIZE_MAX_PIXELS);
    return MED_OK;
}

med_status med_net_check(const med_net *n) {
    MED_TRY(check_mods(n));
    MED_TRY(n->model->check(n));
    return check_size(n);
}

/* ---- parameters ---- */

med_status med_net_parameters(const med_net *n, med_parameter_fn *visit, void *context) {
    return n->model->parameters(n, visit, context);
}

static med_status count_one(void *context, const med_parameter *p) {
    if (!p->is_state) *(int64_t *)context += med_shape_count(p->shape);
    return MED_OK;
}

int64_t med_net_count(const med_net *n) {
    int64_t count = 0;
    return med_net_parameters(n, count_one, &count) == MED_OK ? count : 0;
}

void med_net_describe(const med_net *n, med_weights *w) {
    json_t *config = med_net_to_json(n);
    char *text = json_dumps(config, JSON_COMPACT);
    json_decref(config);
    med_assert(text != NULL);
    med_weights_set_meta(w, "medley.model", n->model->name);
    med_weights_set_meta(w, "medley.config", text);
    med_weights_set_meta(w, "medley.version", MEDLEY_VERSION);
    free(text);
}

med_status med_net_init(const med_net *n, uint64_t seed, med_weights **out) {
    MED_TRY(n->model->init(n, seed, out));
    med_net_describe(n, *out);
    return MED_OK;
}

med_net med_net_shaped(const med_net *n, const med_weights *w) {
    med_net shaped = *n;
    if (!n->height && n->model->settle_size) n->model->settle_size(w, &shaped);
    return shaped;
}

/* ---- noise, cost ---- */

med_noise *med_noises_add(med_noises *list, med_val value, const char *format, ...) {
    if (value.id < 0) return NULL;
    med_assert(list->n < MED_MAX_NOISE);
    med_noise *item = &list->item[list->n++];
    va_list args;
    va_start(args, format);
    vsnprintf(item->label, sizeof item->label, format, args);
    va_end(args);
    item->value = value;
    item->kind = MED_NOISE_NORMAL;
    return item;
}

void med_noise_draw(const med_noise *noise, med_rng_key key, size_t n, float *to) {
    if (noise->kind == MED_NOISE_NORMAL) {
        med_normal_fill(to, n, key);
        return;
    }
    med_uniform_fill(to, n, key);
    if (noise->kind == MED_NOISE_UNIFORM) return;
    float keep = (float)noise->keep, scale = (float)(1 / noise->keep);
    for (size_t i = 0; i < n; i++) to[i] = to[i] < keep ? scale : 0;
}

med_val med_dropout(med_graph *g, med_val x, double drop, med_noises *list, const char *label) {
    if (x.id < 0) return x;
    char name[MED_NOISE_LABEL + 8];
    snprintf(name, sizeof name, "drop/%s", label);
    med_val mask = med_input(g, name, med_val_shape(g, x));
    med_noise *noise = med_noises_add(list, mask, "%s", label);
    if (!noise) return MED_NONE;
    noise->kind = MED_NOISE_KEEP;
    noise->keep = 1 - drop;
    return med_mul(g, x, mask);
}

med_val med_net_image(med_graph *g, const med_net *n, const char *kind, int j, int n_slices) {
    char name[MED_MOD_NAME + 24];
    snprintf(name, sizeof name, "%s/%s", kind, n->mods[j]);
    return med_input(g, name, med_shape_4(n_slices, 1, n->height, n->width));
}

/* ---- what it takes ---- */

static med_status fail_unknown(const med_net *n, const char *option, const char *name) {
    const char *names[MED_MAX_MODS + 1] = {0};
    for (int j = 0; j < n->n_mods; j++) names[j] = n->mods[j];
    const char *nearest = med_nearest(name, names);
    char *list = med_modset_join(n->mods, med_modset_all(n->n_mods), ", ");
    med_status status = med_fail(MED_EUSAGE, "%s: the model has no modality '%s'%s%s%s; it has %s", option, name,
                                 nearest ? " (did you mean '" : "", nearest ? nearest : "", nearest ? "'?)" : "", list);
    free(list);
    return status;
}

med_status med_net_find_mods(const med_net *n, const char *option, const med_strings *names, med_modset *out) {
    *out = 0;
    for (int i = 0; i < names->n; i++) {
        int j = med_modset_find(n->mods, n->n_mods, names->item[i]);
        if (j < 0) return fail_unknown(n, option, names->item[i]);
        *out |= med_modset_of(j);
    }
    return MED_OK;
}

med_modset med_net_makes(const med_net *n, med_modset given) {
    return n->model->makes ? n->model->makes(n, given) : med_modset_all(n->n_mods);
}

med_status med_net_accepts(const med_net *n, med_modset given, med_modset target) {
    med_modset makes = med_net_makes(n, given);
    if (makes && !(target & ~makes)) return MED_OK;
    char *have = med_modset_join(n->mods, given, ", "), *want = med_modset_join(n->mods, target & ~makes, ", ");
    med_status status = med_fail(MED_EUSAGE, "%s cannot make %s of %s: %s", n->model->title, makes ? want : "images", have, n->model->limits);
    free(have);
    free(want);
    return status;
}

void med_net_infer(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out) {
    out->noise.n = out->n_levels = 0;
    for (int j = 0; j < MED_MAX_MODS; j++) out->x[j] = out->out[j] = MED_NONE;
    n->model->infer(g, n, o, out);
}

double med_net_macs(const med_net *n, med_modset given, med_modset target) {
    med_graph *g = med_graph_create();
    med_inference f;
    med_infer_options o = {.given = given, .target = target, .temperature = 1, .n = 1, .counts_alone = true};
    med_net_infer(g, n, &o, &f);
    double macs = med_graph_macs(g);
    med_graph_free(g);
    return macs;
}
