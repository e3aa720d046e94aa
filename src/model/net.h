/* net.h: what the verbs know of a network: modalities, slice size, settings, parameters, and how to fill in images.
 *
 * A model is one const descriptor (`med_model`) and one line in models.def. A network (`med_net`) is a model with its
 * settings. Training is in model/trainer.h. */
#ifndef MED_MODEL_NET_H
#define MED_MODEL_NET_H

#include "base/modset.h"
#include "base/option.h"
#include "base/random.h"
#include "engine/graph.h"
#include "engine/weights.h"

typedef struct med_model med_model;

/* Everything that fixes a network's parameters. A plain value: copy it freely. */
typedef struct med_net {
    const med_model *model;
    int n_mods;
    char mods[MED_MAX_MODS][MED_MOD_NAME];
    /* Of a slice: H runs along NIfTI axis 0, W along axis 1, slices along axis 2. 0 x 0: not known yet. */
    int height, width;
    union {
        double aligned;
        char bytes[256];
    } own; /* the model's settings, as its table `keys` says */
} med_net;

/* One parameter of a network. */
typedef struct med_parameter {
    const char *name; /* "enc/t2/3/conv0/weight", valid during the call */
    med_shape shape;
    int64_t fan_in; /* of the weight; a bias and a gain have their weight's */
    bool is_gain;   /* one length per row of the tensor "v" beside it */
    bool is_state;  /* a statistic that training moves along: no parameter in the count */
} med_parameter;
typedef med_status med_parameter_fn(void *context, const med_parameter *p); /* a visit stops at the first failure */

/* Random numbers that a graph reads: an input, and the label that its stream is drawn by ("z3", "full/0"). */
enum { MED_MAX_NOISE = 64, MED_NOISE_LABEL = 24, MED_MAX_LATENTS = 9 };
typedef enum med_noise_kind {
    MED_NOISE_NORMAL,
    MED_NOISE_UNIFORM, /* in [0, 1) */
    MED_NOISE_KEEP,    /* dropout: 1/keep with probability keep, else 0 */
} med_noise_kind;
typedef struct med_noise {
    med_val value; /* [n, ...] */
    char label[MED_NOISE_LABEL];
    med_noise_kind kind;
    double keep;
} med_noise;
typedef struct med_noises {
    int n;
    med_noise item[MED_MAX_NOISE];
} med_noises;
/* Nothing when there is no value. Normal, unless the row that is returned is told otherwise (not NULL then). */
med_noise *med_noises_add(med_noises *list, med_val value, const char *format, ...) MED_PRINTF(3, 4);

void med_noise_draw(const med_noise *noise, med_rng_key key, size_t n, float *to);
/* x with a part of its elements dropped and the others scaled up; its mask is the noise LABEL. */
med_val med_dropout(med_graph *g, med_val x, double drop, med_noises *list, const char *label);

/* Filling in: images [n,1,H,W] at network scale of what is given and of what is wanted. */
typedef struct med_infer_options {
    med_modset given, target; /* neither empty */
    double temperature;       /* of models that draw; 0: no noise */
    int n;                    /* slices */
    bool counts_alone;        /* build every product as published, where sharing would save some (for counting) */
} med_infer_options;
typedef struct med_inference {
    med_val x[MED_MAX_MODS], out[MED_MAX_MODS]; /* of the given and of the wanted; MED_NONE else */
    med_noises noise;
    /* Of models with latent variables, from the top: what they are drawn from, [mean | std], and the prior [mean | log std]. */
    int n_levels;
    med_val posterior[MED_MAX_LATENTS], prior[MED_MAX_LATENTS];
} med_inference;

