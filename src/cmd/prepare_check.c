/* prepare_check.c: medley prepare check: a line and a picture per case. */
#include "task/prepare_check.h"
#include <stdio.h>
#include "cmd/command.h"

#define T med_prepare_check_config
static const med_option options[] = {
    MED_OPT_TEXT(T, "output", out, "DIR", "(-o) folder for the contact sheets (default: DATA-check)"),
    MED_OPT_FLAG(T, "no-sheets", no_sheets, "no contact sheets"),
    MED_OPT_FLOAT(T, "max-memory", max_memory_mb, 100, 1e6, "cases are read side by side within so many MB"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) { ((med_prepare_check_config *)config)->max_memory_mb = 2000; }

static void print_size(const json_t *row) {
    const json_t *size = json_object_get(row, "size"), *spacing = json_object_get(row, "spacing_mm");
    char text[64] = "";
    if (size && spacing)
        snprintf(text, sizeof text, "%lldx%lldx%lld @ %.3gx%.3gx%.3g", json_integer_value(json_array_get(size, 0)),
                 json_integer_value(json_array_get(size, 1)), json_integer_value(json_array_get(size, 2)),
                 json_real_value(json_array_get(spacing, 0)), json_real_value(json_array_get(spacing, 1)),
                 json_real_value(json_array_get(spacing, 2)));
    printf(" %-28s", text);
}

static void print_case(const json_t *row) {
    size_t i;
    json_t *item;
    char mods[64] = "";
    int n = 0;
    json_array_foreach (json_object_get(row, "modalities"), i, item)
        if (n < (int)sizeof mods - 20) n += snprintf(mods + n, sizeof mods - (size_t)n, "%s%s", i ? "," : "", json_string_value(item));
    printf("%-20s %-10s %-18s", json_string_value(json_object_get(row, "name")),
           json_string_value(json_object_get(row, "status")), mods);
    print_size(row);
    item = json_object_get(row, "label_cm3");
    if (item)
        printf(" %8.2f", json_real_value(item));
    else
        printf(" %8s", "-");
    item = json_object_get(row, "message");
    printf("%s%s\n", item ? "  " : "", item ? json_string_value(item) : "");
    json_array_foreach (json_object_get(row, "warnings"), i, item) printf("  %s\n", json_string_value(item));
}

static void print_for_people(const json_t *report) {
    size_t i;
    json_t *row;
    if (!json_object_get(report, "cases")) return;
    printf("%-20s %-10s %-18s %-28s %8s\n", "case", "", "modalities", "voxels @ mm", "label/ml");
    json_array_foreach (json_object_get(report, "cases"), i, row) print_case(row);
    printf("%lld ok, %lld suspicious, %lld bad\n", json_integer_value(json_object_get(report, "n_ok")),
           json_integer_value(json_object_get(report, "n_suspicious")), json_integer_value(json_object_get(report, "n_bad")));
    const char *sheets = json_string_value(json_object_get(report, "sheets"));
    if (sheets) printf("contact sheets: %s\n", sheets);
}

static med_status run(med_cli *cli) {
    med_prepare_check_config *c = cli->config;
    c->data = cli->args[0];
    med_status status = med_prepare_check(c, cli->report);
    if (!cli->is_json && !cli->is_quiet) print_for_people(cli->report);
    return status;
}

const med_command med_cmd_prepare_check = {
    .name = "prepare check",
    .summary = "read a data set again: a line, findings and a contact sheet per case",
    .usage = "DATA",
    .example = "medley prepare check data -o sheets",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_prepare_check_config),
    .set_defaults = set_defaults,
    .run = run,
};
