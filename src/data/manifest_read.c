/* manifest_read.c: a data set from its DATA/manifest.json. Nothing is taken on trust: names, paths, and that every listed
 * file is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_parts.h"

typedef struct reader {
    med_dataset *d;
    const char *path;
    FILE *hashes;
} reader;

static med_status read_mods(reader *r, const json_t *list) {
    const char *names[MED_MAX_MODS + 1];
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0 || n > MED_MAX_MODS)
        return med_fail(MED_EFORMAT, "%s: 'modalities': expected a list of 1 to %d names", r->path, MED_MAX_MODS);
    for (size_t i = 0; i < n; i++) {
        names[i] = json_string_value(json_array_get(list, i));
        if (!names[i]) return med_fail(MED_EFORMAT, "%s: 'modalities': expected names (texts)", r->path);
    }
    return med_dataset_set_mods(r->d, names, (int)n);
}

static med_status read_anchor(reader *r, const json_t *anchor) {
    const char *name = json_string_value(anchor);
    if (!anchor || (name && !*name)) return MED_OK;
    if (!name || med_dataset_mod(r->d, name) < 0)
        return med_fail(MED_EFORMAT, "%s: 'anchor' is %s, expected one of the modalities", r->path,
                        name ? name : "not a text");
    snprintf(r->d->anchor, sizeof r->d->anchor, "%s", name);
    return MED_OK;
}

static bool is_folder_of(const char *relative, const char *name, const char *key) {
    char *stem = med_format("%s-%s.", name, key);
    const char *base = med_path_base(relative);
    size_t n_folder = (size_t)(base - relative), n_name = strlen(name);
    bool is_below = n_folder == n_name + 1 && strncmp(relative, name, n_name) == 0;
    bool is_named = (n_folder == 0 || is_below) && strncmp(base, stem, strlen(stem)) == 0;
    free(stem);
    return is_named;
}

/* *dir becomes the folder of the case's files (owned), the same for all of them. */
static med_status read_file(reader *r, const char *name, const char *key, const json_t *entry, char **dir) {
    const char *relative = json_string_value(json_object_get(entry, "path")),
               *hash = json_string_value(json_object_get(entry, "sha256"));
    if (!relative || !hash)
        return med_fail(MED_EFORMAT, "%s: case '%s', file '%s': expected path and sha256", r->path, name, key);
    if (!is_folder_of(relative, name, key))
        return med_fail(MED_EFORMAT, "%s: case '%s', file '%s': path is '%s', expected '%s/%s-%s...'", r->path, name,
                        key, relative, name, name, key);
    char *path = med_path_join(r->d->path, relative);
    med_status status = MED_OK;
    if (!med_path_exists(path) || med_path_is_dir(path))
        status =
            med_fail(MED_EINPUT, "%s: no such file, but %s lists it; a missing modality is not listed", path, r->path);
    char *folder = med_format("%.*s", (int)(strlen(path) - strlen(med_path_base(path)) - 1), path);
    free(path);
    if (status == MED_OK && *dir && strcmp(*dir, folder) != 0)
        status = med_fail(MED_EFORMAT, "%s: case '%s' has files in %s and in %s", r->path, name, *dir, folder);
    if (*dir)
        free(folder);
    else
        *dir = folder;
    fprintf(r->hashes, "%s %s\n", med_path_base(relative), hash);
    return status;
}

static med_status read_observed(reader *r, const char *name, const json_t *list, const json_t *files,
                                med_modset *observed) {
    size_t i;
    json_t *item;
    if (!json_is_array(list))
        return med_fail(MED_EFORMAT, "%s: case '%s': 'observed': expected a list of modalities", r->path, name);
    json_array_foreach ((json_t *)list, i, item) {
        const char *mod = json_string_value(item);
        int j = mod ? med_dataset_mod(r->d, mod) : -1;
        if (j < 0)
            return med_fail(MED_EFORMAT, "%s: case '%s': observed modality '%s' is not in 'modalities'", r->path, name,
                            mod ? mod : "(not a text)");
        if (!json_object_get(files, mod))
            return med_fail(MED_EFORMAT, "%s: case '%s': '%s' is observed but has no file", r->path, name, mod);
        *observed |= med_modset_of(j);
    }
    return MED_OK;
}

static med_status read_case(reader *r, size_t index, const json_t *object) {
    const char *name = json_string_value(json_object_get(object, "name")), *key;
    if (!name || !med_case_name_is_valid(name))
        return med_fail(MED_EFORMAT, "%s: case %zu: 'name' is missing or not a name", r->path, index);
    const json_t *files = json_object_get(object, "files");
    if (!json_is_object(files) || json_object_size(files) == 0)
        return med_fail(MED_EFORMAT, "%s: case '%s': 'files' is missing or empty", r->path, name);
    if (med_dataset_case(r->d, name) >= 0) return med_fail(MED_EFORMAT, "%s: case '%s' is listed twice", r->path, name);
    char *dir = NULL;
    med_modset observed = 0;
    json_t *entry;
    med_status status = MED_OK;
    json_object_foreach ((json_t *)files, key, entry) {
        if (status == MED_OK) status = read_file(r, name, key, entry, &dir);
    }
    if (status == MED_OK) status = read_observed(r, name, json_object_get(object, "observed"), files, &observed);
    if (status == MED_OK) med_dataset_add_case(r->d, name, dir)->observed = observed;
    free(dir);
    return status;
}

static med_status read_root(reader *r, const json_t *root) {
    const char *format = json_string_value(json_object_get(root, "format")),
               *name = json_string_value(json_object_get(root, "name"));
    long long version = json_integer_value(json_object_get(root, "version"));
    if (!format || strcmp(format, "medley dataset") != 0)
        return med_fail(MED_EFORMAT, "%s: 'format' is not \"medley dataset\": another program's file?", r->path);
    if (version != 1) return med_fail(MED_EFORMAT, "%s: version %lld, this program reads version 1", r->path, version);
    if (name && *name) {
        free(r->d->name);
        r->d->name = med_strdup(name);
    }
    MED_TRY(read_mods(r, json_object_get(root, "modalities")));
    MED_TRY(read_anchor(r, json_object_get(root, "anchor")));
    const json_t *cases = json_object_get(root, "cases");
    size_t n = json_array_size(cases);
    if (!json_is_array(cases) || n == 0)
        return med_fail(MED_EFORMAT, "%s: 'cases': expected a list with at least one case", r->path);
    for (size_t i = 0; i < n; i++) MED_TRY(read_case(r, i, json_array_get(cases, i)));
    return MED_OK;
}

med_status med_dataset_read_manifest(med_dataset *d, const char *path) {
    json_t *root;
    char *hashes = NULL;
    size_t n;
    MED_TRY(med_json_load(path, &root));
    reader r = {d, path, open_memstream(&hashes, &n)};
    med_assert(r.hashes != NULL);
    med_status status = read_root(&r, root);
    fclose(r.hashes);
    med_sha256_hex(hashes, n, d->hash);
    free(hashes);
    json_decref(root);
    return status;
}
