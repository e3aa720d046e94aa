/* weights_import.c: medley weights import lpips: what the perceptual distance needs. */
#include <stdio.h>
#include <string.h>
#include "cmd/command.h"
#include "task/lpips_weights.h"

#define T med_lpips_import
static const med_option options[] = {
    MED_OPT_TEXT(T, "trunk", trunk, "FILE", "AlexNet or VGG16 of torchvision, .pth or safetensors"),
    MED_OPT_TEXT(T, "heads", heads, "FILE", "alex.pth or vgg.pth of the lpips package, version 0.1"),
    MED_OPT_TEXT(T, "output", out, "FILE", "(-o) the file that evaluate images --lpips takes"),
    MED_OPT_TEXT(
        T, "verify", verify, "FILE",
        "a pair whose distance the lpips package computed: {\"size\": [rows, cols], \"x\": [...], \"y\": [...], "
        "\"lpips\": d}"),
    MED_OPT_END,
};
#undef T

static void set_defaults(void *config) { ((med_lpips_import *)config)->out = "lpips.safetensors"; }

static med_status run(med_cli *cli) {
    const med_lpips_import *o = cli->config;
    if (strcmp(cli->args[0], "lpips"))
        return med_fail(MED_EUSAGE, "'%s': the only weights to import are lpips", cli->args[0]);
    MED_TRY(med_lpips_import_weights(o, cli->report));
    if (!cli->is_json && !cli->is_quiet)
        printf("%s: LPIPS, trunk %s, SHA-256 %s\n", o->out, json_string_value(json_object_get(cli->report, "trunk")),
               json_string_value(json_object_get(cli->report, "sha256")));
    return MED_OK;
}

const med_command med_cmd_weights_import = {
    .name = "weights import",
    .summary = "convert weights of the perceptual distance LPIPS (files are not included)",
    .usage = "lpips",
    .example = "medley weights import lpips --trunk alexnet.pth --heads alex.pth -o lpips.safetensors",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(med_lpips_import),
    .set_defaults = set_defaults,
    .run = run,
};
