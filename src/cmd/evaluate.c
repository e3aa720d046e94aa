/* evaluate.c: medley evaluate: a kind of judging is one file and one line in evaluate.def. */
#include "cmd/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

#define KIND(name) extern const med_command med_cmd_evaluate_##name;
#include "cmd/evaluate.def"
#undef KIND
static const med_command *const kinds[] = {
#define KIND(name) &med_cmd_evaluate_##name,
#include "cmd/evaluate.def"
#undef KIND
    NULL};

med_status med_evaluate_command(med_cli *cli, med_evaluate_fn *evaluate) {
    med_evaluate_options *o = cli->config;
    char *table = NULL;
    o->pred = cli->args[0];
    o->ref = cli->args[1];
    o->seed = cli->seed;
    o->command_line = cli->command_line;
    med_status status = evaluate(o, cli->report, &table);
    if (table && !cli->is_json) fputs(table, stdout);
    free(table);
    return status;
}

const med_command med_cmd_evaluate = {
    .name = "evaluate",
    .summary = "score images, masks or registrations against references",
    .children = kinds,
};
