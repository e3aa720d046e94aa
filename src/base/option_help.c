/* option_help.c: the lines of --help, from a table and a struct that holds the defaults. */
#include "base/option.h"

#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

enum { WIDTH = 100, MAX_COLUMN = 30 };

/* "--size X,Y,Z" */
static char *left_column(const med_option *o) {
    return med_format("--%s%s%s", o->name, o->words ? " " : "", o->words ? o->words : "");
}

static char *join_strings(const med_strings *strings) {
    char *joined = med_strdup("");
    for (int i = 0; i < strings->n; i++) {
        char *longer = med_format("%s%s%s", joined, i ? "," : "", strings->item[i]);
        free(joined);
        joined = longer;
    }
    return joined;
}

/* Owned; "" where "not given" is the default. */
static char *default_text(const med_option *o, const void *defaults) {
    const void *field = (const char *)defaults + o->offset;
    switch (o->kind) {
    case MED_KIND_FLAG: return med_strdup(*(const bool *)field ? "on" : "");
    case MED_KIND_INT: return med_format("%d", *(const int *)field);
    case MED_KIND_FLOAT: return med_format("%g", *(const double *)field);
    case MED_KIND_TEXT:
    case MED_KIND_CHOICE: {
        const char *text = *(const char *const *)field;
        return med_strdup(text ? text : "");
    }
    case MED_KIND_LIST:
    case MED_KIND_REPEAT: return join_strings(field);
    case MED_KIND_INTS3: {
        const int *x = field;
        return med_format("%d,%d,%d", x[0], x[1], x[2]);
    }
    }
    return med_strdup("");
}

/* Words of `text` in lines up to WIDTH, later lines indented. */
static void print_wrapped(FILE *to, const char *text, int column) {
    int at = column;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " ");
        if (at > column && at + 1 + n > WIDTH) {
            fprintf(to, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", n, p);
        at += n;
        p += n + (p[n] == ' ');
    }
    fputc('\n', to);
}

static void print_option(FILE *to, const med_option *o, const void *defaults, int column) {
    char *left = left_column(o), *value = default_text(o, defaults);
    char *text = *value ? med_format("%s (default: %s)", o->help, value) : med_strdup(o->help);
    fprintf(to, "  %-*s", column - 2, left);
    if ((int)strlen(left) > column - 4) fprintf(to, "\n%*s", column, "");
    print_wrapped(to, text, column);
    free(text);
    free(value);
    free(left);
}

void med_option_print_help(FILE *to, const med_option *table, const void *defaults) {
    int column = 0;
    for (const med_option *o = table; o->name; o++) {
        char *left = left_column(o);
        int needed = (int)strlen(left) + 4;
        if (needed > column) column = needed;
        free(left);
    }
    if (column > MAX_COLUMN) column = MAX_COLUMN;
    for (; table->name; table++) print_option(to, table, defaults, column);
}