struct med_model {
    const char *name, *title; /* "mmhvae" as on the command line, "MMHVAE" as in a report */
    const char *summary;      /* one line: what it is and whose */
    /* Its settings in med_net.own: their table, their size, and those of the presets tiny, small, paper. */
    const med_option *keys;
    size_t own_size;
    const void *preset[3];
    const char *const *default_mods; /* those that a new network takes of a data set, NULL-terminated; NULL: all */
    med_status (*check)(const med_net *n);   /* its settings; MED_EUSAGE: what is wrong */
    /* What it can make of these: 0 when it cannot take them. NULL: everything of anything. `limits` says so in words. */
    med_modset (*makes)(const med_net *n, med_modset given);
    const char *limits;
    int (*size_step)(const med_net *n);      /* height and width are multiples of this */
    char *(*describe)(const med_net *n);     /* "16 channels at full resolution, ...", for a report; owned */
    /* Every parameter in a fixed order. The one list that counting, initialising and loading go by. */
    med_status (*parameters)(const med_net *n, med_parameter_fn *visit, void *context);
    med_status (*init)(const med_net *n, uint64_t seed, med_weights **out);
    void (*infer)(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out);
    /* The rest of med_net_load, for the tensors of the file. NULL: only our own files, with their configuration. */
    med_status (*load)(const char *path, const int slice[2], const med_strings *set, med_weights *w, med_net *out);
    /* With an open size, the same network with some size that has the shapes of w; NULL: sizes do not matter. */
    void (*settle_size)(const med_weights *w, med_net *n);
    const struct med_training *training; /* model/trainer.h */
};

extern const med_model *const med_models[]; /* NULL-terminated */
/* MED_EUSAGE names the nearest. NULL or "": the first. */
MED_CHECK med_status med_model_find(const char *name, const med_model **out);

/* Settings of a named preset, for us, t2, cet1, flair at 192 x 192. MED_EUSAGE: no such preset. */
MED_CHECK med_status med_net_preset(const med_model *model, const char *preset, med_net *out);
MED_CHECK med_status med_net_check(const med_net *n); /* MED_EUSAGE: what is wrong */
/* Keys: modalities, size [H,W] (left out when 0 x 0), and the model's. Owned reference. */
json_t *med_net_to_json(const med_net *n);
/* Keys of the model that are not there: as in its preset paper. Unknown keys are errors. Does not check. */
MED_CHECK med_status med_net_from_json(const med_model *model, const json_t *object, med_net *out);
MED_CHECK med_status med_net_set(med_net *n, const char *pair); /* "key=value", "plan.NAME=off" */

MED_CHECK med_status med_net_parameters(const med_net *n, med_parameter_fn *visit, void *context);
int64_t med_net_count(const med_net *n); /* numbers in all parameters */
/* All parameters by the seed, and the metadata medley.model, medley.config, medley.version. */
MED_CHECK med_status med_net_init(const med_net *n, uint64_t seed, med_weights **out);
void med_net_describe(const med_net *n, med_weights *w); /* sets the metadata */

/* Weights with our names and metadata from any file of a model we know, its configuration changed by `set`
 * ("key=value"; NULL: nothing). Where the file does not tell the size of a slice, `slice` may (see model/mmhvae.h).
 * Tensors under disc/, opt/ and train/ belong to a training checkpoint and are kept. Parameters are read-only.
 * MED_EFORMAT: a parameter that is missing, superfluous, of the wrong shape, not finite; a model we do not know. */
MED_CHECK med_status med_net_load(const char *path, const int slice[2], const med_strings *set, med_weights **weights,
                                  med_net *out);

/* That `w` holds every parameter of n, of its shape and finite, and nothing else but a checkpoint's. name_in_file: how a
 * parameter is called there, for messages (owned text); NULL: as here. MED_EFORMAT. */
MED_CHECK med_status med_net_check_tensors(const med_net *n, const char *path, const med_weights *w,
                                           med_rename_fn *name_in_file, const void *context);

/* The modalities of these names, none for none. MED_EUSAGE tells what there are; `option`: where the names are from, "--given". */
MED_CHECK med_status med_net_find_mods(const med_net *n, const char *option, const med_strings *names, med_modset *out);

/* What it can make of the given modalities, and that it can make these: MED_EUSAGE tells what the model takes. */
med_modset med_net_makes(const med_net *n, med_modset given);
MED_CHECK med_status med_net_accepts(const med_net *n, med_modset given, med_modset target);

/* Builds the model's inference; `out` is cleared first. */
void med_net_infer(med_graph *g, const med_net *n, const med_infer_options *o, med_inference *out);

/* An image of modality j: the input KIND/MOD [n_slices,1,H,W]. */
med_val med_net_image(med_graph *g, const med_net *n, const char *kind, int j, int n_slices);

/* `n`, or where its size is 0 x 0, the same with some size that has the shapes of w. */
med_net med_net_shaped(const med_net *n, const med_weights *w);

/* Multiply-adds of one slice: convolutions and matrix products as published; norms and activations count nothing. */
double med_net_macs(const med_net *n, med_modset given, med_modset target);

#endif
