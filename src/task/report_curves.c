/* report_curves.c: training log -> small multiples in SVG, one chart per kind of quantity. */
#include "task/report_curves.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "task/report_axis.h"

enum {
    MAX_SERIES = 2,
    MAX_DRAWN = 300,
    WIDTH = 420,
    HEIGHT = 230,
    LEFT = 52,
    RIGHT = 12,
    TOP = 28,
    BOTTOM = 34,
    TILE_HEIGHT = HEIGHT + 22,
    CAPTION_BYTES = 96
};

typedef struct series {
    const char *key, *label;
    int n;
    double *x, *y;
} series;

typedef struct chart {
    const char *title;
    series series[MAX_SERIES];
} chart;

#define N_CHARTS 6
static const chart charts[N_CHARTS] = {
    {"Total loss", {{.key = "loss", .label = "training"}}},
    {"Image error of the three passes", {{.key = "image", .label = "training"}}},
    {"Image error, one modality given",
     {{.key = "val_loss", .label = "validation"}, {.key = "val_average", .label = "moving average"}}},
    {"Kullback-Leibler divergence", {{.key = "kl", .label = "training"}}},
    {"Adversarial",
     {{.key = "adversarial", .label = "generator"}, {.key = "discriminator", .label = "discriminators"}}},
    {"Learning rate", {{.key = "lr", .label = "learning rate"}}},
};

/* ---- reading ------------------------------------------------------------------------------------------------- */

static void series_add(series *s, double x, double y) {
    if (!(s->n & (s->n - 1))) { /* a power of two, or 0: full */
        size_t bytes = sizeof(double) * (size_t)(s->n ? 2 * s->n : 1);
        double *grown_x = med_alloc(bytes), *grown_y = med_alloc(bytes);
        if (s->n) {
            memcpy(grown_x, s->x, sizeof(double) * (size_t)s->n);
            memcpy(grown_y, s->y, sizeof(double) * (size_t)s->n);
        }
        free(s->x);
        free(s->y);
        s->x = grown_x;
        s->y = grown_y;
    }
    s->x[s->n] = x;
    s->y[s->n++] = y;
}

typedef struct log_reader {
    chart charts[N_CHARTS];
    double last_step; /* lines of an epoch carry no step: they stand at the last one */
    bool has_steps;
    long n_lines;
} log_reader;

static void read_entry(log_reader *log, const json_t *entry) {
    const json_t *step = json_object_get(entry, "step"), *epoch = json_object_get(entry, "epoch");
    if (json_is_number(step)) {
        log->last_step = json_number_value(step);
        log->has_steps = true;
    }
    double x = log->has_steps          ? log->last_step
               : json_is_number(epoch) ? json_number_value(epoch)
                                       : (double)log->n_lines;
    for (int c = 0; c < N_CHARTS; c++)
        for (int s = 0; s < MAX_SERIES && log->charts[c].series[s].key; s++) {
            const json_t *y = json_object_get(entry, log->charts[c].series[s].key);
            if (json_is_number(y)) series_add(&log->charts[c].series[s], x, json_number_value(y));
        }
}

static med_status read_lines(log_reader *log, const char *path, const char *text, size_t n) {
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - text) - at : n - at;
        json_error_t error;
        json_t *entry = length ? json_loadb(text + at, length, 0, &error) : NULL;
        log->n_lines++;
        if (json_is_object(entry))
            read_entry(log, entry);
        else if (length && end) {
            json_decref(entry);
            return med_fail(MED_EFORMAT, "%s:%ld: expected one JSON object per line, found %.*s", path, log->n_lines,
                            (int)(length < 20 ? length : 20), text + at);
        }
        json_decref(entry);
        at += length + 1;
    }
    return MED_OK;
}

/* ---- drawing ------------------------------------------------------------------------------------------------- */

typedef struct axis {
    double lo, hi;
    bool is_log;
    double from, to; /* where lo and hi lie in the picture */
} axis;

static double place(const axis *a, double value) {
    double t = a->is_log ? log(value / a->lo) / log(a->hi / a->lo) : (value - a->lo) / (a->hi - a->lo);
    return a->from + t * (a->to - a->from);
}

