/* mmhvae_load.c: weights of an MMHVAE from any file that holds them: ours, or a state dict of the authors' release.
 *
 * The release's files carry no configuration: it is read off names and shapes. What they cannot tell is the size of a
 * slice (only the number of cells of the bottleneck), whether SE and residual sums are on (taken as on), and whether the
 * fusion is by averages (taken as products). */
#include "model/mmhvae.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

static const char *const known_mods[] = {"us", "t2", "cet1", "flair"}; /* the release's order; others follow as found */
enum { N_KNOWN_MODS = 4 };

typedef struct loader {
    const char *path;
    med_weights *weights;
    med_mmhvae_config *config;
    bool is_release; /* its names, for messages */
} loader;

/* ---- names ---- */

static bool begins_with(const char *text, const char *prefix) { return !strncmp(text, prefix, strlen(prefix)); }

static char *to_ours(const void *head_has_input_conv, const char *name) {
    char *ours = med_mmhvae_name_from_release(name, *(const bool *)head_has_input_conv);
    return ours ? ours : med_strdup(name);
}

/* Rename a release's tensors to ours; a file that has neither names is of another model. */
static med_status settle_names(loader *l) {
    bool has_input_conv = false, is_ours = false;
    const med_weights *w = l->weights;
    for (int i = 0; i < med_weights_count(w); i++) {
        const char *name = med_weights_at(w, i)->name;
        l->is_release = l->is_release || begins_with(name, "first_conv.");
        is_ours = is_ours || (begins_with(name, "enc/") && med_ends_with(name, "/first/weight"));
        has_input_conv = has_input_conv || (begins_with(name, "final_blocks.") && med_ends_with(name, ".res.0.weight"));
    }
    if (l->is_release) {
        med_status status = med_weights_rename(l->weights, to_ours, &has_input_conv);
        return status == MED_OK ? status : med_fail_in(status, "%s", l->path);
    }
    if (is_ours) return MED_OK;
    return med_fail(MED_EFORMAT,
                    "%s: not the weights of an MMHVAE: of its %d tensors none is called first_conv.MOD.weight or "
                    "enc/MOD/first/weight%s%s",
                    l->path, med_weights_count(w), med_weights_count(w) ? ", the first is " : "",
                    med_weights_count(w) ? med_weights_at(w, 0)->name : "");
}

/* A parameter's name as the file has it. */
static char *name_in_file(const void *context, const char *ours) {
    const loader *l = context;
    char *release = l->is_release ? med_mmhvae_name_to_release(l->config, ours) : NULL;
    return release ? release : med_strdup(ours);
}

/* ---- configuration from names and shapes ---- */

static const med_tensor *find(const loader *l, const char *format, ...) MED_PRINTF(2, 3);
static const med_tensor *find(const loader *l, const char *format, ...) {
    char name[160];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return med_weights_find(l->weights, name);
}

static int rows_of(const med_tensor *t) {
    return t && t->shape.rank && t->shape.dim[0] <= 1 << 20 ? (int)t->shape.dim[0] : 0;
}

static med_status add_mod(const loader *l, const char *name, size_t n) {
    med_mmhvae_config *c = l->config;
    for (int j = 0; j < c->n_mods; j++)
        if (strlen(c->mods[j]) == n && !strncmp(c->mods[j], name, n)) return MED_OK;
    if (c->n_mods == MED_MAX_MODS || n >= MED_MOD_NAME)
        return med_fail(MED_EFORMAT,
                        "%s: modality %.*s: at most %d modalities with names of at most %d letters are possible",
                        l->path, (int)n, name, MED_MAX_MODS, MED_MOD_NAME - 1);
    memcpy(c->mods[c->n_mods], name, n);
    c->mods[c->n_mods++][n] = '\0';
    return MED_OK;
}

static med_status infer_mods(const loader *l) {
    for (int k = 0; k < N_KNOWN_MODS; k++)
        if (find(l, "enc/%s/first/weight", known_mods[k])) MED_TRY(add_mod(l, known_mods[k], strlen(known_mods[k])));
    for (int i = 0; i < med_weights_count(l->weights); i++) {
        const char *name = med_weights_at(l->weights, i)->name;
        if (begins_with(name, "enc/") && med_ends_with(name, "/first/weight"))
            MED_TRY(add_mod(l, name + 4, strlen(name) - strlen("enc/") - strlen("/first/weight")));
    }
    return MED_OK;
}

/* Sizes are those of the first modality; the others are compared with the complete list afterwards. */
static med_status infer_config(const loader *l) {
    med_mmhvae_config *c = l->config;
    *c = (med_mmhvae_config){.se = true, .residual = true};
    MED_TRY(infer_mods(l));
    const char *mod = c->mods[0];
    c->base = rows_of(find(l, "enc/%s/first/weight", mod));
    while (c->pools < MED_MAX_POOLS && find(l, "enc/%s/%d/down/weight", mod, c->pools)) c->pools++;
    c->max = rows_of(find(l, "enc/%s/%d/conv0/weight", mod, c->pools));
    c->nfinal = rows_of(find(l, "head/%s/smooth/weight", mod));
    while (c->levels <= c->pools && find(l, "prior/%d/v", c->levels)) c->levels++;
    c->levels = c->levels < c->pools ? c->levels + 1 : 0;
    const med_tensor *joint = find(l, "post/0/conv0/weight");
    if (joint && joint->shape.rank == 4 && c->n_mods > 1 && joint->shape.dim[1] == (1 + c->n_mods) * joint->shape.dim[0])
        c->fusion = MED_FUSION_CONCAT;
    while (c->nblocks < 64 && find(l, "head/%s/%d/conv0/weight", mod, c->nblocks)) c->nblocks++;
    const struct {
        int value;
        const char *what;
    } needed[] = {{c->base, "first convolution"},
                  {c->pools, "strided convolutions"},
                  {c->max, "deepest block"},
                  {c->nfinal, "image decoder"}};
    for (int i = 0; i < 4; i++)
        if (!needed[i].value)
            return med_fail(MED_EFORMAT, "%s: modality %s has no %s: not complete, or not the weights of an MMHVAE",
                            l->path, mod, needed[i].what);
    return MED_OK;
}

