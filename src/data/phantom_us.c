/* phantom_us.c: the ultrasound image of a tissue map.
 *
 * In beam coordinates (range from the face, angle): scatterers, complex normal, weighted by the tissue's echogenicity;
 * plus coherent echoes where the impedance changes along the beam; both blurred by the point spread function (axial:
 * the pulse; lateral: narrow at the focus, wider above and below; elevation: the slice thickness), attenuated on the
 * way, then read on the voxel grid as complex numbers. So the envelope of homogeneous tissue is Rayleigh distributed
 * everywhere (fully developed speckle). */
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/thread.h"
#include "data/phantom_parts.h"

enum { MAX_TAPS = 31 };

static const phantom_acoustics typical = {
    /*               CSF ventr grey white deep vessel dura plexus spot solid necr rim oedema cyst calcium */
    .scatter_db = {10, -25, -6, 0, -4, -17, 15, 11, 0, 9, -3, 12, 3, -27, 18},
    .impedance = {0.955f, 0.955f, 0.988f, 1, 0.995f, 0.975f, 1.10f, 1.02f, 1, 1.022f, 0.99f, 1.035f, 1.004f, 0.95f,
                  1.4f},
    .attenuation = {0.2f, 0.05f, 0.9f, 1, 1, 0.3f, 2.5f, 1.2f, 1, 1.3f, 0.8f, 1.5f, 1, 0.05f, 14},
};

phantom_us_setting phantom_us_setting_of(const phantom_scene *s) {
    med_rng rng = med_rng_start(phantom_key(s, "phantom/us", 0));
    float h = s->spacing_mm;
    phantom_us_setting set = {.acoustics = typical};
    for (int t = 0; t < N_TISSUES; t++)
        set.acoustics.scatter_db[t] += clampf((float)med_rng_normal(&rng), -2, 2) * (t == T_CYST ? 3 : 1);
    set.axial_mm = fmaxf((float)med_rng_range(&rng, 0.26, 0.36), 0.45f * h);
    set.lateral_mm = fmaxf((float)med_rng_range(&rng, 0.42, 0.6), 0.6f * h);
    set.elevation_mm = fmaxf((float)med_rng_range(&rng, 0.7, 1.1), 0.45f * h);
    set.focus = s->probe.depth * (float)med_rng_range(&rng, 0.35, 0.6);
    set.attenuation_db_per_cm = (float)med_rng_range(&rng, 4, 6);
    set.specular = (float)med_rng_range(&rng, 0.8, 1.3);
    set.noise_db = (float)med_rng_range(&rng, -34, -28);
    set.gain_db = (float)med_rng_range(&rng, -3, 3);
    set.range_db = (float)med_rng_range(&rng, 42, 52);
    set.n_looks = (int)clampf(rintf(1.3f * h * h), 1, 8);
    return set;
}

/* ---- beam grid ---- */

typedef struct beam_grid {
    int n_ranges, n_lines;
    float range_step, line_step, first_angle; /* voxels, radians; outermost lines lie on the fan's edges */
    size_t count;
} beam_grid;

static beam_grid beam_grid_of(const phantom_probe *p) {
    beam_grid g;
    g.n_ranges = (int)ceilf(p->depth * 1.7f) + 1;
    g.n_lines = (int)ceilf(2 * p->half_angle * (p->radius + p->depth) / 0.75f) + 1;
    g.range_step = p->depth / (float)(g.n_ranges - 1);
    g.line_step = 2 * p->half_angle / (float)(g.n_lines - 1);
    g.first_angle = -p->half_angle;
    g.count = (size_t)g.n_ranges * (size_t)g.n_lines;
    return g;
}

typedef struct us_job {
    const phantom_scene *scene;
    const phantom_us_setting *set;
    beam_grid grid;
    float *impedance;           /* per voxel */
    float (*echo)[2], *passage; /* per slice and beam sample: complex echo; amplitude that passes there and back */
    float contact_gain[64];     /* lateral: places of poor contact */
    float *out;                 /* sum of squared envelopes over the looks */
    int look;
} us_job;

/* ---- tissue properties on voxels ---- */

static void impedance_slice(void *context, int k) {
    us_job *job = context;
    const phantom_scene *s = job->scene;
    size_t plane = (size_t)s->n[0] * (size_t)s->n[1];
    for (size_t at = (size_t)k * plane; at < (size_t)(k + 1) * plane; at++)
        job->impedance[at] = s->is_brain[at] ? phantom_scene_mean(s, at, job->set->acoustics.impedance) : 0;
}

/* Central difference along one axis; 0 beside voxels without tissue. */
static float slope(const float *field, size_t at, int i, int n, size_t stride) {
    if (i == 0 || i == n - 1 || field[at - stride] == 0 || field[at + stride] == 0 || field[at] == 0) return 0;
    return 0.5f * (field[at + stride] - field[at - stride]);
}

