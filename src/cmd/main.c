/* main.c: finds the subcommand, runs it, and turns its status into a message, a JSON object and an exit code. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "cmd/parse.h"

#define COMMAND(name) extern const med_command med_cmd_##name;
#include "cmd/commands.def"
#undef COMMAND
static const med_command *const commands[] = {
#define COMMAND(name) &med_cmd_##name,
#include "cmd/commands.def"
#undef COMMAND
    NULL};

/* The word that chooses a command: the last of its name. */
static const char *word_of(const med_command *command) {
    const char *space = strrchr(command->name, ' ');
    return space ? space + 1 : command->name;
}

static void print_list(FILE *to, const med_command *const *list) {
    for (; *list; list++) fprintf(to, "  %-10s %s\n", word_of(*list), (*list)->summary);
}

static void print_overview(FILE *to) {
    fputs("medley " MEDLEY_VERSION ": fills in missing MR and ultrasound scans of the brain.\n\n", to);
    fputs("Usage: medley COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n", to);
    print_list(to, commands);
    fputs("\nmedley COMMAND --help explains one command; medley --version prints the version.\n", to);
}

static void print_children(FILE *to, const med_command *command) {
    fprintf(to, "medley %s: %s\n\nUsage: medley %s KIND [ARGUMENTS] [OPTIONS]\n\nKinds:\n", command->name,
            command->summary, command->name);
    print_list(to, command->children);
    fprintf(to, "\nmedley %s KIND --help explains one of them.\n", command->name);
}

/* NULL after a message. `parent`: NULL for the commands themselves. */
static const med_command *find_among(const med_command *const *list, const med_command *parent, const char *word) {
    const char *words[64] = {NULL};
    for (int i = 0; list[i]; i++) {
        words[i] = word_of(list[i]);
        if (strcmp(words[i], word) == 0) return list[i];
    }
    const char *nearest = med_nearest(word, words), *name = parent ? parent->name : "", *space = parent ? " " : "";
    if (nearest)
        fprintf(stderr, "medley%s%s: unknown command '%s' (did you mean '%s'?)\n", space, name, word, nearest);
    else
        fprintf(stderr, "medley%s%s: unknown command '%s' (medley %s%s--help lists them)\n", space, name, word, name,
                space);
    return NULL;
}

static void *defaults_create(const med_command *command) {
    void *config = med_alloc(command->config_size);
    if (command->set_defaults) command->set_defaults(config);
    return config;
}

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%"

/* The words as a shell would take them back. */
static char *join_words(int n, char **words) {
    char *line = NULL;
    size_t size;
    FILE *to = open_memstream(&line, &size);
    med_assert(to != NULL);
    for (int i = 0; i < n; i++) {
        const char *space = i ? " " : "";
        bool is_plain = *words[i] && !words[i][strspn(words[i], PLAIN)];
        if (is_plain) {
            fprintf(to, "%s%s", space, words[i]);
            continue;
        }
        fprintf(to, "%s'", space);
        for (const char *p = words[i]; *p; p++) *p == '\'' ? fputs("'\\''", to) : fputc(*p, to);
        fputc('\'', to);
    }
    fclose(to);
    return line;
}

static med_status choose_device(const char *device) {
    bool is_cuda = strncmp(device, "cuda", 4) == 0 && (device[4] == '\0' || device[4] == ':');
    if (is_cuda) return med_fail(MED_EUSAGE, "--device %s: no CUDA backend in this build", device);
    if (strcmp(device, "auto") == 0 || strcmp(device, "cpu") == 0) return MED_OK;
    return med_fail(MED_EUSAGE, "--device is '%s', expected auto, cpu or cuda[:i]", device);
}

static void write_log_line(void *context, const char *line) { fprintf(context, "%s\n", line); }

static med_status run_command(const med_command *command, const med_globals *globals, med_cli *cli) {
    MED_TRY(choose_device(globals->device));
    med_threads_set(globals->threads);
    if (!globals->quiet) {
        med_log_set(write_log_line, stderr);
        med_progress_enable(true);
    }
    return command->run(cli);
}

/* Standard output may be a full disk or a closed pipe. */
static med_status finish_output(void) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return MED_OK;
    return med_fail(MED_EIO, "standard output: %s", strerror(errno));
}

/* File names need not be UTF-8, JSON must be. */
static json_t *json_of_message(const char *message) {
    json_t *text = json_string(message);
    if (text) return text;
    char *copy = med_strdup(message);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80) *p = '?';
    text = json_string(copy);
    free(copy);
    return text;
}

/* Message on stderr, report on stdout, exit code. */
static int conclude(const med_command *command, const med_cli *cli, med_status status) {
    if (cli->is_json) {
        if (status != MED_OK) {
            json_object_set_new(cli->report, "error", json_of_message(med_message()));
            json_object_set_new(cli->report, "exit", json_integer(med_exit_code(status)));
        }
        json_dumpf(cli->report, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    if (status != MED_OK) fprintf(stderr, "medley %s: %s\n", command->name, med_message());
    if (finish_output() != MED_OK) {
        fprintf(stderr, "medley %s: %s\n", command->name, med_message());
        if (status == MED_OK) status = MED_EIO;
    }
    return med_exit_code(status);
}

/* first: the first word behind the command's own. */
static int run(const med_command *command, int argc, char **argv, int first) {
    med_globals globals = med_globals_default();
    char *command_line = join_words(argc, argv);
    med_cli cli = {.command_line = command_line, .config = defaults_create(command), .report = json_object()};
    cli.args = med_alloc((size_t)argc * sizeof *cli.args);
    med_status status = med_cli_parse(command, argc - first, argv + first, &globals, &cli);
    int code;
    if (status == MED_OK && (globals.help || globals.xml)) {
        void *defaults = defaults_create(command);
        (globals.xml ? med_command_print_xml : med_command_print_help)(stdout, command, defaults);
        free(defaults);
        code = med_exit_code(finish_output());
    } else {
        if (status == MED_OK) status = run_command(command, &globals, &cli);
        code = conclude(command, &cli, status);
    }
    json_decref(cli.report);
    free(cli.args);
    free(cli.config);
    free(command_line);
    return code;
}

static bool is_help_word(const char *word) {
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int run_named(int argc, char **argv) {
    const med_command *command = find_among(commands, NULL, argv[1]);
    if (!command) return 2;
    if (!command->children) return run(command, argc, argv, 2);
    if (argc < 3 || is_help_word(argv[2])) {
        print_children(argc < 3 ? stderr : stdout, command);
        return argc < 3 ? 2 : med_exit_code(finish_output());
    }
    const med_command *child = find_among(command->children, command, argv[2]);
    return child ? run(child, argc, argv, 3) : 2;
}

/* "help COMMAND" is "COMMAND --help". */
static int run_help(int argc, char **argv) {
    char help[] = "--help", *words[] = {argv[0], argv[2], argc > 3 ? argv[3] : help, help, NULL};
    return run_named(argc > 3 ? 4 : 3, words);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        print_overview(stderr);
        return 2;
    }
    bool is_version = strcmp(argv[1], "--version") == 0;
    if (is_version) puts("medley " MEDLEY_VERSION);
    if (is_help_word(argv[1]) && argc == 2) print_overview(stdout);
    if (is_version || (is_help_word(argv[1]) && argc == 2)) return med_exit_code(finish_output());
    return is_help_word(argv[1]) ? run_help(argc, argv) : run_named(argc, argv);
}
