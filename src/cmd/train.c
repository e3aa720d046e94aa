/* train.c: medley train: fit the network to cases that each may lack modalities. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/train.h"

typedef struct config {
    const char *model, *preset;
    med_strings set;
    int epochs, steps;
    bool is_resumed, is_check;
    const char *init, *max_memory;
    int skip_nonfinite;
} config;

static const med_option options[] = {
    MED_OPT_TEXT(config, "model", model, "NAME", "network (default: mmhvae)"),
    MED_OPT_TEXT(config, "preset", preset, "NAME", "tiny, small, paper or demo: network and schedule (default: small)"),
    MED_OPT_REPEAT(config, "set", set, "KEY=VALUE",
                   "change one setting of the preset (docs/training.md lists the keys)"),
    MED_OPT_INT(config, "epochs", epochs, 0, 1000000,
                "visits of every case; the schedule is as long (0: as the preset says)"),
    MED_OPT_INT(config, "steps", steps, 0, 1000000000,
                "steps of the optimiser instead of epochs (0: as the preset says)"),
    MED_OPT_FLAG(config, "resume", is_resumed, "continue the training in RUN"),
    MED_OPT_TEXT(config, "init", init, "WEIGHTS",
                 "begin with these weights, ours or the release's: parts that fit are taken, others are listed"),
    MED_OPT_TEXT(config, "max-memory", max_memory, "SIZE", "memory the training may take: 2G, 500M (default: any)"),
    MED_OPT_INT(config, "skip-nonfinite", skip_nonfinite, 0, 1000000000,
                "steps without finite loss that are passed over before the training stops"),
    MED_OPT_FLAG(config, "check", is_check, "only read every case and print the plan; RUN is not needed"),
    MED_OPT_END,
};

static volatile sig_atomic_t stop;
static atomic_flag was_asked = ATOMIC_FLAG_INIT;

/* The first signal asks for a checkpoint, the second one, of whichever kind, ends the program. */
static void on_signal(int signal_number) {
    stop = 1;
    if (!atomic_flag_test_and_set(&was_asked)) return;
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static med_status run(med_cli *cli) {
    const config *c = cli->config;
    if (!c->is_check && cli->n_args < 2)
        return med_fail(MED_EUSAGE, "medley train DATA RUN: RUN, the folder to write, is missing");
    med_train_options o = {.data = cli->args[0],
                           .run = c->is_check ? NULL : cli->args[1],
                           .model = c->model,
                           .preset = c->preset,
                           .set = c->set,
                           .epochs = c->epochs,
                           .steps = c->steps,
                           .is_resumed = c->is_resumed,
                           .is_check = c->is_check,
                           .init = c->init,
                           .skip_nonfinite = c->skip_nonfinite,
                           .seed = cli->seed,
                           .command_line = cli->command_line,
                           .stop = &stop};
    if (c->max_memory) MED_TRY(med_train_parse_memory(c->max_memory, &o.max_memory));
    catch_signals();
    MED_TRY(med_train(&o, cli->report));
    if (!c->is_check && !cli->is_json && !cli->is_quiet) printf("%s\n", json_string_value(json_object_get(cli->report, "weights")));
    return MED_OK;
}

const med_command med_cmd_train = {
    .name = "train",
    .summary = "train a network on a data set with missing modalities",
    .usage = "DATA RUN",
    .example = "medley train phantom run --preset tiny",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(config),
    .run = run,
};
