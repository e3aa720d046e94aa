/* conv_strip.c: geometry of strips and filling them: padding, phases of the stride, prologue. */
#include "backend/cpu/conv.h"

void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows) {
    int s = g->stride, over_y = (g->kh - 1) / s, over_x = (g->kw - 1) / s;
    g->pitch = g->wo + over_x;
    int64_t row_bytes = (int64_t)g->channels * s * s * g->pitch * (int)sizeof(float);
    int64_t fit = row_bytes ? STRIP_BYTES / row_bytes - over_y : max_rows;
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
    g->plane = ((ptrdiff_t)phase * s * s + 15) / 16 | 1;
    g->plane *= 16;
}

size_t ISA(conv_strip_floats)(const conv_geometry *g) { return (size_t)g->channels * (size_t)g->plane + STRIP_SLACK; }

/* Index in [0, n) behind padded coordinate p, or -1 where there are zeros. */
static int mirror(int p, int n, int is_reflect) {
    if (p >= 0 && p < n) return p;
    if (!is_reflect) return -1;
    p = p < 0 ? -p : 2 * (n - 1) - p;
    return p >= 0 && p < n ? p : -1;
}

/* Columns px, px+s, px+2s, .. of the padded row into dst[0..pitch). */
static void fill_row(const conv_geometry *g, int px, const float *row, float *dst) {
    int s = g->stride;
    int first = (g->pad_x - px + s - 1) / s; /* first position inside the row */
    if (first < 0) first = 0;
    int end = (g->w - 1 + g->pad_x - px) / s + 1;
    if (end > g->pitch) end = g->pitch;
    for (int j = 0; j < first && j < g->pitch; j++) {
        int x = mirror(j * s + px - g->pad_x, g->w, g->is_reflect);
        dst[j] = x < 0 ? 0 : row[x];
    }
    const float *from = row + px - g->pad_x;
    if (s == 1)
        memcpy(dst + first, from + first, (size_t)(end - first) * sizeof *dst);
    else if (s == 2)
        for (int j = first; j < end; j++) dst[j] = from[2 * j];
    else
        for (int j = first; j < end; j++) dst[j] = from[j * s];
    for (int j = end; j < g->pitch; j++) {
        int x = mirror(j * s + px - g->pad_x, g->w, g->is_reflect);
        dst[j] = x < 0 ? 0 : row[x];
    }
}

/* Input rows [*lo, *hi) that the strip reads. */
static void row_range(const conv_geometry *g, int top, int *lo, int *hi) {
    *lo = g->h;
    *hi = 0;
    for (int r = 0; r < g->phase_rows * g->stride; r++) {
        int y = mirror(top + r, g->h, g->is_reflect);
        if (y < 0) continue;
        if (y < *lo) *lo = y;
        if (y >= *hi) *hi = y + 1;
    }
}

void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row,
                          float *strip) {
    int s = g->stride, top = row * s - g->pad_y, lo, hi;
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
        float *to = strip + c * g->plane;
        for (int phase = 0; phase < s * s; phase++)
            for (int r = 0; r < g->phase_rows; r++, to += g->pitch) {
                int y = mirror(top + r * s + phase / s, g->h, g->is_reflect);
                if (y < 0) memset(to, 0, (size_t)g->pitch * sizeof *to);
                else fill_row(g, phase % s, from + (int64_t)y * g->w, to);
            }
        memset(to, 0, (size_t)(strip + (c + 1) * g->plane - to) * sizeof *to);
    }
    memset(strip + n * g->plane, 0, STRIP_SLACK * sizeof *strip);
}
