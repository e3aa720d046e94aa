/* doctor.c: medley doctor: versions, processor, memory, and what is missing and how to get it; or, with --golden, whether
 * this program reproduces the numbers of a reference implementation. */
#include <stdio.h>
#include "cmd/command.h"
#include "task/doctor.h"
#include "task/golden.h"

typedef struct doctor_config { const char *golden; } doctor_config;

static void print_names(const char *title, const json_t *names) {
    printf("%-14s", title);
    size_t i;
    json_t *name;
    json_array_foreach (names, i, name) printf("%s%s", i ? " " : "", json_string_value(name));
    putchar('\n');
}

static void print_tool(const json_t *tool) {
    const char *path = json_string_value(json_object_get(tool, "path")),
               *name = json_string_value(json_object_get(tool, "name"));
    const char *use = json_string_value(json_object_get(tool, "use"));
    if (path)
        printf("  %-12s%s (%s)\n", name, path, use);
    else
        printf("  %-12smissing, for %s: %s\n", name, use, json_string_value(json_object_get(tool, "install")));
}

static double gigabytes(const json_t *object, const char *key) {
    return (double)json_integer_value(json_object_get(object, key)) / 1e9;
}

static void print_report(const json_t *report) {
    const json_t *cpu = json_object_get(report, "cpu"), *memory = json_object_get(report, "memory");
    printf("%-14s%s (%s)\n", "medley", json_string_value(json_object_get(report, "medley")),
           json_string_value(json_object_get(report, "compiler")));
    printf("%-14s%s\n", "processor", json_string_value(json_object_get(cpu, "model")));
    print_names("features", json_object_get(cpu, "features"));
    printf("%-14s%lld of %lld processors\n", "threads", (long long)json_integer_value(json_object_get(cpu, "threads")),
           (long long)json_integer_value(json_object_get(cpu, "processors")));
    printf("%-14s%s\n", "kernels", json_string_value(json_object_get(cpu, "kernels")));
    printf("%-14s%.1f GB, %.1f GB available\n", "memory", gigabytes(memory, "total_bytes"),
           gigabytes(memory, "available_bytes"));
    printf("%-14s%s\n", "cuda", json_string_value(json_object_get(report, "cuda")));
    puts("libraries");
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(report, "libraries"), name, value)
        printf("  %-12s%s\n", name, json_string_value(value));
    puts("programs");
    size_t i;
    json_array_foreach (json_object_get(report, "tools"), i, value) print_tool(value);
}

static void print_checks(const json_t *report) {
    size_t i, n_ok = 0;
    const json_t *checks = json_object_get(report, "checks"), *row;
    printf("%-72s %12s %12s\n", "quantity", "largest error", "tolerance");
    json_array_foreach ((json_t *)(uintptr_t)checks, i, row) {
        bool ok = json_is_true(json_object_get(row, "ok"));
        n_ok += ok;
        printf("%-72s %12.3g %12.3g  %s\n", json_string_value(json_object_get(row, "name")),
               json_number_value(json_object_get(row, "max_abs")), json_number_value(json_object_get(row, "tolerance")), ok ? "ok" : "FAILED");
    }
    printf("%zu of %zu checks hold\n", n_ok, json_array_size(checks));
}

static med_status run(med_cli *cli) {
    const doctor_config *config = cli->config;
    if (config->golden) {
        med_status status = med_golden_check(config->golden, cli->report);
        if (!cli->is_json && json_array_size(json_object_get(cli->report, "checks"))) print_checks(cli->report);
        return status;
    }
    med_doctor_describe(cli->report);
    if (!cli->is_json) print_report(cli->report);
    return MED_OK;
}

static const med_option options[] = {
    MED_OPT_TEXT(doctor_config, "golden", golden, "FILE.safetensors", "run this fixture of reference numbers and judge every quantity"),
    MED_OPT_END,
};

const med_command med_cmd_doctor = {
    .name = "doctor",
    .summary = "tell what this program and this machine can do",
    .usage = "",
    .example = "medley doctor --golden ../shared/golden/mmhvae-tiny.safetensors",
    .options = options,
    .config_size = sizeof(doctor_config),
    .run = run,
};
