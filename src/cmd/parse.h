/* parse.h: from the words of a command line to a filled med_cli; help and module description from the same tables. */
#ifndef MED_CMD_PARSE_H
#define MED_CMD_PARSE_H

#include <stdio.h>
#include "cmd/command.h"

/* Options of every command. */
typedef struct med_globals {
    bool help, xml, json, quiet;
    int threads;
    const char *device, *seed;
} med_globals;
extern const med_option med_global_options[];
med_globals med_globals_default(void);

/* Fill globals, cli->config, args and seed from the words after the command's name. `cli` needs config with defaults and
 * room for n_words args. Counts positional arguments and applies --seed unless --help or --xml was asked for. */
MED_CHECK med_status med_cli_parse(const med_command *command, int n_words, char **words, med_globals *globals,
                                   med_cli *cli);

void med_command_print_help(FILE *to, const med_command *command, const void *defaults);
/* 3D Slicer's CLI module description. */
void med_command_print_xml(FILE *to, const med_command *command, const void *defaults);

#endif