/* Thin to MAX_DRAWN points by means of neighbours; returns how many points became one. */
static int thin(series *s) {
    int stride = (s->n + MAX_DRAWN - 1) / MAX_DRAWN, n = 0;
    for (int i = 0; i < s->n; i += stride) {
        double x = 0, y = 0;
        int m = i + stride <= s->n ? stride : s->n - i;
        for (int k = 0; k < m; k++) x += s->x[i + k], y += s->y[i + k];
        s->x[n] = x / m;
        s->y[n++] = y / m;
    }
    s->n = n;
    return stride;
}

static void find_limits(const chart *c, axis *x, axis *y) {
    x->lo = y->lo = INFINITY;
    x->hi = y->hi = -INFINITY;
    for (int s = 0; s < MAX_SERIES; s++)
        for (int i = 0; i < c->series[s].n; i++) {
            x->lo = fmin(x->lo, c->series[s].x[i]), x->hi = fmax(x->hi, c->series[s].x[i]);
            y->lo = fmin(y->lo, c->series[s].y[i]), y->hi = fmax(y->hi, c->series[s].y[i]);
        }
    if (!(x->hi > x->lo)) x->hi = x->lo + 1;
    y->is_log = y->lo > 0 && y->hi > 30 * y->lo;
    if (y->is_log) return;
    if (y->lo > 0 && y->lo < 0.5 * y->hi) y->lo = 0;
    bool stands_on_0 = y->lo == 0;
    med_axis_widen(&y->lo, &y->hi, 0.05);
    if (stands_on_0) y->lo = 0;
}

static void draw_y_tick(med_text *html, const axis *y, double value) {
    double at = place(y, value);
    med_text_add(html,
                 "<path class=\"axis\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>",
                 LEFT, at, WIDTH - RIGHT, LEFT - 6, at + 4, value);
}

