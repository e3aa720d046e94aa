/* opponents.c: one pass over the training cases gathers voxel sums per target and normal equations per pair. */
#include "task/opponents.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

enum { MAX_TERMS = MED_MAX_MODS + 1 }; /* a constant and the given modalities */

typedef struct mean_image { /* of one modality, on the grid of the first training case that has it */
    int n[3];
    double *sum;
    uint16_t *count;
    double total;
    double n_values;
} mean_image;

typedef struct linear_map {
    med_pair pair;
    int n_terms;
    double xx[MAX_TERMS][MAX_TERMS], xy[MAX_TERMS]; /* sums over the training voxels */
    double weight[MAX_TERMS];                       /* the solution; the first is the constant */
    bool is_fit;
} linear_map;

struct med_opponents {
    med_mod_list mods;
    mean_image mean[MED_MAX_MODS];
    int n_maps;
    linear_map *maps;
};

void med_opponents_free(med_opponents *o) {
    if (!o) return;
    for (int j = 0; j < MED_MAX_MODS; j++) {
        free(o->mean[j].sum);
        free(o->mean[j].count);
    }
    free(o->maps);
    free(o);
}

/* ---- mean image ---------------------------------------------------------------------------------------------- */

/* Index along one axis of the mean image for index i of a volume of n voxels: the centres coincide. -1: outside. */
static int centred(int i, int n, int n_mean) {
    int at = i + (n_mean - n) / 2;
    return at >= 0 && at < n_mean ? at : -1;
}

/* Visit the voxels of v with their place in the mean image (-1: outside it). */
typedef void voxel_fn(void *context, long in_mean, long in_volume);
static void each_voxel(const mean_image *m, med_grid grid, voxel_fn *visit, void *context) {
    long at = 0;
    for (int k = 0; k < grid.n[2]; k++)
        for (int j = 0; j < grid.n[1]; j++)
            for (int i = 0; i < grid.n[0]; i++, at++) {
                int mi = centred(i, grid.n[0], m->n[0]), mj = centred(j, grid.n[1], m->n[1]),
                    mk = centred(k, grid.n[2], m->n[2]);
                bool is_inside = mi >= 0 && mj >= 0 && mk >= 0;
                visit(context, is_inside ? ((long)mk * m->n[1] + mj) * m->n[0] + mi : -1, at);
            }
}

static med_status mean_start(mean_image *m, med_grid grid) {
    size_t n = med_grid_count(grid);
    memcpy(m->n, grid.n, sizeof m->n);
    MED_TRY(med_buffer_alloc(sizeof(double) * n, "the mean training image", (void **)&m->sum));
    MED_TRY(med_buffer_alloc(sizeof(uint16_t) * n, "the mean training image", (void **)&m->count));
    memset(m->sum, 0, sizeof(double) * n);
    memset(m->count, 0, sizeof(uint16_t) * n);
    return MED_OK;
}

typedef struct mean_visit {
    mean_image *m;
    const float *voxel;
} mean_visit;

static void add_to_mean(void *context, long in_mean, long in_volume) {
    const mean_visit *v = context;
    double y = v->voxel[in_volume];
    if (!(y > -1)) return;
    v->m->total += y;
    v->m->n_values++;
    if (in_mean < 0) return;
    v->m->sum[in_mean] += y;
    v->m->count[in_mean]++;
}

typedef struct mean_fill {
    const mean_image *m;
    const float *mask;
    float *out;
} mean_fill;

static void fill_from_mean(void *context, long in_mean, long in_volume) {
    const mean_fill *f = context;
    bool has_value = in_mean >= 0 && f->m->count[in_mean];
    double mean = has_value ? f->m->sum[in_mean] / f->m->count[in_mean] : f->m->total / f->m->n_values;
    f->out[in_volume] = f->mask[in_volume] > -1 ? (float)mean : -1;
}

med_status med_opponents_mean(const med_opponents *o, int target, const med_volume *first_given, med_volume **out) {
    const mean_image *m = &o->mean[target];
    *out = NULL;
    if (!m->n_values) return MED_OK;
    MED_TRY(med_volume_create(first_given->grid, out));
    mean_fill f = {m, first_given->voxel, (*out)->voxel};
    each_voxel(m, first_given->grid, fill_from_mean, &f);
    return MED_OK;
}

/* ---- linear map ---------------------------------------------------------------------------------------------- */

typedef struct fit_job {
    const med_scans *scans;
    linear_map *maps;
} fit_job;

/* The given volumes in the order of the map's weights after the constant; returns how many. */
static int given_voxels(med_modset given, const med_volume *const inputs[], const float *x[MED_MAX_MODS]) {
    int n = 0;
    MED_MODSET_EACH (j, given) x[n++] = inputs[j]->voxel;
    return n;
}

/* Each map has its own sums, filled in voxel order by one thread: no digit depends on the number of threads. */
static void add_to_map(void *context, int p) {
    const fit_job *job = context;
    linear_map *map = &job->maps[p];
    const med_scans *s = job->scans;
    med_modset needed = map->pair.given | med_modset_of(map->pair.target);
    if ((s->observed & needed) != needed) return;
    const float *x[MED_MAX_MODS], *y = s->truth[map->pair.target]->voxel;
    int n_given = given_voxels(map->pair.given, (const med_volume *const *)s->input, x);
    size_t n = med_grid_count(s->truth[map->pair.target]->grid);
    for (size_t v = 0; v < n; v++) {
        if (!(y[v] > -1 && x[0][v] > -1)) continue;
        double term[MAX_TERMS];
        term[0] = 1;
        for (int t = 0; t < n_given; t++) term[1 + t] = x[t][v];
        for (int a = 0; a <= n_given; a++) {
            for (int b = 0; b <= a; b++) map->xx[a][b] += term[a] * term[b];
            map->xy[a] += term[a] * y[v];
        }
    }
}

