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
    MED_OPT_INT(T, "batch", batch, 0, 4096, "slices per run or step (0: 1 for synth, the preset's for train)"),
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

static void print_synth(const json_t *report) {
    const json_t *quartiles = json_object_get(report, "quartiles_ms");
    printf("%.2f ms per slice (quartiles %.2f to %.2f), first %.0f ms, activations %.0f MB, peak %.0f MB\n",
           number(report, "median_ms_per_slice"), json_number_value(json_array_get(quartiles, 0)),
           json_number_value(json_array_get(quartiles, 1)), number(report, "first_ms"),
           number(report, "activation_bytes") / 1e6, number(report, "peak_bytes") / 1e6);
    printf("%-24s %6s %10s %10s %10s\n", "op", "calls", "ms", "GFLOP", "GFLOP/s");
    size_t i;
    json_t *op;
    json_array_foreach (json_object_get(report, "ops"), i, op)
        printf("%-24s %6d %10.3f %10.3f %10.1f\n", json_string_value(json_object_get(op, "op")),
               (int)number(op, "calls"), number(op, "ms"), number(op, "gflop"), number(op, "gflops"));
}

static void print_train(const json_t *report) {
    const json_t *quartiles = json_object_get(report, "quartiles_s");
    printf(
        "%.3f s per slice and step (quartiles %.3f to %.3f), parameters %.0f MB, activations %.0f MB, peak %.0f MB\n",
        number(report, "seconds_per_slice_step"), json_number_value(json_array_get(quartiles, 0)),
        json_number_value(json_array_get(quartiles, 1)), number(report, "parameter_bytes") / 1e6,
        number(report, "activation_bytes") / 1e6, number(report, "peak_bytes") / 1e6);
}

static med_status run(med_cli *cli) {
    med_bench_options *o = cli->config;
    o->seed = cli->seed;
    bool is_train = strcmp(cli->args[0], "train") == 0;
    if (!is_train && strcmp(cli->args[0], "synth") != 0)
        return med_fail(MED_EUSAGE, "cannot time '%s', expected synth or train", cli->args[0]);
    MED_TRY((is_train ? med_bench_train : med_bench_synth)(o, cli->report));
    if (!cli->is_json) (is_train ? print_train : print_synth)(cli->report);
    return MED_OK;
}

const med_command med_cmd_bench = {
    .name = "bench",
    .summary = "time a network on this machine",
    .usage = "synth|train",
    .example = "medley bench synth --preset paper --given us --threads 2",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_bench_options),
    .set_defaults = set_defaults,
    .run = run,
};
