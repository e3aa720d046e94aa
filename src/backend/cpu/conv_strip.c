/* conv_strip.c: geometry of strips and filling them: padding, phases of the stride, prologue. */
#include "backend/cpu/conv.h"
#include "backend/cpu/vunary.h"

static row_layout row_layout_of(const conv_geometry *g) {
    int pad = g->pad_x > 0 ? g->pad_x : 0, held = (g->pitch - 1) * g->stride_x + g->phases_x;
    row_layout l = {.pad = pad, .held = held, .whole = g->w - (pad - g->pad_x), .pitch = g->pitch, .phases = g->phases_x, .line = g->phase, .is_mirrored = g->is_reflect && pad > 0};
    if (l.whole > held - pad) l.whole = held - pad;
    if (l.whole < 0) l.whole = 0;
    for (int k = 0; k < g->stride_x && k < 4; k++) {
        int x = (k + pad) % g->stride_x, at = (k + pad) / g->stride_x;
        l.first[k] = x * l.line + at;
        l.second[k] = (x + g->stride_x) * l.line + at - 1;
    }
    l.is_tiled = g->is_flat && g->stride_x == 4 && g->phases_x == 6 && g->pad_x == 1 && g->w == 4 * g->wo && g->stride_y == 4;
    return l;
}

void ISA(conv_geometry_finish)(conv_geometry *g, int max_rows, int max_bytes) {
    int sy = g->stride_y, sx = g->stride_x, over_y = g->kh > 0 ? (g->kh - 1) / sy : 0, over_x = g->is_flat || g->kw == 0 ? 0 : (g->kw - 1) / sx;
    g->phases_x = g->is_flat ? g->kw : sx;
    g->pitch = g->wo + over_x;
    int64_t row_bytes = (int64_t)g->channels * sy * g->phases_x * g->pitch * (int)sizeof(float);
    int64_t fit = row_bytes ? max_bytes / row_bytes - over_y : max_rows;
    int rows = fit < 1 ? 1 : fit < max_rows ? (int)fit : max_rows;
    if (rows > g->ho) rows = g->ho;
    g->n_strips = (g->ho + rows - 1) / rows;
    g->rows = (g->ho + g->n_strips - 1) / g->n_strips;
    g->n_strips = (g->ho + g->rows - 1) / g->rows;
    g->phase_rows = g->rows + over_y;
    /* Behind the rows of a phase: what a vector may reach over its row. */
    g->phase = sx == 1 ? g->phase_rows * g->pitch : ((g->phase_rows * g->pitch + VL + 15) / 16 | 1) * 16;
    for (int y = 0; y < g->kh; y++)
        for (int x = 0; x < g->kw; x++) {
            int column = x % g->phases_x;
            g->tap[y * g->kw + x] = (y % sy * g->phases_x + column) * g->phase + y / sy * g->pitch + (x - column) / sx;
        }
    /* An odd number of cache lines, so that channels do not share cache sets. */
    g->plane = (((ptrdiff_t)g->phase * sy * g->phases_x + 15) / 16 | 1) * 16;
    g->row = row_layout_of(g);
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

/* s vectors of consecutive columns to the s residues of columns. */
INLINE void split_columns(vf v[4], int s) {
    if (s == 2) {
        vf even = even_of(v[0], v[1]);
        v[1] = odd_of(v[0], v[1]);
        v[0] = even;
    } else if (s == 4) {
        vf even_a = even_of(v[0], v[1]), even_b = even_of(v[2], v[3]), odd_a = odd_of(v[0], v[1]), odd_b = odd_of(v[2], v[3]);
        v[0] = even_of(even_a, even_b);
        v[1] = even_of(odd_a, odd_b);
        v[2] = odd_of(even_a, even_b);
        v[3] = odd_of(odd_a, odd_b);
    }
}

/* Padded columns from `begin` to `end` that the input does not have: mirrored at its first and last, or `outside`. */
INLINE void fill_edge(const row_layout *l, float outside, float *to, int begin, int end, int s) {
    for (int p = begin; p < end; p++) {
        int last = l->pad + l->whole - 1, q = p < l->pad ? 2 * l->pad - p : 2 * last - p;
        float value = outside;
        if (l->is_mirrored && q >= l->pad && q <= last && p - last <= l->pad)
            value = q / s < l->pitch ? to[q % s * l->line + q / s] : to[(q % s + s) * l->line + q / s - 1];
        if (p / s < l->pitch) to[p % s * l->line + p / s] = value;
        if (p >= s && p % s + s < l->phases) to[(p % s + s) * l->line + p / s - 1] = value;
    }
}
INLINE void fill_edges(const row_layout *l, float outside, float *to, int s) {
    fill_edge(l, outside, to, 0, l->pad < l->held ? l->pad : l->held, s);
    fill_edge(l, outside, to, l->pad + l->whole, l->held, s);
}

static void fill_row(float outside, float *to, int n) {
    if (outside == 0) memset(to, 0, (size_t)n * sizeof *to);
    else
        for (int i = 0; i < n; i += VL) vf_put(to, i, n, vf_all(outside));
}

/* A row of the input, read through norm, activation and scale, into a row of a strip: s vectors are read, split into
 * residues, and stored into each line with those. A vector may reach over its row, into what is filled later. */
INLINE void spread(const channel_reader *reader, med_unary_kind kind, const float *row, const row_layout *l, ptrdiff_t ahead, float *to, int s) {
    for (int i = 0; i < l->whole; i += s * VL) {
        vf v[4];
        UNROLL for (int k = 0; k < s; k++) {
            v[k] = i + k * VL < l->whole ? vf_read(reader, kind, vf_take(row, i + k * VL, l->whole)) : vf_all(0);
            __builtin_prefetch(row + ahead + i + k * VL);
        }
        split_columns(v, s);
        UNROLL for (int k = 0; k < s; k++) {
            vf_store(to + l->first[k] + i / s, v[k]);
            if ((k + l->pad) % s + s >= l->phases) continue;
            if (i > 0 || k + l->pad >= s) vf_store(to + l->second[k] + i / s, v[k]);
            else vf_store_range(to + l->second[k], v[k], 1, VL);
        }
    }
    fill_edges(l, reader->outside, to, s);
}

#define RIGHT_LANE(l, s) ((l) + 1)
#define LEFT_LANE(l, s) ((l) + VL - 1)
#define LANE(l, s) (l)

/* The same for rows of whole tiles, each column of tiles being a line of its own: a tile's first column is the last of the one
 * before it, and its last column the first of the next. So lines are stored in whole vectors, each number once: what is loaded
 * next waits for no part. */
INLINE void spread_tiles(const channel_reader *reader, med_unary_kind kind, int is_scaled, const float *row, const row_layout *l, ptrdiff_t ahead, float *to) {
    static const vi lane = {LANES(LANE, 0)};
    vf v[4], first = vf_all(0), last = vf_all(0), second_last = vf_all(0); /* columns 0, 3 and 2 of the vectors before */
    int n = l->whole, at = 0;
    for (int i = 0; i < n; i += 4 * VL, at += VL) {
        UNROLL for (int k = 0; k < 4; k++) {
            v[k] = vf_all(0);
            if (i + k * VL >= n) continue; /* narrow rows: functions cost more than all else here */
            vf x = i + 4 * VL <= n ? vf_load(row + i + k * VL) : vf_take(row, i + k * VL, n);
            v[k] = vf_value(kind, (x - reader->mean) * reader->rstd, reader->param);
            if (is_scaled) v[k] *= reader->scale;
            __builtin_prefetch(row + ahead + i + k * VL);
        }
        split_columns(v, 4);
        vf before = __builtin_shufflevector(last, v[3], LANES(LEFT_LANE, 0));
        if (i > 0) vf_store(to + 5 * l->line + at - VL, __builtin_shufflevector(first, v[0], LANES(RIGHT_LANE, 0)));
        else before = vf_select(lane == 0, l->is_mirrored ? v[1] : vf_all(reader->outside), before);
        vf_store(to + at, before);
        UNROLL for (int k = 0; k < 4; k++) vf_store(to + (k + 1) * l->line + at, v[k]);
        first = v[0];
        last = v[3];
        second_last = v[2];
    }
    vf behind = __builtin_shufflevector(first, first, LANES(RIGHT_LANE, 0));
    vf_store(to + 5 * l->line + at - VL, vf_select(lane == l->pitch - 1 - at + VL, l->is_mirrored ? second_last : vf_all(reader->outside), behind));
}

/* The same without a stride. */
INLINE void copy_row(const channel_reader *reader, med_unary_kind kind, const float *row, const row_layout *l, ptrdiff_t ahead, float *to) {
    for (int i = 0; i < l->whole; i += VL) {
        vf_put(to + l->pad, i, l->whole, vf_read(reader, kind, vf_take(row, i, l->whole)));
        __builtin_prefetch(row + ahead + i);
    }
    fill_edges(l, reader->outside, to, 1);
}

/* The same with any stride, by way of a row of all columns. */
static void copy_columns(const channel_reader *reader, const float *row, const row_layout *l, float *to, int s) {
    float *all = med_scratch(SCRATCH_ROWS, (size_t)l->held * sizeof *all);
    row_layout whole_row = *l;
    whole_row.pitch = l->held;
    whole_row.phases = 1;
    ISA(read_channel)(reader, row, all + l->pad, l->whole);
    fill_edges(&whole_row, reader->outside, all, 1);
    for (int p = 0; p < l->held; p++) to[p % s * l->line + p / s] = all[p];
}

/* Padded rows of a strip that some output needs. */
static int rows_needed(const conv_geometry *g) { return (g->rows - 1) * g->stride_y + g->kh; }

INLINE void fill_rows(const conv_geometry *g, const channel_reader *reader, med_unary_kind kind, const float *from, ptrdiff_t ahead, int top, int begin, int end, float *plane) {
    const channel_reader how = *reader; /* copies that no store can change */
    const row_layout layout = g->row;
    int sy = g->stride_y, s = g->stride_x, skip = g->pad_x < 0 ? -g->pad_x : 0; /* negative padding skips columns */
    for (int r = begin; r < end; r++) {
        float *to = plane + r % sy * g->phases_x * g->phase + r / sy * g->pitch;
        int y = r < rows_needed(g) ? mirror(top + r, g->h, g->is_reflect) : -1;
        const float *row = from + (int64_t)y * g->w + skip;
        if (y < 0)
            for (int x = 0; x < g->phases_x; x++) fill_row(how.outside, to + x * g->phase, g->pitch);
        else if (s == 1) copy_row(&how, kind, row, &layout, ahead, to);
        else if (s == 2) spread(&how, kind, row, &layout, ahead, to, 2);
        else if (s == 4) spread(&how, kind, row, &layout, ahead, to, 4);
        else copy_columns(reader, row, &layout, to, s);
    }
}

/* The same for rows of tiles. */
INLINE void fill_tile_rows(const conv_geometry *g, const channel_reader *reader, med_unary_kind kind, int is_scaled, const float *from, ptrdiff_t ahead, int top, int begin, int end, float *plane) {
    const channel_reader how = *reader;
    const row_layout layout = g->row;
    int needed = rows_needed(g), h = g->h, w = g->w;
    for (int r = begin; r < end; r++) {
        float *to = plane + r % 4 * 6 * layout.line + r / 4 * layout.pitch;
        int y = r < needed ? mirror(top + r, h, layout.is_mirrored) : -1;
        if (y >= 0) spread_tiles(&how, kind, is_scaled, from + (int64_t)y * w, &layout, ahead, to);
        else
            for (int x = 0; x < 6; x++) fill_row(how.outside, to + x * layout.line, layout.pitch);
    }
}

void ISA(conv_strip_fill_rows)(const conv_geometry *g, const med_call *call, const float *x, int sample, int channel, int row, int begin, int end, float *plane) {
    int64_t index = (int64_t)sample * g->channels + channel, size = (int64_t)g->h * g->w;
    channel_reader reader = call ? ISA(channel_reader)(call, index) : (channel_reader){.act = MED_UNARY_none, .rstd = 1, .scale = 1};
    /* What is read next: the same rows of the next channel, or those behind them of the first. */
    ptrdiff_t ahead = channel + 1 < g->channels ? size : (ptrdiff_t)(end - begin) * g->w - channel * size;
    const float *from = x + index * size;
    int top = row * g->stride_y - g->pad_y;
    if (g->row.is_tiled && reader.scale == 1)
        WITH_PROLOGUE_KIND(reader.act, fill_tile_rows(g, &reader, KIND, 0, from, ahead, top, begin, end, plane))
    else if (g->row.is_tiled)
        WITH_PROLOGUE_KIND(reader.act, fill_tile_rows(g, &reader, KIND, 1, from, ahead, top, begin, end, plane))
    else
        WITH_PROLOGUE_KIND(reader.act, fill_rows(g, &reader, KIND, from, ahead, top, begin, end, plane))
}

void ISA(conv_strip_fill)(const conv_geometry *g, const med_call *call, const float *x, int sample, int c0, int n, int row, float *strip) {
    ptrdiff_t filled = (ptrdiff_t)g->phase * g->stride_y * g->phases_x;
    for (int c = 0; c < n; c++, strip += g->plane) {
        ISA(conv_strip_fill_rows)(g, call, x, sample, c0 + c, row, 0, g->phase_rows * g->stride_y, strip);
        memset(strip + filled, 0, (size_t)(g->plane - filled) * sizeof *strip);
    }
    if (c0 + n == g->channels) memset(strip, 0, STRIP_SLACK * sizeof *strip);
}
