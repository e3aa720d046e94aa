/* slicer.c: a command as a 3D Slicer CLI module: the XML that Slicer makes a form of (its "Execution Model" schema). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "cmd/parse.h"

static void print_escaped(FILE *to, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&': fputs("&amp;", to); break;
        case '<': fputs("&lt;", to); break;
        case '>': fputs("&gt;", to); break;
        default: fputc(*text, to);
        }
    }
}

static void print_element(FILE *to, const char *tag, const char *text) {
    fprintf(to, "      <%s>", tag);
    print_escaped(to, text);
    fprintf(to, "</%s>\n", tag);
}

/* "one-word" -> "one_word": Slicer wants identifiers of C++. */
static void print_name(FILE *to, const char *name) {
    fputs("      <name>", to);
    for (; *name; name++) fputc(isalnum((unsigned char)*name) ? tolower((unsigned char)*name) : '_', to);
    fputs("</name>\n", to);
}

static const char *tag_of(const med_option *o) {
    switch (o->kind) {
    case MED_KIND_FLAG: return "boolean";
    case MED_KIND_INT: return "integer";
    case MED_KIND_FLOAT: return "double";
    case MED_KIND_TEXT: return "string";
    case MED_KIND_CHOICE: return "string-enumeration";
    case MED_KIND_LIST: return "string-vector";
    case MED_KIND_REPEAT: return "string";
    case MED_KIND_INTS3: return "integer-vector";
    }
    return "string";
}

/* The default as Slicer would type it; owned; NULL: none. */
static char *default_text(const med_option *o, const void *defaults) {
    json_t *object = med_option_to_json((const med_option[]){*o, MED_OPT_END}, defaults);
    const json_t *value = json_object_get(object, o->name);
    char *text = NULL;
    if (json_is_string(value)) text = med_strdup(json_string_value(value));
    if (json_is_boolean(value)) text = med_strdup(json_is_true(value) ? "true" : "false");
    if (json_is_integer(value)) text = med_format("%lld", (long long)json_integer_value(value));
    if (json_is_real(value)) text = med_format("%.15g", json_real_value(value));
    if (o->kind == MED_KIND_INTS3) {
        const int *x = (const int *)((const char *)defaults + o->offset);
        text = med_format("%d,%d,%d", x[0], x[1], x[2]);
    }
    json_decref(object);
    return text;
}

static void print_words(FILE *to, const char *words) {
    char *copy = med_strdup(words), *state = NULL;
    for (char *word = strtok_r(copy, "|", &state); word; word = strtok_r(NULL, "|", &state))
        print_element(to, "element", word);
    free(copy);
}

static void print_option(FILE *to, const med_option *o, const void *defaults) {
    const char *tag = tag_of(o);
    char *value = default_text(o, defaults), *flag = med_format("--%s", o->name);
    fprintf(to, "    <%s%s>\n", tag, o->kind == MED_KIND_REPEAT ? " multiple=\"true\"" : "");
    print_name(to, o->name);
    print_element(to, "longflag", flag);
    print_element(to, "label", o->name);
    print_element(to, "description", o->help);
    if (value) print_element(to, "default", value);
    if (o->kind == MED_KIND_CHOICE) print_words(to, o->words);
    if (o->kind == MED_KIND_INT || o->kind == MED_KIND_FLOAT)
        fprintf(to, "      <constraints><minimum>%.15g</minimum><maximum>%.15g</maximum></constraints>\n", o->min,
                o->max);
    fprintf(to, "    </%s>\n", tag);
    free(flag);
    free(value);
}

/* Positional words of `usage`: OUT is a folder that is written, everything else a file that is read. */
static void print_arguments(FILE *to, const char *usage) {
    char *copy = med_strdup(usage), *state = NULL;
    int index = 0;
    for (char *word = strtok_r(copy, " []|.", &state); word; word = strtok_r(NULL, " []|.", &state)) {
        bool is_output = strncmp(word, "OUT", 3) == 0;
        const char *tag = is_output ? "directory" : "file";
        fprintf(to, "    <%s>\n", tag);
        print_name(to, word);
        print_element(to, "label", word);
        print_element(to, "channel", is_output ? "output" : "input");
        fprintf(to, "      <index>%d</index>\n    </%s>\n", index++, tag);
    }
    free(copy);
}

void med_command_print_xml(FILE *to, const med_command *command, const void *defaults) {
    med_globals globals = med_globals_default();
    fputs("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<executable>\n", to);
    print_element(to, "category", "medley");
    print_element(to, "title", command->name);
    print_element(to, "description", command->summary);
    print_element(to, "version", MEDLEY_VERSION);
    fputs("  <parameters>\n      <label>Arguments</label>\n", to);
    print_arguments(to, command->usage);
    fputs("  </parameters>\n  <parameters>\n      <label>Options</label>\n", to);
    for (const med_option *o = command->options; o && o->name; o++) print_option(to, o, defaults);
    fputs("  </parameters>\n  <parameters advanced=\"true\">\n      <label>Execution</label>\n", to);
    for (const med_option *o = med_global_options; o->name; o++)
        if (strcmp(o->name, "help") != 0 && strcmp(o->name, "xml") != 0) print_option(to, o, &globals);
    fputs("  </parameters>\n</executable>\n", to);
}
