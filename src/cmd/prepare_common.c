/* prepare_common.c: the summary of a preparation. */
#include "cmd/prepare_common.h"

#include <stdio.h>

void med_prepare_print_summary(const med_cli *cli) {
    size_t i;
    json_t *row;
    if (cli->is_json || cli->is_quiet) return;
    json_array_foreach (json_object_get(cli->report, "cases"), i, row) {
        const char *message = json_string_value(json_object_get(row, "message"));
        size_t n_warnings = json_array_size(json_object_get(row, "warnings"));
        printf("%-20s %-9s", json_string_value(json_object_get(row, "name")),
               json_string_value(json_object_get(row, "status")));
        if (n_warnings) printf(" %zu warning%s", n_warnings, n_warnings == 1 ? "" : "s");
        printf("%s%s\n", message ? " " : "", message ? message : "");
    }
    printf("%lld made, %lld kept, %lld failed, %lld excluded\n",
           json_integer_value(json_object_get(cli->report, "n_made")),
           json_integer_value(json_object_get(cli->report, "n_kept")),
           json_integer_value(json_object_get(cli->report, "n_failed")),
           json_integer_value(json_object_get(cli->report, "n_excluded")));
}
