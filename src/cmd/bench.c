/* bench.c: medley bench: how fast this machine is with a network, and how much memory that takes. */
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/bench.h"

#define T med_bench_options
static const med_option options[] = {
    MED_OPT_TEXT(T, "model", model, "NAME", "network (default: mmhvae)"),
    MED_OPT_TEXT(T, "preset", preset, "NAME", "tiny, small, paper or demo"),
    MED_OPT_REPEAT(T, "set", set, "KEY=VALUE", "change one setting of the preset (size=H,W, base=8, ...)"),
    MED_OPT_LIST(T, "given", given, "MOD,...", "synth: modalities that are there (default: the first)"),
    MED_OPT_LIST(T, "target", target, "MOD,...", "synth: modalities to make (default: all)"),
    MED_OPT_FLAG(T, "subsets", has_subsets, "synth: the first modality and every subset of the others, in one run"),
    MED_OPT_TEXT(T, "filter", filter, "TEXT", "op: only rows whose name contains it"),
    MED_OPT_INT(T, "batch", batch, 0, 4096, "slices per run or step (0: 1, for train the preset's)"),
    MED_OPT_INT(T, "steps", n_repeats, 1, 1000000, "timed runs or steps, after one that is not timed"),
    MED_OPT_FLAG(T, "adversarial", is_adversarial, "train: with the discriminators"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) {
    med_bench_options *o = config;
    o->preset = "paper";
    o->n_repeats = 10;
}

static double number(const json_t *report, const char *key) { return json_number_value(json_object_get(report, key)); }

static void print_peak(const json_t *report) {
    printf("%s, %d threads: multiply-adds at %.0f GFLOP/s at most\n", json_string_value(json_object_get(report, "kernels")),
           (int)number(report, "threads"), number(report, "peak_gflops"));
}

static void print_op(const json_t *report) {
    size_t i;
    json_t *op;
    print_peak(report);
    printf("%-76s %9s %9s %7s %9s\n", "op", "ms", "GFLOP/s", "% peak", "MB");
    json_array_foreach (json_object_get(report, "ops"), i, op)
        printf("%-76s %9.3f %9.1f %7.0f %9.1f\n", json_string_value(json_object_get(op, "op")), number(op, "ms"), number(op, "gflops"),
               100 * number(op, "peak_share"), number(op, "bytes") / 1e6);
    json_array_foreach (json_object_get(report, "us_to_4"), i, op)
        printf("us -> 4, all convolutions, %s: %.1f ms\n", json_string_value(json_object_get(op, "convolutions")), number(op, "ms"));
}

static void print_ops(const json_t *ops) {
    printf("%-32s %6s %10s %10s %10s %7s %9s\n", "op", "calls", "ms", "GFLOP", "GFLOP/s", "% peak", "MB");
    size_t i;
    json_t *op;
    json_array_foreach (ops, i, op)
        printf("%-32s %6d %10.3f %10.3f %10.1f %7.0f %9.1f\n", json_string_value(json_object_get(op, "op")),
               (int)number(op, "calls"), number(op, "ms"), number(op, "gflop"), number(op, "gflops"), 100 * number(op, "peak_share"),
               number(op, "bytes") / 1e6);
}

static void print_synth(const json_t *report) {
    const json_t *quartiles = json_object_get(report, "quartiles_ms");
    printf("%.2f ms per slice (quartiles %.2f to %.2f), first %.0f ms, activations %.0f MB, peak %.0f MB\n",
           number(report, "median_ms_per_slice"), json_number_value(json_array_get(quartiles, 0)),
           json_number_value(json_array_get(quartiles, 1)), number(report, "first_ms"),
           number(report, "activation_bytes") / 1e6, number(report, "peak_bytes") / 1e6);
    print_peak(report);
    print_ops(json_object_get(report, "ops"));
}

static void print_train(const json_t *report) {
    const json_t *quartiles = json_object_get(report, "quartiles_s");
    printf(
        "%.3f s per slice and step (quartiles %.3f to %.3f), parameters %.0f MB, activations %.0f MB, peak %.0f MB\n",
        number(report, "seconds_per_slice_step"), json_number_value(json_array_get(quartiles, 0)),
        json_number_value(json_array_get(quartiles, 1)), number(report, "parameter_bytes") / 1e6,
        number(report, "activation_bytes") / 1e6, number(report, "peak_bytes") / 1e6);
    print_peak(report);
    size_t i;
    json_t *part;
    json_array_foreach (json_object_get(report, "parts"), i, part) print_ops(part);
}

static const struct kind {
    const char *name;
    med_status (*run)(const med_bench_options *o, json_t *report);
    void (*print)(const json_t *report);
} kinds[] = {{"synth", med_bench_synth, print_synth}, {"train", med_bench_train, print_train}, {"op", med_bench_op, print_op}};

static med_status run(med_cli *cli) {
    med_bench_options *o = cli->config;
    o->seed = cli->seed;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(cli->args[0], kinds[i].name) != 0) continue;
        MED_TRY(kinds[i].run(o, cli->report));
        if (!cli->is_json) kinds[i].print(cli->report);
        return MED_OK;
    }
    return med_fail(MED_EUSAGE, "cannot time '%s', expected synth, train or op", cli->args[0]);
}

const med_command med_cmd_bench = {
    .name = "bench",
    .summary = "time a network or its kernels on this machine",
    .usage = "synth|train|op",
    .example = "medley bench synth --preset paper --given us --threads 2",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_bench_options),
    .set_defaults = set_defaults,
    .run = run,
};