/* Normal equations by Cholesky; a term that the earlier ones explain (a constant modality, say) gets weight 0. */
static void solve(linear_map *map) {
    int n = map->n_terms;
    double l[MAX_TERMS][MAX_TERMS] = {{0}}, z[MAX_TERMS] = {0};
    for (int a = 0; a < n; a++) {
        for (int b = 0; b <= a; b++) {
            double rest = map->xx[a][b];
            for (int c = 0; c < b; c++) rest -= l[a][c] * l[b][c];
            if (a == b)
                l[a][a] = rest > 1e-10 * map->xx[a][a] ? sqrt(rest) : 0;
            else
                l[a][b] = l[b][b] > 0 ? rest / l[b][b] : 0;
        }
        double rest = map->xy[a];
        for (int c = 0; c < a; c++) rest -= l[a][c] * z[c];
        z[a] = l[a][a] > 0 ? rest / l[a][a] : 0;
    }
    for (int a = n - 1; a >= 0; a--) {
        double rest = z[a];
        for (int c = a + 1; c < n; c++) rest -= l[c][a] * map->weight[c];
        map->weight[a] = l[a][a] > 0 ? rest / l[a][a] : 0;
    }
    map->is_fit = map->xx[0][0] > 0;
}

static const linear_map *find_map(const med_opponents *o, med_pair pair) {
    for (int p = 0; p < o->n_maps; p++)
        if (o->maps[p].pair.given == pair.given && o->maps[p].pair.target == pair.target) return &o->maps[p];
    return NULL;
}

med_status med_opponents_linear(const med_opponents *o, med_pair pair, const med_volume *const inputs[MED_MAX_MODS],
                                med_volume **out) {
    const linear_map *map = find_map(o, pair);
    *out = NULL;
    if (!map || !map->is_fit) return MED_OK;
    const med_volume *first = inputs[med_modset_first(pair.given)];
    MED_TRY(med_volume_create(first->grid, out));
    const float *x[MED_MAX_MODS];
    int n_given = given_voxels(pair.given, inputs, x);
    size_t n = med_grid_count(first->grid);
    for (size_t v = 0; v < n; v++) {
        double y = map->weight[0];
        for (int t = 0; t < n_given; t++) y += map->weight[1 + t] * x[t][v];
        (*out)->voxel[v] = x[0][v] > -1 ? (float)fmin(fmax(y, -1), 1) : -1; /* the scale ends at -1 and 1 */
    }
    return MED_OK;
}

/* ---- fitting ------------------------------------------------------------------------------------------------- */

static med_status add_case(med_opponents *o, const med_scans *scans, med_modset targets) {
    MED_MODSET_EACH (j, targets & scans->observed) {
        if (!o->mean[j].sum) MED_TRY(mean_start(&o->mean[j], scans->truth[j]->grid));
        mean_visit v = {&o->mean[j], scans->truth[j]->voxel};
        each_voxel(&o->mean[j], scans->truth[j]->grid, add_to_mean, &v);
    }
    fit_job job = {scans, o->maps};
    med_parallel(o->n_maps, add_to_map, &job);
    return MED_OK;
}

static med_status fit(med_opponents *o, const med_dataset *d, const int *cases, int n_cases, med_modset targets,
                      med_modset wanted) {
    med_progress *progress = med_progress_start("learn the opponents", n_cases);
    med_status status = MED_OK;
    for (int c = 0; c < n_cases && status == MED_OK; c++) {
        const med_case *one = &d->cases[cases[c]];
        med_scans scans;
        status = med_scans_load(one, &o->mods, med_scans_observed(d, one, &o->mods) & wanted, &scans);
        if (status != MED_OK) break;
        status = add_case(o, &scans, targets);
        med_scans_free(&scans);
        med_progress_update(progress, c + 1, "%s", one->name);
    }
    med_progress_end(progress);
    return status;
}

med_status med_opponents_fit(const med_dataset *d, const int *cases, int n_cases, const med_mod_list *mods,
                             const med_pair *pairs, int n_pairs, med_opponents **out) {
    med_opponents *o = med_alloc(sizeof *o);
    med_modset targets = 0, wanted = 0;
    o->mods = *mods;
    o->n_maps = n_pairs;
    o->maps = med_alloc(sizeof(linear_map) * (size_t)(n_pairs + 1));
    for (int p = 0; p < n_pairs; p++) {
        o->maps[p].pair = pairs[p];
        o->maps[p].n_terms = med_modset_count(pairs[p].given) + 1;
        targets |= med_modset_of(pairs[p].target);
        wanted |= pairs[p].given;
    }
    med_status status = fit(o, d, cases, n_cases, targets, wanted | targets);
    if (status != MED_OK) {
        med_opponents_free(o);
        return status;
    }
    for (int p = 0; p < n_pairs; p++) solve(&o->maps[p]);
    *out = o;
    return MED_OK;
}
