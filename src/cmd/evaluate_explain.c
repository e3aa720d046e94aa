/* evaluate_explain.c: medley evaluate --explain: every formula in use. */
#include <stdio.h>
#include <stdlib.h>
#include "cmd/evaluate.h"

static med_status run(med_cli *cli) {
    char *text = med_evaluate_explain();
    if (cli->is_json)
        json_object_set_new(cli->report, "formulas", json_string(text));
    else
        fputs(text, stdout);
    free(text);
    return MED_OK;
}

const med_command med_cmd_evaluate_explain = {
    .name = "evaluate --explain",
    .summary = "print every formula in use",
    .usage = "",
    .example = "medley evaluate --explain",
    .run = run,
};
