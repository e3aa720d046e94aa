/* phantom.c: medley phantom: a data set of heads made by formula. */
#include "task/phantom.h"

#include <stdio.h>
#include <string.h>
#include "cmd/command.h"

typedef struct phantom_config {
    int n_cases, size[3];
    double spacing_mm, missing;
    med_strings mods;
    const char *fov;
} phantom_config;

static void set_defaults(void *config) {
    *(phantom_config *)config = (phantom_config){.n_cases = 10,
                                                 .size = {96, 96, 48},
                                                 .spacing_mm = 1.5,
                                                 .missing = 0.3,
                                                 .mods = {4, {"us", "t2", "cet1", "flair"}},
                                                 .fov = "us"};
}

static const med_option options[] = {
    MED_OPT_INT(phantom_config, "cases", n_cases, 1, 9999, "number of heads"),
    MED_OPT_INTS3(phantom_config, "size", size, 8, 1024, "voxels: lateral, depth, elevation"),
    MED_OPT_FLOAT(phantom_config, "spacing", spacing_mm, 0.1, 10, "voxel size in mm"),
    MED_OPT_FLOAT(phantom_config, "missing", missing, 0, 1,
                  "probability that an MR is missing (never all, never us, none in test cases)"),
    MED_OPT_LIST(phantom_config, "modalities", mods, "MOD,...", "images to draw: us, t2, cet1, flair, t1"),
    MED_OPT_CHOICE(phantom_config, "fov", fov, "us|none",
                   "us: MR and label only within the ultrasound's fan; none: all of the head"),
    MED_OPT_END,
};

static void print_report(const json_t *report) {
    size_t i, j;
    json_t *c, *mod;
    json_array_foreach (json_object_get(report, "cases"), i, c) {
        printf("%s  %-5s  %-12s %6.1f ml  ", json_string_value(json_object_get(c, "name")),
               json_string_value(json_object_get(c, "part")), json_string_value(json_object_get(c, "tumour")),
               json_real_value(json_object_get(c, "tumour_ml")));
        json_array_foreach (json_object_get(c, "observed"), j, mod) printf(" %s", json_string_value(mod));
        putchar('\n');
    }
}

static med_status run(med_cli *cli) {
    const phantom_config *c = cli->config;
    med_phantom_config config = {.size = {c->size[0], c->size[1], c->size[2]},
                                 .spacing_mm = c->spacing_mm,
                                 .missing = c->missing,
                                 .is_cut_to_fan = strcmp(c->fov, "us") == 0,
                                 .seed = cli->seed,
                                 .n_mods = c->mods.n};
    if (c->mods.n > MED_MAX_MODS) return med_fail(MED_EUSAGE, "--modalities: more than %d", MED_MAX_MODS);
    for (int j = 0; j < c->mods.n; j++) config.mods[j] = c->mods.item[j];
    MED_TRY(med_phantom_make(&config, c->n_cases, cli->args[0], cli->report));
    if (!cli->is_json && !cli->is_quiet) print_report(cli->report);
    return MED_OK;
}

const med_command med_cmd_phantom = {
    .name = "phantom",
    .summary = "make a data set of heads by formula, with MR, ultrasound and tumours",
    .usage = "OUT",
    .example = "medley phantom data --cases 12 --size 96,96,48 --spacing 1.5 --missing 0.3 --seed 1",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .config_size = sizeof(phantom_config),
    .set_defaults = set_defaults,
    .run = run,
};