static void draw_axes(med_text *html, const axis *x, const axis *y, const char *x_title) {
    double tick[MED_MAX_TICKS];
    int n = med_axis_ticks(x->lo, x->hi, 5, tick);
    for (int i = 0; i < n; i++)
        med_text_add(html, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.6g</text>", place(x, tick[i]), HEIGHT - BOTTOM + 14, tick[i]);
    med_text_add(html, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", WIDTH - RIGHT, HEIGHT - 4, x_title);
    if (y->is_log) {
        for (double decade = pow(10, floor(log10(y->lo))); decade <= y->hi; decade *= 10)
            for (int k = 1; k <= 5; k += k == 1 ? 1 : 3) { /* 1, 2, 5 */
                bool is_wanted = k == 1 || y->hi < 1000 * y->lo;
                if (is_wanted && k * decade >= y->lo && k * decade <= y->hi) draw_y_tick(html, y, k * decade);
            }
    } else {
        n = med_axis_ticks(y->lo, y->hi, 5, tick);
        for (int i = 0; i < n; i++) draw_y_tick(html, y, tick[i]);
    }
}

/* One svg element with these attributes; says in words what it shows. */
static void draw_chart(med_text *out, chart *c, const char *x_title, const char *attributes,
                       char caption[CAPTION_BYTES]) {
    axis x = {.from = LEFT, .to = WIDTH - RIGHT}, y = {.from = HEIGHT - BOTTOM, .to = TOP};
    int stride = 1, legend = WIDTH - RIGHT;
    for (int s = 0; s < MAX_SERIES; s++)
        if (c->series[s].n > MAX_DRAWN) stride = thin(&c->series[s]);
    find_limits(c, &x, &y);
    med_text_add(out, "<svg viewBox=\"0 0 %d %d\" %s>", WIDTH, HEIGHT, attributes);
    draw_axes(out, &x, &y, x_title);
    for (int s = MAX_SERIES - 1; s >= 0; s--) {
        const series *line = &c->series[s];
        if (line->n < 2) continue;
        med_text_add(out, "<path class=\"series s%d\" d=\"", s);
        for (int i = 0; i < line->n; i++)
            med_text_add(out, "%c%.1f %.1f", i ? 'L' : 'M', place(&x, line->x[i]), place(&y, line->y[i]));
        med_text_add(out, "\"/><text class=\"s%d\" x=\"%d\" y=\"16\" text-anchor=\"end\">%s</text>", s, legend,
                     line->label);
        legend -= 14 + 7 * (int)strlen(line->label);
    }
    med_text_put(out, "</svg>");
    int n = snprintf(caption, CAPTION_BYTES, "%s%s", c->title, y.is_log ? ", logarithmic scale" : "");
    if (stride > 1) snprintf(caption + n, CAPTION_BYTES - (size_t)n, "; each point is the mean of %d", stride);
}

/* Two points or more, and not zero all along (a term that is switched off). */
static bool is_worth_drawing(const chart *c) {
    for (int s = 0; s < MAX_SERIES; s++)
        for (int i = 0; c->series[s].n > 1 && i < c->series[s].n; i++)
            if (c->series[s].y[i] != 0) return true;
    return false;
}

/* ---- the page's figures, or a picture of its own ------------------------------------------------------------ */

typedef void add_chart(med_text *out, chart *c, int index, const char *x_title);

static void add_figure(med_text *html, chart *c, int index, const char *x_title) {
    char caption[CAPTION_BYTES], attributes[64];
    (void)index;
    snprintf(attributes, sizeof attributes, "role=\"img\" aria-label=\"%s\"", c->title);
    med_text_put(html, "<figure>");
    draw_chart(html, c, x_title, attributes, caption);
    med_text_add(html, "<figcaption>%s</figcaption></figure>\n", caption);
}

/* Two charts side by side; each with its caption below. */
static void add_tile(med_text *svg, chart *c, int index, const char *x_title) {
    char caption[CAPTION_BYTES], attributes[96];
    int x = index % 2 * WIDTH, y = index / 2 * TILE_HEIGHT;
    snprintf(attributes, sizeof attributes, "x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"", x, y, WIDTH, HEIGHT);
    draw_chart(svg, c, x_title, attributes, caption);
    med_text_add(svg, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + LEFT, y + HEIGHT + 12, caption);
}

/* Adds every chart of the log that is worth it; *n_drawn: how many. */
static med_status add_charts(med_text *out, const char *log_path, add_chart *add, int *n_drawn) {
    *n_drawn = 0;
    if (!med_path_exists(log_path)) return MED_OK;
    med_mapping file;
    MED_TRY(med_file_map(log_path, &file));
    log_reader log = {0};
    memcpy(log.charts, charts, sizeof charts);
    med_status status = read_lines(&log, log_path, (const char *)file.data, file.size);
    for (int c = 0; c < N_CHARTS && status == MED_OK; c++)
        if (is_worth_drawing(&log.charts[c])) add(out, &log.charts[c], (*n_drawn)++, log.has_steps ? "step" : "epoch");
    for (int c = 0; c < N_CHARTS; c++)
        for (int s = 0; s < MAX_SERIES; s++) {
            free(log.charts[c].series[s].x);
            free(log.charts[c].series[s].y);
        }
    med_file_unmap(&file);
    return status;
}

med_status med_report_curves(med_text *html, const char *log_path) {
    med_text figures = {0};
    int n;
    med_status status = add_charts(&figures, log_path, add_figure, &n);
    if (status == MED_OK && n) {
        med_text_put(html, "<div class=\"curves\">\n");
        med_text_append(html, &figures);
        med_text_put(html, "</div>\n");
    }
    med_text_free(&figures);
    return status;
}

static const char svg_style[] =
    "<style>text{fill:#5c6670;font:11px system-ui,sans-serif}.axis{stroke:#d9dee3;fill:none}"
    ".series{fill:none;stroke-width:1.8;stroke-linejoin:round}.s0{stroke:#0b63ce}.s1{stroke:#c2410c}"
    "text.s0{fill:#0b63ce;stroke:none}text.s1{fill:#c2410c;stroke:none}</style>";

med_status med_report_curves_svg(med_text *svg, const char *log_path) {
    med_text tiles = {0};
    int n;
    med_status status = add_charts(&tiles, log_path, add_tile, &n);
    if (status == MED_OK && n) {
        med_text_add(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">%s<rect width=\"100%%\" height=\"100%%\" "
            "fill=\"#fff\"/>\n",
            2 * WIDTH, (n + 1) / 2 * TILE_HEIGHT, svg_style);
        med_text_append(svg, &tiles);
        med_text_put(svg, "</svg>\n");
    }
    med_text_free(&tiles);
    return status;
}