typedef struct plane_fields {
    float *scatter, *attenuation, *specular, *tissue;
} plane_fields; /* tissue: 0 or 1 */

/* Echo of an interface: the impedance step along the beam, strong only where the interface faces the beam. */
static float interface_echo(const us_job *job, size_t at, int i, int j, int k) {
    const phantom_scene *s = job->scene;
    size_t row = (size_t)s->n[0], plane = row * (size_t)s->n[1];
    med_vec3 g = {slope(job->impedance, at, i, s->n[0], 1), slope(job->impedance, at, j, s->n[1], row),
                  slope(job->impedance, at, k, s->n[2], plane)};
    float length = vec_length(g);
    if (length < 1e-4f) return 0;
    float dx = (float)i - s->probe.x0, dy = (float)j - s->probe.y0[k] + s->probe.radius, r = hypotf(dx, dy) + 1e-6f;
    float facing = fabsf(g.x * dx + g.y * dy) / (r * length);
    return length * facing * (0.15f + 0.85f * facing * facing * facing);
}

static void fill_plane(const us_job *job, int k, plane_fields f) {
    const phantom_scene *s = job->scene;
    float power[N_TISSUES];
    for (int t = 0; t < N_TISSUES; t++) power[t] = powf(10, job->set->acoustics.scatter_db[t] / 10);
    for (int j = 0; j < s->n[1]; j++)
        for (int i = 0; i < s->n[0]; i++) {
            size_t in = (size_t)j * (size_t)s->n[0] + (size_t)i,
                   at = (size_t)k * (size_t)s->n[0] * (size_t)s->n[1] + in;
            bool is_tissue = s->is_brain[at];
            f.tissue[in] = is_tissue;
            f.scatter[in] = is_tissue ? sqrtf(phantom_scene_mean(s, at, power)) : 0;
            f.attenuation[in] = is_tissue ? phantom_scene_mean(s, at, job->set->acoustics.attenuation) : 0;
            f.specular[in] = is_tissue ? interface_echo(job, at, i, j, k) : 0;
        }
}

static float read_plane(const float *plane, const int n[3], float x, float y) {
    x = clampf(x, 0, (float)n[0] - 1.001f);
    y = clampf(y, 0, (float)n[1] - 1.001f);
    int i = (int)x, j = (int)y;
    const float *p = plane + (size_t)j * (size_t)n[0] + (size_t)i, *q = p + n[0];
    float a = x - (float)i, b = y - (float)j;
    return (1 - b) * ((1 - a) * p[0] + a * p[1]) + b * ((1 - a) * q[0] + a * q[1]);
}

/* ---- along the beams ---- */

/* What a beam has met so far: fluid before the brain, tissue, and bone once it has left the brain. */
typedef struct beam_state {
    float lost_db;
    int n_tissue;
    bool is_beyond;
} beam_state;
enum { BONE_AFTER = 3 }; /* samples of tissue that make a later gap the far skull */

typedef struct beam_sample {
    float scatter, specular, passage;
} beam_sample;

static beam_sample beam_step(const us_job *job, beam_state *state, float tissue, float scatter, float attenuation,
                             float specular) {
    const phantom_us_setting *set = job->set;
    float step_cm = job->grid.range_step * job->scene->spacing_mm / 10, compensated = 0.88f;
    beam_sample sample = {0.02f, 0, 0};
    if (tissue > 0.5f) {
        if (state->n_tissue == 0) sample.specular = 2.2f; /* dura and pia under the probe */
        state->n_tissue++;
        state->is_beyond = false;
        sample.scatter = scatter;
        sample.specular += 28 * set->specular * specular;
        state->lost_db += set->attenuation_db_per_cm * step_cm * (attenuation / tissue - compensated);
        state->lost_db += 60 * specular * specular; /* reflected energy is missing behind */
    } else if (state->n_tissue >= BONE_AFTER) {
        if (!state->is_beyond) sample.specular = 7;
        state->is_beyond = true;
        sample.scatter = 0.7f;
        state->lost_db += 14 * step_cm * 3;
    }
    sample.passage = powf(10, -clampf(state->lost_db, -12, 90) / 20);
    return sample;
}

