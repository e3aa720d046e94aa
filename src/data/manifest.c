/* manifest.c: writing DATA/manifest.json. */
#include "data/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/dataset_parts.h"

enum { MAX_NOTED = MED_MAX_MODS + 4 };

struct med_manifest {
    json_t *root, *cases; /* cases: name -> object */
};

static json_t *list_of(const char *const *items, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, json_string(items[i]));
    return list;
}

/* File names and what people type need not be UTF-8; JSON must be. */
static json_t *text_of(const char *text) {
    json_t *value = json_string(text);
    return value ? value : json_string("(not UTF-8)");
}

med_manifest *med_manifest_create(const med_manifest_head *head) {
    med_manifest *m = med_alloc(sizeof *m);
    m->root = json_pack("{s:s, s:i, s:o, s:s, s:o, s:o}", "format", "medley dataset", "version", 1, "name",
                        text_of(head->name), "anchor", head->anchor, "source", text_of(head->source), "licence",
                        text_of(head->licence));
    med_assert(m->root != NULL);
    json_object_set_new(m->root, "modalities", list_of(head->mods, head->n_mods));
    m->cases = json_object();
    return m;
}

void med_manifest_free(med_manifest *m) {
    if (!m) return;
    json_decref(m->root);
    json_decref(m->cases);
    free(m);
}

void med_manifest_set(med_manifest *m, const char *key, json_t *value) { json_object_set_new(m->root, key, value); }

/* ---- one case ---- */

static json_t *grid_to_json(const med_grid *grid) {
    double s[3];
    med_grid_spacing(*grid, s);
    json_t *rows = json_array();
    for (int r = 0; r < 3; r++)
        json_array_append_new(rows, json_pack("[f,f,f,f]", grid->affine.m[r][0], grid->affine.m[r][1],
                                              grid->affine.m[r][2], grid->affine.m[r][3]));
    return json_pack("{s:[i,i,i], s:[f,f,f], s:o}", "size", grid->n[0], grid->n[1], grid->n[2], "spacing_mm", s[0],
                     s[1], s[2], "affine", rows);
}

typedef struct case_files { /* while a case's folder is read */
    const char *data, *case_name;
    char *dir, *first_image; /* owned */
    med_grid grid;
    json_t *files;
    const char *folder; /* "CASE/" or "" */
} case_files;

static bool has_suffix(const char *name, const char *suffix, size_t *n_stem) {
    *n_stem = strlen(name) - strlen(suffix);
    return med_ends_with(name, suffix);
}

static med_status check_grid(case_files *f, const char *path) {
    med_volume *header;
    MED_TRY(med_volume_load_header(path, &header));
    med_grid grid = header->grid;
    med_volume_free(header);
    if (!f->first_image) {
        f->first_image = med_strdup(path);
        f->grid = grid;
        return MED_OK;
    }
    if (med_grid_equal(grid, f->grid, 0.1)) return MED_OK;
    const int *a = f->grid.n, *b = grid.n;
    return med_fail(MED_EFORMAT, "%s (%d x %d x %d) and %s (%d x %d x %d) do not lie on one grid; resample them first",
                    f->first_image, a[0], a[1], a[2], path, b[0], b[1], b[2]);
}

/* CASE-KEY.nii[.gz] or CASE-KEY.csv; other files are not part of the data set. */
static med_status add_file(case_files *f, const char *name) {
    size_t n_case = strlen(f->case_name), n_stem;
    if (strncmp(name, f->case_name, n_case) != 0 || name[n_case] != '-') return MED_OK;
    bool is_image = has_suffix(name, ".nii.gz", &n_stem) || has_suffix(name, ".nii", &n_stem);
    if ((!is_image && !has_suffix(name, ".csv", &n_stem)) || n_stem <= n_case + 1) return MED_OK;
    char *path = med_path_join(f->dir, name), *key = med_format("%.*s", (int)(n_stem - n_case - 1), name + n_case + 1),
         hash[65];
    med_status status = is_image ? check_grid(f, path) : MED_OK;
    if (status == MED_OK && json_object_get(f->files, key))
        status = med_fail(MED_EFORMAT, "%s: a second file for %s of case '%s'; remove one", path, key, f->case_name);
    if (status == MED_OK) status = med_file_sha256(path, hash);
    if (status == MED_OK) {
        struct stat info = {0};
        json_t *entry = json_object();
        char *relative = med_format("%s%s%s", f->folder, *f->folder ? "/" : "", name);
        json_object_set_new(entry, "path", json_string(relative));
        if (stat(path, &info) == 0) json_object_set_new(entry, "bytes", json_integer(info.st_size));
        json_object_set_new(entry, "sha256", json_string(hash));
        json_object_set_new(f->files, key, entry);
        free(relative);
    }
    free(key);
    free(path);
    return status;
}

static med_status read_files(case_files *f) {
    char *own = med_path_join(f->data, f->case_name), **names;
    bool has_own = med_path_is_dir(own);
    f->dir = has_own ? med_strdup(own) : med_strdup(f->data);
    f->folder = has_own ? f->case_name : "";
    free(own);
    int n;
    MED_TRY(med_dir_list(f->dir, &names, &n));
    med_status status = MED_OK;
    for (int i = 0; i < n && status == MED_OK; i++) status = add_file(f, names[i]);
    med_names_free(names, n);
    if (status == MED_OK && !f->first_image)
        status = med_fail(MED_EFORMAT, "%s: no image of case '%s'", f->dir, f->case_name);
    return status;
}

