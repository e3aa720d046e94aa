/* compare.c: medley compare A B: two images, two folders or two weight files, item by item. */
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/compare.h"

typedef struct config {
    double tolerance;
} config;

static const med_option options[] = {
    MED_OPT_FLOAT(config, "tolerance", tolerance, 0, 1e30, "largest allowed absolute difference of a value"),
    MED_OPT_END,
};

static const char *text_of(const json_t *item, const char *key) {
    return json_string_value(json_object_get(item, key));
}

static void print_number(const json_t *item, const char *key) {
    const json_t *value = json_object_get(item, key);
    if (json_is_number(value))
        printf("  %10.4g", json_number_value(value));
    else
        printf("  %10s", "-");
}

static void print_item(const json_t *item, int width) {
    printf("%-*s", width, text_of(item, "name"));
    const char *side = text_of(item, "only_in");
    if (side) {
        printf("  only in %s\n", strcmp(side, "a") == 0 ? "A" : "B");
        return;
    }
    print_number(item, "max_abs");
    print_number(item, "rms");
    print_number(item, "affine_mm");
    printf("  %s", text_of(item, "shape_a"));
    if (json_is_false(json_object_get(item, "same_shape"))) printf(" and %s", text_of(item, "shape_b"));
    puts(json_is_true(json_object_get(item, "ok")) ? "" : "  differs");
}

static void print_table(const json_t *report) {
    const json_t *items = json_object_get(report, "items");
    int width = 4;
    size_t i;
    json_t *item;
    json_array_foreach (items, i, item) {
        int n = (int)strlen(text_of(item, "name"));
        if (n > width) width = n;
    }
    printf("%-*s  %10s  %10s  %10s  shape\n", width, "item", "max |A-B|", "rms", "place (mm)");
    json_array_foreach (items, i, item) print_item(item, width);
}

static med_status run(med_cli *cli) {
    const config *c = cli->config;
    med_status status = med_compare(cli->args[0], cli->args[1], c->tolerance, cli->report);
    bool is_complete = json_object_get(cli->report, "ok") != NULL;
    if (is_complete && !cli->is_json && !cli->is_quiet) print_table(cli->report);
    return status;
}

const med_command med_cmd_compare = {
    .name = "compare",
    .summary = "measure how far two images, folders or weight files are apart",
    .usage = "A B",
    .example = "medley compare filled/ expected/ --tolerance 1e-4",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(config),
    .run = run,
};