static void beams_of_slice(void *context, int k) {
    us_job *job = context;
    const phantom_scene *s = job->scene;
    const beam_grid *g = &job->grid;
    size_t plane = (size_t)s->n[0] * (size_t)s->n[1];
    float *memory = med_scratch(0, 4 * plane * sizeof(float)), *draws = med_scratch(1, 2 * g->count * sizeof(float));
    plane_fields f = {memory, memory + plane, memory + 2 * plane, memory + 3 * plane};
    fill_plane(job, k, f);
    med_normal_fill(draws, 2 * g->count,
                    phantom_key(s, "phantom/us/scatterers", (uint64_t)job->look << 24 | (uint64_t)k));
    float(*echo)[2] = job->echo + (size_t)k * g->count, *passage = job->passage + (size_t)k * g->count;
    for (int line = 0; line < g->n_lines; line++) {
        float angle = g->first_angle + (float)line * g->line_step, sine = sinf(angle), cosine = cosf(angle);
        beam_state state = {0, 0, false};
        for (int n = 0; n < g->n_ranges; n++) {
            float r = s->probe.radius + (float)n * g->range_step;
            float x = s->probe.x0 + r * sine, y = s->probe.y0[k] - s->probe.radius + r * cosine;
            size_t at = (size_t)n * (size_t)g->n_lines + (size_t)line;
            beam_sample b = beam_step(job, &state, read_plane(f.tissue, s->n, x, y), read_plane(f.scatter, s->n, x, y),
                                      read_plane(f.attenuation, s->n, x, y), read_plane(f.specular, s->n, x, y));
            float gain = b.scatter * 0.70710678f;
            echo[at][0] = gain * draws[2 * at] + b.specular;
            echo[at][1] = gain * draws[2 * at + 1];
            passage[at] = b.passage;
        }
    }
}

/* ---- point spread ---- */

/* Gaussian taps of unit energy (noise keeps its variance); returns the number at each side. */
static int make_taps(float std, float taps[MAX_TAPS]) {
    int side = (int)ceilf(2.6f * std);
    if (side > MAX_TAPS / 2) side = MAX_TAPS / 2;
    float energy = 0;
    for (int i = -side; i <= side; i++) {
        float t = (float)i / fmaxf(std, 0.05f);
        taps[i + side] = expf(-0.5f * t * t);
        energy += taps[i + side] * taps[i + side];
    }
    for (int i = 0; i <= 2 * side; i++) taps[i] /= sqrtf(energy);
    return side;
}

static int mirrored(int i, int n) {
    if (n == 1) return 0;
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * n - 2 - i;
    return i;
}

/* out[r] += tap * in[r'] over whole rows of complex numbers. */
static void add_row(float *out, const float *in, float tap, int n) {
    for (int i = 0; i < 2 * n; i++) out[i] += tap * in[i];
}

static void blur_elevation(const us_job *job, int k, float (*out)[2]) {
    const phantom_scene *s = job->scene;
    float taps[MAX_TAPS];
    int side = make_taps(job->set->elevation_mm / s->spacing_mm, taps);
    memset(out, 0, job->grid.count * sizeof *out);
    for (int i = -side; i <= side; i++)
        add_row(out[0], job->echo[(size_t)mirrored(k + i, s->n[2]) * job->grid.count], taps[i + side],
                (int)job->grid.count);
}

static void blur_axial(const us_job *job, float (*in)[2], float (*out)[2]) {
    const beam_grid *g = &job->grid;
    float taps[MAX_TAPS];
    int side = make_taps(job->set->axial_mm / (g->range_step * job->scene->spacing_mm), taps);
    memset(out, 0, g->count * sizeof *out);
    for (int n = 0; n < g->n_ranges; n++)
        for (int i = -side; i <= side; i++)
            add_row(out[(size_t)n * (size_t)g->n_lines], in[(size_t)mirrored(n + i, g->n_ranges) * (size_t)g->n_lines],
                    taps[i + side], g->n_lines);
}

/* Beam width grows away from the focus as a Gaussian beam's does. */
static void blur_lateral(const us_job *job, float (*in)[2], float (*out)[2]) {
    const beam_grid *g = &job->grid;
    const phantom_probe *p = &job->scene->probe;
    float taps[MAX_TAPS], (*padded)[2] = med_scratch(2, (size_t)(g->n_lines + MAX_TAPS) * sizeof *padded);
    for (int n = 0; n < g->n_ranges; n++) {
        float range = (float)n * g->range_step, off = (range - job->set->focus) / (0.45f * p->depth);
        float width = job->set->lateral_mm * sqrtf(1 + off * off) / job->scene->spacing_mm;
        int side = make_taps(width / ((p->radius + range) * g->line_step), taps);
        float(*row)[2] = in + (size_t)n * (size_t)g->n_lines, (*to)[2] = out + (size_t)n * (size_t)g->n_lines;
        for (int i = -side; i < g->n_lines + side; i++)
            memcpy(padded[i + side], row[mirrored(i, g->n_lines)], sizeof *padded);
        memset(to, 0, (size_t)g->n_lines * sizeof *to);
        for (int i = 0; i <= 2 * side; i++) add_row(to[0], padded[i], taps[i], g->n_lines);
    }
}

/* ---- onto the voxel grid ---- */

