/* train_samples.c: what the network makes of one case, as a picture: a row for every modality given alone; the input,
 * then output and truth of every modality that the case has. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "image/png.h"
#include "task/train_work.h"

enum { GAP = 2 };

typedef struct strip {
    int height, width; /* of a slice */
    int rows, columns;
    med_picture picture;
    uint8_t *pixels;
} strip;

static void draw(strip *s, int row, int column, const float *slice) {
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            float v = (slice[y * s->width + x] + 1) * 127.5f;
            size_t at = (size_t)(row * (s->height + GAP) + y) * (size_t)s->picture.width + (size_t)(column * (s->width + GAP) + x);
            s->pixels[at] = (uint8_t)lrintf(v < 0 ? 0 : v > 255 ? 255 : v);
        }
}

/* The slice at axes of the loader as a volume of one slice, for med_synth_run. */
static med_status to_volume(const strip *s, const float *slice, med_volume **out) {
    med_grid grid = {.n = {s->height, s->width, 1}, .affine = med_affine_identity()};
    MED_TRY(med_volume_create(grid, out));
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) (*out)->voxel[x * s->height + y] = slice[y * s->width + x];
    return MED_OK;
}

static void from_volume(const strip *s, const med_volume *v, float *slice) {
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) slice[y * s->width + x] = v->voxel[x * s->height + y];
}

static med_status draw_row(med_train_work *w, strip *s, int row, int given, med_modset observed, const med_train_batch *batch) {
    med_synth_options how = {
        .given = med_modset_of(given), .target = observed & med_net_makes(&w->record.model, med_modset_of(given)), .temperature = 1, .n_samples = 1, .seed = w->record.seed};
    med_volume *in = NULL, *out[MED_MAX_MODS] = {NULL};
    MED_TRY(to_volume(s, batch->x[given], &in));
    const med_volume *inputs[MED_MAX_MODS] = {[0] = NULL};
    inputs[given] = in;
    med_status status = how.target ? med_synth_run(med_train_validator(w), inputs, &how, out, NULL) : MED_OK;
    float *slice = med_alloc((size_t)s->height * (size_t)s->width * sizeof *slice);
    int column = 0;
    draw(s, row, column++, batch->x[given]);
    MED_MODSET_EACH (j, status == MED_OK ? observed : 0) {
        if (out[j]) {
            from_volume(s, out[j], slice);
            draw(s, row, column, slice);
        }
        column++;
        draw(s, row, column++, batch->target[j]);
    }
    free(slice);
    med_volume_free(in);
    for (int j = 0; j < MED_MAX_MODS; j++) med_volume_free(out[j]);
    return status;
}

static med_status save(const med_train_work *w, const strip *s) {
    char *folder = med_path_join(w->options->run, "samples"), *path = med_format("%s/epoch-%05d.png", folder, w->position.epoch);
    med_status status = med_dir_create(folder);
    if (status == MED_OK) status = med_png_save(&s->picture, path);
    free(folder);
    free(path);
    return status;
}

/* The middle slice of the first training case with most modalities. */
med_status med_train_samples(med_train_work *w) {
    const med_train_data *d = w->data;
    int i = med_train_data_fullest(d);
    med_modset observed = d->train[i].subject.observed;
    med_train_draw at = {.first = med_loader_n_slices(d->loader, i) / 2, .n = 1};
    med_train_batch batch;
    med_train_data_batch(w->data, i, &at, &batch);
    strip s = {.height = w->record.model.height, .width = w->record.model.width, .rows = med_modset_count(observed)};
    s.columns = 1 + 2 * s.rows;
    s.picture = (med_picture){s.columns * (s.width + GAP) - GAP, s.rows * (s.height + GAP) - GAP, 1, NULL};
    s.picture.pixels = s.pixels = med_alloc((size_t)s.picture.width * (size_t)s.picture.height);
    int row = 0;
    med_status status = MED_OK;
    MED_MODSET_EACH (j, observed)
        if (status == MED_OK) status = draw_row(w, &s, row++, j, observed, &batch);
    if (status == MED_OK) status = save(w, &s);
    free(s.pixels);
    return status;
}
