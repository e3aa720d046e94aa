/* doctor.c: medley doctor: versions, processor, memory, and what is missing and how to get it. */
#include <stdio.h>
#include "cmd/command.h"
#include "task/doctor.h"

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

static med_status run(med_cli *cli) {
    med_doctor_describe(cli->report);
    if (!cli->is_json) print_report(cli->report);
    return MED_OK;
}

const med_command med_cmd_doctor = {
    .name = "doctor",
    .summary = "tell what this program and this machine can do",
    .usage = "",
    .example = "medley doctor",
    .run = run,
};
