/* train.c: medley train: fit the network to cases that each may lack modalities. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/train.h"

typedef struct config {
    const char *preset;
    med_strings set;
    int epochs, steps;
    bool is_resumed;
} config;

static const med_option options[] = {
    MED_OPT_TEXT(config, "preset", preset, "NAME", "tiny, small, paper or demo: network and schedule (default: small)"),
    MED_OPT_REPEAT(config, "set", set, "KEY=VALUE",
                   "change one setting of the preset (docs/training.md lists the keys)"),
    MED_OPT_INT(config, "epochs", epochs, 0, 1000000,
                "visits of every case; the schedule is as long (0: as the preset says)"),
    MED_OPT_INT(config, "steps", steps, 0, 1000000000,
                "steps of the optimiser instead of epochs (0: as the preset says)"),
    MED_OPT_FLAG(config, "resume", is_resumed, "continue the training in RUN"),
    MED_OPT_END,
};

static volatile sig_atomic_t stop;

static void on_signal(int signal_number) {
    (void)signal_number;
    stop = 1;
}

/* The first signal asks for a checkpoint, the second one ends the program. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static med_status run(med_cli *cli) {
    const config *c = cli->config;
    med_train_options o = {.data = cli->args[0],
                           .run = cli->args[1],
                           .preset = c->preset,
                           .set = c->set,
                           .epochs = c->epochs,
                           .steps = c->steps,
                           .is_resumed = c->is_resumed,
                           .seed = cli->seed,
                           .command_line = cli->command_line,
                           .stop = &stop};
    catch_signals();
    MED_TRY(med_train(&o, cli->report));
    if (!cli->is_json && !cli->is_quiet) printf("%s\n", json_string_value(json_object_get(cli->report, "weights")));
    return MED_OK;
}

const med_command med_cmd_train = {
    .name = "train",
    .summary = "train a network on a data set with missing modalities",
    .usage = "DATA RUN",
    .example = "medley train phantom run --preset tiny",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(config),
    .run = run,
};
