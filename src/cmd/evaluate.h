/* evaluate.h: what the kinds of medley evaluate share: option rows and the way a result is shown. */
#ifndef MED_CMD_EVALUATE_H
#define MED_CMD_EVALUATE_H

#include "cmd/command.h"
#include "task/evaluate.h"

#define MED_EVALUATE_T med_evaluate_options
#define MED_EVALUATE_COMMON                                                                                            \
    MED_OPT_TEXT(MED_EVALUATE_T, "output", out, "DIR", "(-o) write per_case.csv, summary.json and so on there"),       \
        MED_OPT_TEXT(MED_EVALUATE_T, "method", method, "NAME", "tag all rows with this name"),                         \
        MED_OPT_TEXT(MED_EVALUATE_T, "group", group, "FILE",                                                           \
                     "CSV file with the columns case, group: every table per group as well"),                          \
        MED_OPT_FLAG(MED_EVALUATE_T, "bca", is_bca, "bias-corrected and accelerated intervals")
#define MED_EVALUATE_STRICT MED_OPT_FLAG(MED_EVALUATE_T, "strict", is_strict, "a case in one folder only is an error")
#define MED_EVALUATE_BIAS                                                                                              \
    MED_OPT_FLAG(MED_EVALUATE_T, "include-seen", includes_seen,                                                        \
                 "keep cases in the means that the model has seen in training"),                                       \
        MED_OPT_TEXT(MED_EVALUATE_T, "weights", weights, "FILE",                                                       \
                     "the judged model, when it is no longer where the sidecars say"),                                 \
        MED_OPT_TEXT(MED_EVALUATE_T, "data", data, "PATH",                                                             \
                     "the data set that the predictions were made from, when it has moved")

typedef med_status med_evaluate_fn(const med_evaluate_options *o, json_t *report, char **table);
med_status med_evaluate_command(med_cli *cli, med_evaluate_fn *evaluate);

#endif
