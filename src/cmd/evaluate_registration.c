/* evaluate_registration.c: medley evaluate registration: landmarks before and after. */
#include "cmd/evaluate.h"

static const med_option options[] = {MED_EVALUATE_COMMON, MED_EVALUATE_STRICT, MED_OPT_END};

static med_status run(med_cli *cli) { return med_evaluate_command(cli, med_evaluate_registration); }

const med_command med_cmd_evaluate_registration = {
    .name = "evaluate registration",
    .summary = "score transforms by landmarks",
    .usage = "PRED REF",
    .example = "medley evaluate registration transforms/ landmarks/ -o scores/",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_evaluate_options),
    .run = run,
};