/* ---- size of a slice ---- */

/* Smallest multiple of 2^pools that holds n pixels, in steps. */
static int cells(int n, int pools) { return (n + (1 << pools) - 1) >> pools; }

static med_status fail_size(const loader *l, int n_cells, const int slice[2]) {
    const med_mmhvae_config *c = l->config;
    char images[96] = "";
    if (slice[0] > 0)
        snprintf(images, sizeof images, " The images' %d x %d pixels make %d x %d.", slice[0], slice[1],
                 cells(slice[0], c->pools), cells(slice[1], c->pools));
    return med_fail(MED_EFORMAT,
                    "%s: the bottleneck has %d cells of %d x %d pixels, which is no square.%s Say the slice size of "
                    "the training: --set size=H,W",
                    l->path, n_cells, 1 << c->pools, 1 << c->pools, images);
}

static med_status settle_size(const loader *l, const int slice[2]) {
    med_mmhvae_config *c = l->config;
    int n_rows = rows_of(find(l, "top/generate/v")), n_cells = c->max > 0 ? n_rows / c->max : 0;
    if (n_cells < 1 || n_cells * c->max != n_rows)
        return med_fail(MED_EFORMAT,
                        "%s: the top layer has %d rows, expected a multiple of the %d channels of the deepest block",
                        l->path, n_rows, c->max);
    if (c->height) {
        if (cells(c->height, c->pools) * cells(c->width, c->pools) == n_cells) return MED_OK;
        return med_fail(MED_EUSAGE, "%s: size %d,%d gives a bottleneck of %d cells, the weights are for %d", l->path,
                        c->height, c->width, cells(c->height, c->pools) * cells(c->width, c->pools), n_cells);
    }
    int side = (int)lround(sqrt(n_cells)), h = side, w = side;
    bool is_square = side * side == n_cells;
    if (slice && slice[0] > 0 && cells(slice[0], c->pools) * cells(slice[1], c->pools) == n_cells) {
        h = cells(slice[0], c->pools);
        w = cells(slice[1], c->pools);
    } else if (!is_square) {
        return slice ? fail_size(l, n_cells, slice) : MED_OK;
    }
    c->height = h << c->pools;
    c->width = w << c->pools;
    return MED_OK;
}

/* ---- all together ---- */

static med_status read_config(loader *l) {
    const char *model = med_weights_meta(l->weights, "medley.model"),
               *text = med_weights_meta(l->weights, "medley.config");
    if (model && strcmp(model, "mmhvae"))
        return med_fail(MED_EFORMAT, "%s: weights of the model '%.40s', expected mmhvae", l->path, model);
    MED_TRY(settle_names(l));
    if (!text) return infer_config(l);
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!object) return med_fail(MED_EFORMAT, "%s: medley.config is not JSON: %s", l->path, error.text);
    med_status status = med_mmhvae_from_json(object, l->config);
    json_decref(object);
    return status == MED_OK ? status : med_fail_in(MED_EFORMAT, "%s: medley.config", l->path);
}

/* The rules of a configuration need a size; where it stays open, the least will do. */
static med_status check_config(const loader *l) {
    med_mmhvae_config c = *l->config;
    if (!c.height) c.height = c.width = 4 << c.pools;
    med_status status = med_mmhvae_check(&c);
    return status == MED_OK ? status : med_fail_in(status, "%s", l->path);
}

/* With an open size, 1 x n cells have the shapes of every other form. */
med_mmhvae_config med_mmhvae_shaped(const med_mmhvae_config *c, const med_weights *w) {
    med_mmhvae_config shaped = *c;
    if (c->height) return shaped;
    shaped.height = 1 << c->pools;
    shaped.width = rows_of(med_weights_find(w, "top/generate/v")) / c->max << c->pools;
    return shaped;
}

static med_status check_shapes(const loader *l) {
    med_mmhvae_config c = med_mmhvae_shaped(l->config, l->weights);
    med_net n = med_mmhvae_net(&c);
    return med_net_check_tensors(&n, l->path, l->weights, name_in_file, l);
}

med_status med_mmhvae_load_from(const char *path, const int slice[2], const med_strings *set, med_weights *weights,
                                med_mmhvae_config *config) {
    loader l = {.path = path, .weights = weights, .config = config};
    MED_TRY(read_config(&l));
    for (int i = 0; set && i < set->n; i++) MED_TRY(med_mmhvae_set(config, set->item[i]));
    MED_TRY(check_config(&l));
    MED_TRY(settle_size(&l, slice));
    MED_TRY(check_config(&l)); /* now the size too */
    MED_TRY(check_shapes(&l));
    med_mmhvae_describe(config, weights);
    return MED_OK;
}

med_status med_mmhvae_load(const char *path, const int slice[2], const med_strings *set, med_weights **weights,
                           med_mmhvae_config *config) {
    *weights = NULL;
    med_weights *w;
    MED_TRY(med_weights_load_any(path, &w));
    med_status status = med_mmhvae_load_from(path, slice, set, w, config);
    if (status == MED_OK)
        *weights = w;
    else
        med_weights_free(w);
    return status;
}
