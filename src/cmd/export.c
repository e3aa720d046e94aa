/* export.c: medley export: weights of the authors' release, or a training checkpoint, as weights of ours. */
#include "cmd/command.h"
#include "task/export.h"

static const med_option options[] = {
    MED_OPT_REPEAT(med_export_config, "set", set, "KEY=VALUE",
                   "change the configuration that was read (size=H,W, se=off, ...)"),
    MED_OPT_END,
};

static med_status run(med_cli *cli) {
    MED_TRY(med_export(cli->args[0], cli->args[1], cli->config, cli->report));
    if (!cli->is_json && !cli->is_quiet)
        printf("%s: %lld parameters of mmhvae, SHA-256 %s\n", cli->args[1],
               (long long)json_integer_value(json_object_get(cli->report, "n_parameters")),
               json_string_value(json_object_get(cli->report, "sha256")));
    return MED_OK;
}

const med_command med_cmd_export = {
    .name = "export",
    .summary = "convert weights of any kind to medley's safetensors",
    .usage = "WEIGHTS OUT.safetensors",
    .example = "medley export release.pth mmhvae.safetensors --set size=192,192",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .config_size = sizeof(med_export_config),
    .run = run,
};