static void scan_convert(const us_job *job, int k, float (*echo)[2], const float *noise) {
    const phantom_scene *s = job->scene;
    const beam_grid *g = &job->grid;
    const float *passage = job->passage + (size_t)k * g->count;
    float noise_gain = powf(10, job->set->noise_db / 20);
    for (int j = 0; j < s->n[1]; j++)
        for (int i = 0; i < s->n[0]; i++) {
            size_t in = (size_t)j * (size_t)s->n[0] + (size_t)i,
                   at = (size_t)k * (size_t)s->n[0] * (size_t)s->n[1] + in;
            float range, angle;
            if (!phantom_probe_polar(&s->probe, k, (float)i, (float)j, &range, &angle)) continue;
            float row = clampf(range / g->range_step, 0, (float)g->n_ranges - 1.001f),
                  line = clampf((angle - g->first_angle) / g->line_step, 0, (float)g->n_lines - 1.001f);
            int n = (int)row, m = (int)line;
            float a = line - (float)m, b = row - (float)n,
                  weight[4] = {(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b};
            size_t first = (size_t)n * (size_t)g->n_lines + (size_t)m,
                   from[4] = {first, first + 1, first + (size_t)g->n_lines, first + (size_t)g->n_lines + 1};
            float real = 0, imaginary = 0, pass = 0;
            for (int c = 0; c < 4; c++) {
                real += weight[c] * echo[from[c]][0];
                imaginary += weight[c] * echo[from[c]][1];
                pass += weight[c] * passage[from[c]];
            }
            float contact = job->contact_gain[(int)(63 * line / (float)g->n_lines)];
            float amplified =
                noise_gain * (0.4f + 1.6f * range / s->probe.depth); /* the gain for depth lifts the noise too */
            real = real * pass * contact + amplified * noise[2 * in];
            imaginary = imaginary * pass * contact + amplified * noise[2 * in + 1];
            job->out[at] += real * real + imaginary * imaginary;
        }
}

static void image_slice(void *context, int k) {
    us_job *job = context;
    const phantom_scene *s = job->scene;
    size_t plane = (size_t)s->n[0] * (size_t)s->n[1];
    float(*a)[2] = med_scratch(0, job->grid.count * sizeof *a), (*b)[2] = med_scratch(1, job->grid.count * sizeof *b);
    float *noise = med_scratch(3, 2 * plane * sizeof(float));
    blur_elevation(job, k, a);
    blur_axial(job, a, b);
    blur_lateral(job, b, a);
    med_normal_fill(noise, 2 * plane, phantom_key(s, "phantom/us/noise", (uint64_t)job->look << 24 | (uint64_t)k));
    scan_convert(job, k, a, noise);
}

/* Contact is good in the middle of the face and may fail towards its ends. */
static void draw_contact(us_job *job) {
    med_rng rng = med_rng_start(phantom_key(job->scene, "phantom/us/contact", 0));
    float side = med_rng_uniform(&rng) < 0.5 ? -1 : 1, loss_db = (float)med_rng_range(&rng, 0, 9),
          at = (float)med_rng_range(&rng, 0.55, 0.95);
    for (int i = 0; i < 64; i++) {
        float place = side * ((float)i - 31.5f) / 31.5f, t = (place - at) / 0.22f;
        job->contact_gain[i] = powf(10, -loss_db * expf(-0.5f * t * t) / 20);
    }
}

med_status phantom_us_envelope(const phantom_scene *s, const phantom_us_setting *set, float *out) {
    us_job job = {.scene = s, .set = set, .grid = beam_grid_of(&s->probe), .out = out};
    size_t n_samples = job.grid.count * (size_t)s->n[2];
    void *memory = NULL;
    MED_TRY(med_buffer_alloc((3 * n_samples + s->count) * sizeof(float), "beams of a phantom", &memory));
    job.echo = memory;
    job.passage = (float *)memory + 2 * n_samples;
    job.impedance = (float *)memory + 3 * n_samples;
    draw_contact(&job);
    memset(out, 0, s->count * sizeof *out);
    med_parallel(s->n[2], impedance_slice, &job);
    for (; job.look < set->n_looks; job.look++) {
        med_parallel(s->n[2], beams_of_slice, &job);
        med_parallel(s->n[2], image_slice, &job);
    }
    for (size_t i = 0; i < s->count; i++) out[i] = sqrtf(out[i] / (float)set->n_looks);
    free(memory);
    return MED_OK;
}

void phantom_us_compress(const phantom_scene *s, const phantom_us_setting *set, float *image) {
    const float white_db = -0.60f; /* where homogeneous white matter lies within the dynamic range */
    for (size_t i = 0; i < s->count; i++) {
        if (!s->is_fan[i]) continue;
        float db = 20 * log10f(image[i] + 1e-6f) + set->gain_db + set->range_db * (1 + white_db);
        image[i] = 1 + rintf(254 * clampf(db / set->range_db, 0, 1));
    }
}