static json_t *observed_of(const med_manifest *m, const json_t *files, const med_manifest_case *c) {
    json_t *observed = json_array(), *mod;
    size_t i;
    json_array_foreach (json_object_get(m->root, "modalities"), i, mod) {
        bool is_there = json_object_get(files, json_string_value(mod)) != NULL;
        for (int e = 0; e < c->n_empty; e++) is_there &= strcmp(c->empty[e], json_string_value(mod)) != 0;
        if (is_there) json_array_append(observed, mod);
    }
    return observed;
}

med_status med_manifest_add_case(med_manifest *m, const char *data, const med_manifest_case *c) {
    case_files f = {.data = data, .case_name = c->name, .files = json_object()};
    med_status status = MED_OK;
    if (!med_case_name_is_valid(c->name))
        status = med_fail(MED_EUSAGE, "case '%s': not a name that a folder can have", c->name);
    if (status == MED_OK && json_object_get(m->cases, c->name))
        status = med_fail(MED_EFORMAT, "%s: case '%s' is there twice", data, c->name);
    if (status == MED_OK) status = read_files(&f);
    if (status == MED_OK) {
        json_t *entry =
            json_pack("{s:s, s:o, s:o, s:O, s:o}", "name", c->name, "observed", observed_of(m, f.files, c), "grid",
                      grid_to_json(&f.grid), "files", f.files, "warnings", list_of(c->warnings, c->n_warnings));
        if (c->notes) json_object_update_missing(entry, c->notes);
        json_object_set_new(m->cases, c->name, entry);
    }
    json_decref(f.files);
    json_decref(c->notes);
    free(f.dir);
    free(f.first_image);
    return status;
}

/* ---- the file ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

med_status med_manifest_save(const med_manifest *m, const char *data) {
    size_t n = json_object_size(m->cases), at = 0;
    const char **names = med_alloc((n ? n : 1) * sizeof *names), *name;
    json_t *value, *list = json_array();
    json_object_foreach (m->cases, name, value) names[at++] = name;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) json_array_append(list, json_object_get(m->cases, names[i]));
    free(names);
    json_object_set_new(m->root, "cases", list);
    char *text = json_dumps(m->root, JSON_INDENT(1) | JSON_REAL_PRECISION(15)), *path = med_path_join(data, "manifest.json");
    med_assert(text != NULL);
    med_status status = med_file_write(path, text, strlen(text));
    free(text);
    free(path);
    return status;
}

/* ---- import ---- */

typedef struct noted {
    int n_warnings, n_empty;
    const char *warnings[MAX_NOTED], *empty[MAX_NOTED];
} noted; /* warnings are owned */

static med_status inspect_image(const med_case *c, const char *mod, bool is_mod, noted *to) {
    char *path = med_case_path(c, mod, NULL);
    bool is_zero = false;
    med_status status = is_mod || med_path_exists(path) ? med_volume_load_is_zero(path, &is_zero) : MED_OK;
    if (status == MED_OK && is_zero) {
        if (strcmp(mod, "us") == 0)
            status = med_fail(MED_EFORMAT, "%s: all voxels are 0; an ultrasound image must show something", path);
        else
            to->warnings[to->n_warnings++] =
                med_format(is_mod ? "%s: all voxels are 0: recorded as missing" : "%s: empty label", mod);
        if (is_mod) to->empty[to->n_empty++] = mod;
    }
    free(path);
    return status;
}

static med_status import_case(med_manifest *m, const med_dataset *d, const med_case *c) {
    noted notes = {0};
    med_status status = MED_OK;
    for (int j = 0; j < d->n_mods && status == MED_OK; j++)
        if (med_modset_has(c->observed, j)) status = inspect_image(c, d->mods[j], true, &notes);
    if (status == MED_OK) status = inspect_image(c, "label", false, &notes);
    if (status == MED_OK)
        status = med_manifest_add_case(m, d->path,
                                       &(med_manifest_case){.name = c->name,
                                                            .n_warnings = notes.n_warnings,
                                                            .warnings = notes.warnings,
                                                            .n_empty = notes.n_empty,
                                                            .empty = notes.empty});
    for (int i = 0; i < notes.n_warnings; i++) {
        if (status == MED_OK) med_warn("case %s: %s", c->name, notes.warnings[i]);
        free((char *)notes.warnings[i]);
    }
    return status;
}

med_status med_manifest_import(const char *data, const char *source, const char *licence) {
    med_dataset *d;
    MED_TRY(med_dataset_open(data, &d));
    med_status status = d->has_manifest ? med_fail(MED_EUSAGE, "%s: has a manifest already", data) : MED_OK;
    const char *mods[MED_MAX_MODS];
    for (int j = 0; j < d->n_mods; j++) mods[j] = d->mods[j];
    med_manifest_head head = {d->name, med_dataset_mod(d, "us") >= 0 ? "us" : "", source, licence, d->n_mods, mods};
    med_manifest *m = med_manifest_create(&head);
    for (int i = 0; i < d->n_cases && status == MED_OK; i++) status = import_case(m, d, &d->cases[i]);
    if (status == MED_OK) status = med_manifest_save(m, data);
    med_manifest_free(m);
    med_dataset_free(d);
    return status;
}
