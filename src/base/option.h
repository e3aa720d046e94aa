/* option.h: one table describes a struct's settings; from it come command-line parsing, --help, configuration
 * keys (JSON and --set key=value), defaults and "did you mean". */
#ifndef MED_BASE_OPTION_H
#define MED_BASE_OPTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/status.h"

enum { MED_MAX_STRINGS = 64 };
typedef struct med_strings { /* borrowed texts; of a repeated option, or of a comma-separated list */
    int n;
    const char *item[MED_MAX_STRINGS];
} med_strings;

typedef enum med_option_kind {
    MED_KIND_FLAG,    /* bool; on the command line without a value, as a key on|off|true|false|1|0 */
    MED_KIND_INT,     /* int within [min, max] */
    MED_KIND_FLOAT,   /* double within [min, max] */
    MED_KIND_TEXT,    /* const char *, borrowed; NULL = not given */
    MED_KIND_CHOICE,  /* const char *: one of the words in `words`, separated by '|' */
    MED_KIND_LIST,    /* med_strings: comma separated (modalities, say) */
    MED_KIND_REPEAT,  /* med_strings: the option may be given several times */
    MED_KIND_INTS3,   /* int[3]: X,Y,Z, each within [min, max] */
} med_option_kind;

typedef struct med_option {
    const char *name; /* "temperature": --temperature on the command line, temperature as a key */
    med_option_kind kind;
    size_t offset; /* of the field in the config struct */
    double min, max;
    const char *words; /* CHOICE: "unit|network|release"; else how the value is called in --help, or NULL */
    const char *help;  /* with the unit */
} med_option;

#define MED_OPT_FLAG(T, name, field, help)               {name, MED_KIND_FLAG, offsetof(T, field), 0, 1, NULL, help}
#define MED_OPT_INT(T, name, field, min, max, help)      {name, MED_KIND_INT, offsetof(T, field), min, max, "N", help}
#define MED_OPT_FLOAT(T, name, field, min, max, help)    {name, MED_KIND_FLOAT, offsetof(T, field), min, max, "X", help}
#define MED_OPT_TEXT(T, name, field, value, help)        {name, MED_KIND_TEXT, offsetof(T, field), 0, 0, value, help}
#define MED_OPT_CHOICE(T, name, field, words, help)      {name, MED_KIND_CHOICE, offsetof(T, field), 0, 0, words, help}
#define MED_OPT_LIST(T, name, field, value, help)        {name, MED_KIND_LIST, offsetof(T, field), 0, 0, value, help}
#define MED_OPT_REPEAT(T, name, field, value, help)      {name, MED_KIND_REPEAT, offsetof(T, field), 0, 0, value, help}
#define MED_OPT_INTS3(T, name, field, min, max, help)    {name, MED_KIND_INTS3, offsetof(T, field), min, max, "X,Y,Z", help}
#define MED_OPT_END                                      {NULL, MED_KIND_FLAG, 0, 0, 0, NULL, NULL}

/* Set one field from text. MED_EUSAGE: unknown name (nearest suggested), not a number, out of range, unknown word.
 * Texts are kept by pointer (lists are split in a copy that lives as long as the program). */
MED_CHECK med_status med_option_set(const med_option *table, void *config, const char *name, const char *value);
/* Set fields from a JSON object; unknown keys are errors that suggest the nearest. `where` names the source.
 * Texts are copied and live as long as the program. */
MED_CHECK med_status med_option_set_json(const med_option *table, void *config, const json_t *object, const char *where);
/* "key=value" as given to --set. */
MED_CHECK med_status med_option_set_pair(const med_option *table, void *config, const char *pair);
/* The whole struct as a new JSON object (owned reference). */
json_t *med_option_to_json(const med_option *table, const void *config);
/* Help lines "  --name N   help (default: 3)" from the table and a struct that holds the defaults. */
void med_option_print_help(FILE *to, const med_option *table, const void *defaults);
/* The entry of `words` (NULL-terminated) nearest to `word` by edit distance, NULL when nothing is near. */
const char *med_nearest(const char *word, const char *const *words);

#endif
