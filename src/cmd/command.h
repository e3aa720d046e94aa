/* command.h: a subcommand is one descriptor: option table, defaults, example, run. main.c does the rest. */
#ifndef MED_CMD_COMMAND_H
#define MED_CMD_COMMAND_H

#include <stdint.h>
#include "base/option.h"

/* What main.c hands to a command after parsing. */
typedef struct med_cli {
    const char *command_line; /* as typed, for run.json and sidecars */
    void *config;             /* the command's struct, filled */
    int n_args;
    char **args;              /* positional arguments, counted as the descriptor says */
    uint64_t seed;            /* --seed, default 0 */
    bool is_json, is_quiet;   /* --json: only report goes to stdout; else the command may print for people */
    json_t *report;           /* object to fill; printed by main.c under --json */
} med_cli;

typedef struct med_command {
    const char *name, *summary;
    const struct med_command *const *children; /* NULL-terminated: the next word chooses one, named "PARENT CHILD"; then
                                                  nothing below is used */
    const char *usage;   /* positional part: "WEIGHTS IN OUT" */
    const char *example; /* one runnable line */
    int min_args, max_args;
    const med_option *options; /* NULL: none but those of every command */
    size_t config_size;
    void (*set_defaults)(void *config); /* NULL: all zero */
    med_status (*run)(med_cli *cli);    /* fills a task's config, calls one function of task/, returns its status */
} med_command;

#endif
