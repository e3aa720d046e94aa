/* option.c: text and JSON into struct fields by a table, and back; ranges, words and near misses. */
#include "base/option.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

/* Texts of options live as long as the program. */
static char *keep(const char *text, size_t n) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static med_arena *arena;
    pthread_mutex_lock(&mutex);
    if (!arena) arena = med_arena_create();
    char *copy = med_arena_alloc(arena, n + 1);
    pthread_mutex_unlock(&mutex);
    memcpy(copy, text, n);
    return copy;
}

/* ---- near misses ---- */

enum { MAX_WORD = 64 };

/* Edits (insert, delete, change, swap of neighbours) that turn a into b. */
static int edit_distance(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b), row[3][MAX_WORD + 1];
    if (n > MAX_WORD || m > MAX_WORD) return MAX_WORD;
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = last[j - 1] + (a[i - 1] != b[j - 1]);
            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (is_swap && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

/* Near: at most a third of the letters (but one) are wrong, or one word begins with the other. */
const char *med_nearest(const char *word, const char *const *words) {
    const char *nearest = NULL;
    size_t n = strlen(word);
    int best = n >= 6 ? (int)n / 3 : n >= 2;
    for (; *words; words++) {
        size_t common = strlen(*words) < n ? strlen(*words) : n;
        bool is_beginning = common >= 3 && strncmp(word, *words, common) == 0;
        int distance = is_beginning ? 1 : edit_distance(word, *words);
        if (distance < best || (distance == best && !nearest)) {
            nearest = *words;
            best = distance;
        }
    }
    return nearest;
}

static const char *nearest_name(const med_option *table, const char *name) {
    const char *names[256];
    int n = 0;
    for (; table->name && n < 255; table++) names[n++] = table->name;
    names[n] = NULL;
    return med_nearest(name, names);
}

static med_status fail_unknown(const med_option *table, const char *name) {
    const char *nearest = nearest_name(table, name);
    if (nearest) return med_fail(MED_EUSAGE, "unknown option '%s' (did you mean '%s'?)", name, nearest);
    return med_fail(MED_EUSAGE, "unknown option '%s'", name);
}

static const med_option *find(const med_option *table, const char *name) {
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0) return table;
    return NULL;
}

/* ---- text -> field, one function per kind ---- */

static med_status fail_value(const med_option *o, const char *value, const char *expected) {
    return med_fail(MED_EUSAGE, "%s is '%s', expected %s", o->name, value, expected);
}

static med_status fail_range(const med_option *o, const char *value, const char *what) {
    if (o->max >= 1e300 || (o->kind != MED_KIND_FLOAT && o->max >= 2147483647))
        return med_fail(MED_EUSAGE, "%s is '%s', expected %s of at least %.15g", o->name, value, what, o->min);
    return med_fail(MED_EUSAGE, "%s is '%s', expected %s from %.15g to %.15g", o->name, value, what, o->min, o->max);
}

static med_status set_flag(const med_option *o, bool *field, const char *value) {
    static const char *const yes[] = {"on", "true", "1", "yes"}, *const no[] = {"off", "false", "0", "no"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(value, yes[i]) == 0) return *field = true, MED_OK;
        if (strcmp(value, no[i]) == 0) return *field = false, MED_OK;
    }
    return fail_value(o, value, "on or off");
}

/* Reads one integer at `text`; *end is where it stopped. */
static bool read_int(const med_option *o, const char *text, char **end, int *out) {
    errno = 0;
    long x = strtol(text, end, 10);
    *out = (int)x;
    return *end != text && !isspace((unsigned char)*text) && errno == 0 && (double)x >= o->min && (double)x <= o->max &&
           x == (int)x;
}

static med_status set_int(const med_option *o, int *field, const char *value) {
    char *end;
    int x;
    if (!read_int(o, value, &end, &x) || *end) return fail_range(o, value, "a whole number");
    *field = x;
    return MED_OK;
}

static med_status set_float(const med_option *o, double *field, const char *value) {
    char *end;
    double x = strtod(value, &end);
    bool is_number = end != value && *end == '\0' && !isspace((unsigned char)*value) && isfinite(x);
    if (!is_number || x < o->min || x > o->max) return fail_range(o, value, "a number");
    *field = x;
    return MED_OK;
}

static med_status set_ints3(const med_option *o, int field[3], const char *value) {
    int x[3];
    const char *p = value;
    for (int i = 0; i < 3; i++) {
        char *end;
        if (!read_int(o, p, &end, &x[i]) || *end != (i < 2 ? ',' : '\0'))
            return fail_range(o, value, "three whole numbers X,Y,Z, each");
        p = end + 1;
    }
    memcpy(field, x, sizeof x);
    return MED_OK;
}

static med_status set_choice(const med_option *o, const char **field, const char *value) {
    size_t n = strlen(value);
    for (const char *word = o->words; *word;) {
        size_t length = strcspn(word, "|");
        if (length == n && strncmp(word, value, n) == 0) return *field = keep(value, n), MED_OK;
        word += length + (word[length] == '|');
    }
    char *words = keep(o->words, strlen(o->words));
    for (char *p = words; (p = strchr(p, '|'));) *p = ' ';
    return med_fail(MED_EUSAGE, "%s is '%s', expected one of: %s", o->name, value, words);
}

static med_status add_string(const med_option *o, med_strings *field, const char *text) {
    if (field->n == MED_MAX_STRINGS) return med_fail(MED_EUSAGE, "%s: more than %d values", o->name, MED_MAX_STRINGS);
    field->item[field->n++] = text;
    return MED_OK;
}

