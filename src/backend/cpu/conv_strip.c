/* conv_strip.c: geometry of strips and filling them: padding, phases of the stride, prologue. */
#include "backend/cpu/conv.h"

void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows, int max_bytes) {
    int s = g->stride, over_y = g->kh > 0 ? (g->kh - 1) / s : 0, over_x = g->kw > 0 ? (g->kw - 1) / s : 0;
    g->pitch = g->wo + over_x;
    int64_t row_bytes = (int64_t)g->channels * s * s * g->pitch * (int)sizeof(float);
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
            g->tap[y * g->kw + x] = (y % s * s + x % s) * phase + y / s * g->pitch + x / s;
    /* An odd number of cache lines, so that channels do not share cache sets. */
    g->plane = (((ptrdiff_t)phase * s * s + 15) / 16 | 1) * 16;
}

size_t ISA(conv_strip_floats)(const conv_geometry *g) { return (size_t)g->channels * (size_t)g->plane + STRIP_SLACK; }

/* Index in [0, n) behind padded coordinate p, or -1 where there are zeros. */
static int mirror(int p, int n, int is_reflect) {
    if (p >= 0 && p < n) return p;
    if (!is_reflect) return -1;
    p = p < 0 ? -p : 2 * (n - 1) - p;
    return p >= 0 && p < n ? p : -1;
}

/* Every second and every fourth column of neighbouring vectors. */
#define EVEN_LANE(l, s) (2 * (l))
#define ODD_LANE(l, s) (2 * (l) + 1)
INLINE void split_2(const float *from, float *even, float *odd) {
    vf a = vf_load(from), b = vf_load(from + VL);
    vf_store(even, __builtin_shufflevector(a, b, LANES(EVEN_LANE, 0)));
    vf_store(odd, __builtin_shufflevector(a, b, LANES(ODD_LANE, 0)));
}
INLINE void split_4(const float *from, float *to, ptrdiff_t step) {
    float even[2 * VL], odd[2 * VL];
    split_2(from, even, odd);
    split_2(from + 2 * VL, even + VL, odd + VL);
    split_2(even, to, to + 2 * step);
    split_2(odd, to + step, to + 3 * step);
}

/* The padded row, its phases `step` floats apart, `pitch` columns each. */
static void fill_row(const conv_geometry *g, const float *row, float *to, ptrdiff_t step) {
    int s = g->stride, first = (g->pad_x + s - 1) / s, end = (g->w + g->pad_x) / s; /* positions whose phases are all inside */
    if (first < 0) first = 0;
    if (end > g->pitch) end = g->pitch;
    if (first > end) first = end;
    int j = first;
    const float *from = row - g->pad_x;
    if (s == 1) {
        memcpy(to + j, from + j, (size_t)(end - j) * sizeof *to);
        j = end;
    }
    if (s == 2)
        for (; j + VL <= end; j += VL) split_2(from + 2 * j, to + j, to + step + j);
    if (s == 4)
        for (; j + VL <= end; j += VL) split_4(from + 4 * j, to + j, step);
    for (int x = j * s; x < end * s; x++) to[x % s * step + x / s] = from[x];
    for (int x = 0; x < g->pitch * s; x++) {
        if (x == first * s) x = end * s;
        if (x == g->pitch * s) break;
        int at = mirror(x - g->pad_x, g->w, g->is_reflect);
        to[x % s * step + x / s] = at < 0 ? 0 : row[at];
    }
}

/* Padded rows of a strip that some output needs. */
static int rows_needed(const conv_geometry *g) { return (g->rows - 1) * g->stride + g->kh; }

/* Input rows [*lo, *hi) that the strip reads. */
static void row_range(const conv_geometry *g, int top, int *lo, int *hi) {
    *lo = g->h;
    *hi = 0;
    for (int r = 0; r < rows_needed(g); r++) {
        int y = mirror(top + r, g->h, g->is_reflect);
        if (y < 0) continue;
        if (y < *lo) *lo = y;
        if (y >= *hi) *hi = y + 1;
    }
}

static void fill_channel(const conv_geometry *g, const float *from, int top, float *plane) {
    int s = g->stride;
    ptrdiff_t step = (ptrdiff_t)g->phase_rows * g->pitch;
    for (int r = 0; r < g->phase_rows * s; r++) {
        float *to = plane + r % s * s * step + r / s * g->pitch;
        int y = r < rows_needed(g) ? mirror(top + r, g->h, g->is_reflect) : -1;
        if (y >= 0) fill_row(g, from + (int64_t)y * g->w, to, step);
        for (int x = 0; x < s && y < 0; x++) memset(to + x * step, 0, (size_t)g->pitch * sizeof *to);
    }
    memset(plane + s * s * step, 0, (size_t)(g->plane - s * s * step) * sizeof *plane);
}

void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row,
                          float *strip) {
    int top = row * g->stride - g->pad_y, lo, hi;
    row_range(g, top, &lo, &hi);
    float *rows = call ? med_scratch(SCRATCH_ROWS, (size_t)(hi > lo ? hi - lo : 1) * (size_t)g->w * sizeof *rows) : NULL;
    for (int c = 0; c < n; c++) {
        int64_t index = (int64_t)sample * g->channels + c0 + c;
        const float *from = x + index * g->h * g->w;
        if (call && hi > lo) {
            channel_reader reader = ISA(channel_reader)(call, index);
            if (!reader.is_plain) {
                ISA(read_channel)(&reader, from + (int64_t)lo * g->w, rows, (int64_t)(hi - lo) * g->w);
                from = rows - (int64_t)lo * g->w;
            }
        }
        fill_channel(g, from, top, strip + c * g->plane);
    }
    if (c0 + n == g->channels) memset(strip + n * g->plane, 0, STRIP_SLACK * sizeof *strip);
}
