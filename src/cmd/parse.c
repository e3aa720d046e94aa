/* parse.c: --name VALUE, --name=VALUE, flags, -o and positional words, by a command's table and the global one. */
#include "cmd/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

const med_option med_global_options[] = {
    MED_OPT_FLAG(med_globals, "json", json, "print one JSON object on standard output, and nothing else there"),
    MED_OPT_FLAG(med_globals, "quiet", quiet, "no log lines, no progress"),
    MED_OPT_INT(med_globals, "threads", threads, 0, 256, "threads to use; 0: one per processor"),
    MED_OPT_TEXT(med_globals, "device", device, "auto|cpu|cuda[:i]", "where to compute"),
    MED_OPT_TEXT(med_globals, "seed", seed, "S", "seed of everything random, a whole number"),
    MED_OPT_FLAG(med_globals, "help", help, "this page"),
    MED_OPT_FLAG(med_globals, "xml", xml, "describe the command as a 3D Slicer module"),
    MED_OPT_END,
};

med_globals med_globals_default(void) { return (med_globals){.device = "auto", .seed = "0"}; }

static const med_option *find(const med_option *table, const char *name) {
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

static med_status fail_unknown(const med_command *command, const char *name) {
    const char *names[256];
    int n = 0;
    for (const med_option *o = command->options; o && o->name && n < 128; o++) names[n++] = o->name;
    for (const med_option *o = med_global_options; o->name; o++) names[n++] = o->name;
    names[n] = NULL;
    const char *nearest = med_nearest(name, names);
    if (nearest) return med_fail(MED_EUSAGE, "unknown option '--%s' (did you mean '--%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown option '--%s' (medley %s --help lists them)", name, command->name);
}

typedef struct parser {
    const med_command *command;
    int n_words, at;
    char **words;
    med_globals *globals;
    void *config;
} parser;

/* One option, its dashes removed; takes the next word where that is the value. */
static med_status parse_option(parser *p, const char *text) {
    size_t n = strcspn(text, "=");
    char *name = strndup(text, n);
    const med_option *own = find(p->command->options, name), *o = own ? own : find(med_global_options, name);
    med_status status;
    if (!o) {
        status = fail_unknown(p->command, name);
    } else if (text[n] != '=' && o->kind != MED_KIND_FLAG && p->at + 1 >= p->n_words) {
        status = med_fail(MED_EUSAGE, "--%s needs a value: --%s %s", name, name, o->words ? o->words : "VALUE");
    } else {
        const char *value = text[n] == '=' ? text + n + 1 : o->kind == MED_KIND_FLAG ? "on" : p->words[++p->at];
        const med_option one[] = {*o, MED_OPT_END};
        status = med_option_set(one, own ? p->config : p->globals, name, value);
        if (status != MED_OK) med_fail(status, "--%s", med_message());
    }
    free(name);
    return status;
}

static med_status parse_seed(const char *text, uint64_t *seed) {
    char *end;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0) return MED_OK;
    return med_fail(MED_EUSAGE, "--seed is '%s', expected a whole number from 0 to 18446744073709551615", text);
}

static med_status check_count(const med_command *command, int n) {
    if (n >= command->min_args && n <= command->max_args) return MED_OK;
    const char *much = n < command->min_args ? "missing" : "too many";
    return med_fail(MED_EUSAGE, "%s arguments: usage is medley %s%s%s", much, command->name, *command->usage ? " " : "",
                    command->usage);
}

med_status med_cli_parse(const med_command *command, int n_words, char **words, med_globals *globals, med_cli *cli) {
    parser p = {.command = command, .n_words = n_words, .words = words, .globals = globals, .config = cli->config};
    bool is_only_args = false;
    for (int i = 0; i < n_words; i++) /* also for the report of an error before it */
        if (strcmp(words[i], "--json") == 0) cli->is_json = true;
    for (; p.at < n_words; p.at++) {
        char *word = words[p.at];
        if (is_only_args || word[0] != '-' || word[1] == '\0')
            cli->args[cli->n_args++] = word;
        else if (strcmp(word, "--") == 0)
            is_only_args = true;
        else if (strcmp(word, "-o") == 0)
            MED_TRY(parse_option(&p, "output"));
        else if (strcmp(word, "-h") == 0)
            globals->help = true;
        else if (word[1] == '-')
            MED_TRY(parse_option(&p, word + 2));
        else
            return med_fail(MED_EUSAGE, "unknown option '%s' (medley %s --help lists them)", word, command->name);
    }
    cli->is_json = globals->json;
    cli->is_quiet = globals->quiet;
    if (globals->help || globals->xml) return MED_OK;
    MED_TRY(parse_seed(globals->seed, &cli->seed));
    return check_count(command, cli->n_args);
}

void med_command_print_help(FILE *to, const med_command *command, const void *defaults) {
    med_globals globals = med_globals_default();
    bool has_options = command->options && command->options->name;
    fprintf(to, "medley %s: %s\n\nUsage: medley %s %s%s[OPTIONS]\n", command->name, command->summary, command->name,
            command->usage, *command->usage ? " " : "");
    if (has_options) {
        fputs("\nOptions:\n", to);
        med_option_print_help(to, command->options, defaults);
    }
    fputs("\nOptions of every command:\n", to);
    med_option_print_help(to, med_global_options, &globals);
    fprintf(to, "\nExample:\n  %s\n", command->example);
}