static med_status set_list(const med_option *o, med_strings *field, const char *value) {
    *field = (med_strings){0};
    if (!*value) return MED_OK;
    for (const char *p = value;; p++) {
        size_t n = strcspn(p, ",");
        if (n == 0) return fail_value(o, value, "words separated by single commas");
        MED_TRY(add_string(o, field, keep(p, n)));
        p += n;
        if (!*p) return MED_OK;
    }
}

static med_status set_field(const med_option *o, void *config, const char *value) {
    void *field = (char *)config + o->offset;
    switch (o->kind) {
    case MED_KIND_FLAG: return set_flag(o, field, value);
    case MED_KIND_INT: return set_int(o, field, value);
    case MED_KIND_FLOAT: return set_float(o, field, value);
    case MED_KIND_TEXT: return *(const char **)field = value, MED_OK;
    case MED_KIND_CHOICE: return set_choice(o, field, value);
    case MED_KIND_LIST: return set_list(o, field, value);
    case MED_KIND_REPEAT: return add_string(o, field, value);
    case MED_KIND_INTS3: return set_ints3(o, field, value);
    }
    med_assert(!"a kind of option");
    return MED_EUSAGE;
}

med_status med_option_set(const med_option *table, void *config, const char *name, const char *value) {
    const med_option *o = find(table, name);
    return o ? set_field(o, config, value) : fail_unknown(table, name);
}

med_status med_option_set_pair(const med_option *table, void *config, const char *pair) {
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair) return med_fail(MED_EUSAGE, "'%s' is not of the form key=value", pair);
    return med_option_set(table, config, keep(pair, (size_t)(equals - pair)), equals + 1);
}

/* ---- JSON ---- */

/* The text that med_option_set would take for this scalar; NULL when a text cannot say it. */
static const char *text_of_json(const json_t *value) {
    char number[40];
    switch (json_typeof(value)) {
    case JSON_STRING: return keep(json_string_value(value), json_string_length(value));
    case JSON_INTEGER: snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value)); break;
    case JSON_REAL: snprintf(number, sizeof number, "%.17g", json_real_value(value)); break;
    case JSON_TRUE: return "on";
    case JSON_FALSE: return "off";
    default: return NULL;
    }
    return keep(number, strlen(number));
}

static med_status set_strings_json(const med_option *o, med_strings *field, const json_t *array) {
    *field = (med_strings){0};
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) {
        if (!json_is_string(item)) return med_fail(MED_EFORMAT, "%s: item %zu is not a text", o->name, i);
        MED_TRY(add_string(o, field, text_of_json(item)));
    }
    return MED_OK;
}

static med_status set_ints3_json(const med_option *o, int field[3], const json_t *array) {
    const json_t *x = json_array_get(array, 0), *y = json_array_get(array, 1), *z = json_array_get(array, 2);
    char text[80];
    if (json_array_size(array) != 3 || !json_is_integer(x) || !json_is_integer(y) || !json_is_integer(z))
        return med_fail(MED_EFORMAT, "%s: expected three whole numbers", o->name);
    snprintf(text, sizeof text, "%lld,%lld,%lld", (long long)json_integer_value(x), (long long)json_integer_value(y),
             (long long)json_integer_value(z));
    return set_ints3(o, field, text);
}

static med_status set_json(const med_option *o, void *config, const json_t *value) {
    void *field = (char *)config + o->offset;
    bool is_strings = o->kind == MED_KIND_LIST || o->kind == MED_KIND_REPEAT;
    if (json_is_array(value) && is_strings) return set_strings_json(o, field, value);
    if (json_is_array(value) && o->kind == MED_KIND_INTS3) return set_ints3_json(o, field, value);
    if (json_is_null(value) && (o->kind == MED_KIND_TEXT || o->kind == MED_KIND_CHOICE))
        return *(const char **)field = NULL, MED_OK;
    const char *text = text_of_json(value);
    if (!text) return med_fail(MED_EFORMAT, "%s has a value of the wrong kind", o->name);
    if (o->kind == MED_KIND_REPEAT) *(med_strings *)field = (med_strings){0};
    return set_field(o, config, text);
}

med_status med_option_set_json(const med_option *table, void *config, const json_t *object, const char *where) {
    if (!json_is_object(object)) return med_fail(MED_EFORMAT, "%s: expected a JSON object", where);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        const med_option *o = find(table, key);
        med_status status = o ? set_json(o, config, value) : fail_unknown(table, key);
        if (status != MED_OK) return med_fail_in(status, "%s", where);
    }
    return MED_OK;
}

static json_t *strings_to_json(const med_strings *strings) {
    json_t *array = json_array();
    for (int i = 0; i < strings->n; i++) json_array_append_new(array, json_string(strings->item[i]));
    return array;
}

static json_t *field_to_json(const med_option *o, const void *config) {
    const void *field = (const char *)config + o->offset;
    switch (o->kind) {
    case MED_KIND_FLAG: return json_boolean(*(const bool *)field);
    case MED_KIND_INT: return json_integer(*(const int *)field);
    case MED_KIND_FLOAT: return json_real(*(const double *)field);
    case MED_KIND_TEXT:
    case MED_KIND_CHOICE: {
        const char *text = *(const char *const *)field;
        return text ? json_string(text) : json_null();
    }
    case MED_KIND_LIST:
    case MED_KIND_REPEAT: return strings_to_json(field);
    case MED_KIND_INTS3: {
        const int *x = field;
        return json_pack("[i,i,i]", x[0], x[1], x[2]);
    }
    }
    med_assert(!"a kind of option");
    return NULL;
}

json_t *med_option_to_json(const med_option *table, const void *config) {
    json_t *object = json_object();
    for (; table->name; table++) json_object_set_new(object, table->name, field_to_json(table, config));
    return object;
}
