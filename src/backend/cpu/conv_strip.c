/* conv_strip.c: geometry of strips and filling them: padding, phases of the stride, prologue. */
#include "backend/cpu/conv.h"

void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows, int max_bytes) {
    int sy = g->stride_y, sx = g->stride_x, over_y = g->kh > 0 ? (g->kh - 1) / sy : 0, over_x = g->kw > 0 ? (g->kw - 1) / sx : 0;
    g->pitch = g->wo + over_x;
    int64_t row_bytes = (int64_t)g->channels * sy * sx * g->pitch * (int)sizeof(float);
    int64_t fit = row_bytes ? max_bytes / row_bytes - over_y : max_rows;
    int rows = fit < 1 ? 1 : fit < max_rows ? (int)fit : max_rows;
    if (rows > g->ho) rows = g->ho;
    g->n_strips = (g->ho + rows - 1) / rows;
    g->rows = (g->ho + g->n_strips - 1) / g->n_strips;
    g->n_strips = (g->ho + g->rows - 1) / g->rows;
    g->phase_rows = g->rows + over_y;
    int phase = g->phase_rows * g->pitch;
    for (int y = 0; y < g->kh; y++)
        for (int x = 0; x < g->kw; x++)
            g->tap[y * g->kw + x] = (y % sy * sx + x % sx) * phase + y / sy * g->pitch + x / sx;
    /* An odd number of cache lines, so that channels do not share cache sets. */
    g->plane = (((ptrdiff_t)phase * sy * sx + 15) / 16 | 1) * 16;
}

size_t ISA(conv_strip_floats)(const conv_geometry *g) { return (size_t)g->channels * (size_t)g->plane + STRIP_SLACK; }

/* Index in [0, n) behind padded coordinate p, or -1 where there are zeros. */
static int mirror(int p, int n, int is_reflect) {
    if (p >= 0 && p < n) return p;
    if (!is_reflect) return -1;
    p = p < 0 ? -p : 2 * (n - 1) - p;
    return p >= 0 && p < n ? p : -1;
}

/* Every second column of two vectors side by side. */
#define EVEN_LANE(l, s) (2 * (l))
#define ODD_LANE(l, s) (2 * (l) + 1)
INLINE vf even_of(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(EVEN_LANE, 0)); }
INLINE vf odd_of(vf a, vf b) { return __builtin_shufflevector(a, b, LANES(ODD_LANE, 0)); }

/* Phases of a padded line, `step` floats apart, n columns each. The line may be read up to whole vectors. */
static void split_line(const float *line, int s, int n, float *to, ptrdiff_t step) {
    int j = 0;
    if (s == 2)
        for (; j < n; j += VL) {
            vf a = vf_load(line + 2 * j), b = vf_load(line + 2 * j + VL);
            vf_put(to, j, n, even_of(a, b));
            vf_put(to + step, j, n, odd_of(a, b));
        }
    if (s == 4)
        for (; j < n; j += VL) {
            const float *p = line + 4 * j;
            vf a = vf_load(p), b = vf_load(p + VL), c = vf_load(p + 2 * VL), d = vf_load(p + 3 * VL);
            vf even_a = even_of(a, b), even_b = even_of(c, d), odd_a = odd_of(a, b), odd_b = odd_of(c, d);
            vf_put(to, j, n, even_of(even_a, even_b));
            vf_put(to + step, j, n, even_of(odd_a, odd_b));
            vf_put(to + 2 * step, j, n, odd_of(even_a, even_b));
            vf_put(to + 3 * step, j, n, odd_of(odd_a, odd_b));
        }
    for (; j < n; j++)
        for (int x = 0; x < s; x++) to[x * step + j] = line[j * s + x];
}

/* `n` columns of the padded row. */
static void fill_line(const conv_geometry *g, const channel_reader *reader, const float *row, int n, float *line) {
    int first = g->pad_x > 0 ? g->pad_x : 0, skip = first - g->pad_x; /* negative padding skips columns */
    int whole = g->w - skip < n - first ? g->w - skip : n - first;
    if (whole < 0) whole = 0;
    if (first > n) first = n;
    if (reader) ISA(read_channel)(reader, row + skip, line + first, whole);
    else memcpy(line + first, row + skip, (size_t)whole * sizeof *line);
    int is_mirrored = g->is_reflect && g->pad_x > 0;
    for (int x = 0; x < first; x++) line[x] = is_mirrored && 2 * first - x < first + whole ? line[2 * first - x] : 0;
    int last = first + whole - 1;
    for (int x = last + 1; x < n; x++) line[x] = is_mirrored && x - last <= g->pad_x && 2 * last - x >= first ? line[2 * last - x] : 0;
}

/* Padded rows of a strip that some output needs. */
static int rows_needed(const conv_geometry *g) { return (g->rows - 1) * g->stride_y + g->kh; }

static void fill_channel(const conv_geometry *g, const channel_reader *reader, const float *from, int top, float *plane, float *line) {
    int sy = g->stride_y, sx = g->stride_x;
    ptrdiff_t step = (ptrdiff_t)g->phase_rows * g->pitch;
    for (int r = 0; r < g->phase_rows * sy; r++) {
        float *to = plane + r % sy * sx * step + r / sy * g->pitch;
        int y = r < rows_needed(g) ? mirror(top + r, g->h, g->is_reflect) : -1;
        if (y < 0) {
            for (int x = 0; x < sx; x++) memset(to + x * step, 0, (size_t)g->pitch * sizeof *to);
        } else if (sx == 1) {
            fill_line(g, reader, from + (int64_t)y * g->w, g->pitch, to);
        } else {
            fill_line(g, reader, from + (int64_t)y * g->w, g->pitch * sx, line);
            split_line(line, sx, g->pitch, to, step);
        }
    }
    memset(plane + sy * sx * step, 0, (size_t)(g->plane - sy * sx * step) * sizeof *plane);
}

void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row,
                          float *strip) {
    float *line = med_scratch(SCRATCH_ROWS, (size_t)(g->pitch * g->stride_x + 4 * VL) * sizeof *line);
    for (int c = 0; c < n; c++) {
        int64_t index = (int64_t)sample * g->channels + c0 + c;
        channel_reader reader = {.is_plain = 1};
        if (call) reader = ISA(channel_reader)(call, index);
        fill_channel(g, reader.is_plain ? NULL : &reader, x + index * g->h * g->w, row * g->stride_y - g->pad_y, strip + c * g->plane, line);
    }
    if (c0 + n == g->channels) memset(strip + n * g->plane, 0, STRIP_SLACK * sizeof *strip);
}
