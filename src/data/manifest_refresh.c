/* manifest_refresh.c: the old manifest's texts, today's files. */
#include "data/manifest_refresh.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_parts.h"
#include "data/manifest.h"

enum { MAX_WARNINGS = 256 };

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Keys that the writer makes itself. */
static json_t *without(const json_t *object, const char *const *keys) {
    json_t *copy = json_copy((json_t *)object);
    for (; *keys; keys++) json_object_del(copy, *keys);
    return copy;
}

/* Modalities that have a file and were recorded as missing all the same: images of zeros. */
static int list_empty(const med_manifest_head *head, const json_t *entry, const char **empty) {
    int n = 0;
    for (int j = 0; j < head->n_mods; j++) {
        bool is_observed = false;
        size_t i;
        json_t *mod;
        json_array_foreach (json_object_get(entry, "observed"), i, mod)
            is_observed |= strcmp(json_string_value(mod), head->mods[j]) == 0;
        if (!is_observed && json_object_get(json_object_get(entry, "files"), head->mods[j])) empty[n++] = head->mods[j];
    }
    return n;
}

static med_status add_case(med_manifest *m, const char *data, const med_manifest_head *head, const json_t *entry) {
    static const char *const made[] = {"name", "observed", "grid", "files", "warnings", NULL};
    const char *warnings[MAX_WARNINGS], *empty[MED_MAX_MODS];
    med_manifest_case c = {.name = text_at(entry, "name"), .warnings = warnings, .empty = empty};
    size_t i;
    json_t *text;
    json_array_foreach (json_object_get(entry, "warnings"), i, text)
        if (c.n_warnings < MAX_WARNINGS && json_is_string(text)) warnings[c.n_warnings++] = json_string_value(text);
    c.n_empty = list_empty(head, entry, empty);
    c.notes = without(entry, made);
    return med_manifest_add_case(m, data, &c);
}

static med_status rewrite(const char *data, const json_t *old, const char *key, json_t *value) {
    static const char *const made[] = {"format",  "version",    "name",  "anchor", "source",
                                       "licence", "modalities", "cases", NULL};
    const char *mods[MED_MAX_MODS];
    med_manifest_head head = {
        text_at(old, "name"), text_at(old, "anchor"), text_at(old, "source"), text_at(old, "licence"), 0, mods};
    size_t i;
    json_t *item, *kept = without(old, made);
    const char *name;
    json_array_foreach (json_object_get(old, "modalities"), i, item)
        if (head.n_mods < MED_MAX_MODS && json_is_string(item)) mods[head.n_mods++] = json_string_value(item);
    med_manifest *m = med_manifest_create(&head);
    json_object_foreach (kept, name, item) med_manifest_set(m, name, json_incref(item));
    med_manifest_set(m, key, value);
    med_status status = MED_OK;
    json_array_foreach (json_object_get(old, "cases"), i, item)
        if (status == MED_OK) status = add_case(m, data, &head, item);
    if (status == MED_OK) status = med_manifest_save(m, data);
    med_manifest_free(m);
    json_decref(kept);
    return status;
}

med_status med_manifest_refresh(const char *data, const char *key, json_t *value) {
    json_t *old = NULL;
    char *path = med_path_join(data, "manifest.json");
    med_status status = med_json_load(path, &old);
    if (status == MED_OK)
        status = rewrite(data, old, key, value);
    else
        json_decref(value);
    json_decref(old);
    free(path);
    return status;
}
