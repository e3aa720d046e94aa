/* evaluate_files.c: which files there are, by case and key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "task/evaluate_work.h"

bool med_found_stem(const char *name, const char *const *endings, char stem[MED_FOUND_NAME]) {
    size_t n = strlen(name);
    for (; *endings; endings++) {
        size_t m = strlen(*endings);
        if (n <= m || n - m >= MED_FOUND_NAME || strcmp(name + n - m, *endings)) continue;
        snprintf(stem, MED_FOUND_NAME, "%.*s", (int)(n - m), name);
        return true;
    }
    return false;
}

bool med_found_image_stem(const char *name, char stem[MED_FOUND_NAME]) {
    static const char *const endings[] = {".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd", NULL};
    return med_found_stem(name, endings, stem);
}

bool med_found_parse_image(const char *name, med_found *out) {
    static const char *const others[] = {"label", "fov", "sd"};
    char stem[MED_FOUND_NAME];
    if (!med_found_image_stem(name, stem)) return false;
    char *dash = strrchr(stem, '-');
    if (!dash || dash == stem || !dash[1] || strchr(dash, '.')) return false; /* "t2.target" */
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(dash + 1, others[i])) return false;
    *dash = '\0';
    snprintf(out->case_name, sizeof out->case_name, "%s", stem);
    snprintf(out->key, sizeof out->key, "%s", dash + 1);
    return true;
}

typedef struct scan {
    med_found_parse *parse;
    med_found_list *list;
} scan;

/* Takes the path. */
static void add(const scan *s, const char *name, char *path) {
    med_found found = {.path = path};
    if (!s->parse(name, &found)) {
        free(path);
        return;
    }
    s->list->item = realloc(s->list->item, sizeof *s->list->item * (size_t)(s->list->n + 1));
    med_assert(s->list->item != NULL);
    s->list->item[s->list->n++] = found;
}

static med_status add_file(void *context, const char *dir, const char *name) {
    add(context, name, med_path_join(dir, name));
    return MED_OK;
}

static int by_case_and_key(const void *a, const void *b) {
    const med_found *x = a, *y = b;
    int order = strcmp(x->case_name, y->case_name);
    return order ? order : strcmp(x->key, y->key);
}

static int by_name(const void *a, const void *b) {
    int order = by_case_and_key(a, b);
    return order ? order : strcmp(((const med_found *)a)->path, ((const med_found *)b)->path);
}

static med_status check_unique(med_found_list *list, bool first_wins) {
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        med_found *one = &list->item[i];
        bool is_twice = n && !by_case_and_key(&list->item[n - 1], one);
        if (is_twice && !first_wins)
            return med_fail(MED_EINPUT, "%s and %s: two files for %s of case '%s'; remove one", list->item[n - 1].path,
                            one->path, one->key, one->case_name);
        if (is_twice) {
            free(one->path);
            one->path = NULL;
        } else {
            med_found kept = *one;
            one->path = NULL;
            list->item[n++] = kept;
        }
    }
    list->n = n;
    return MED_OK;
}

med_status med_found_scan(const char *path, med_found_parse *parse, bool first_wins, med_found_list *out) {
    *out = (med_found_list){0};
    if (!med_path_exists(path)) return med_fail(MED_EINPUT, "%s: not there", path);
    med_status status = MED_OK;
    scan s = {parse, out};
    if (med_path_is_dir(path))
        status = med_dir_visit(path, 1, add_file, &s);
    else
        add(&s, med_path_base(path), med_strdup(path));
    if (status == MED_OK && out->n) qsort(out->item, (size_t)out->n, sizeof *out->item, by_name);
    if (status == MED_OK) status = check_unique(out, first_wins);
    if (status != MED_OK) med_found_free(out);
    return status;
}

void med_found_free(med_found_list *list) {
    for (int i = 0; i < list->n; i++) free(list->item[i].path);
    free(list->item);
    *list = (med_found_list){0};
}

const med_found *med_found_get(const med_found_list *list, const char *case_name, const char *key) {
    med_found wanted = {.path = NULL};
    snprintf(wanted.case_name, sizeof wanted.case_name, "%s", case_name);
    snprintf(wanted.key, sizeof wanted.key, "%s", key);
    return list->n ? bsearch(&wanted, list->item, (size_t)list->n, sizeof wanted, by_case_and_key) : NULL;
}

void med_found_missing(const med_found_list *list, const med_found_list *others, json_t *cases) {
    for (int i = 0; i < list->n; i++) {
        const char *name = list->item[i].case_name;
        bool is_new = !i || strcmp(list->item[i - 1].case_name, name), is_there = false;
        for (int k = 0; k < others->n; k++) is_there |= !strcmp(others->item[k].case_name, name);
        if (is_new && !is_there) med_evaluation_only_in(cases, name, "");
    }
}

med_status med_sidecar_load(const char *image, json_t **out) {
    char stem[MED_FOUND_NAME];
    *out = NULL;
    if (!med_found_image_stem(med_path_base(image), stem)) return MED_OK;
    char *path = med_format("%.*s%s.json", (int)(med_path_base(image) - image), image, stem);
    med_status status = med_path_exists(path) ? med_json_load(path, out) : MED_OK;
    free(path);
    return status;
}
