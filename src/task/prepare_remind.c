/* prepare_remind.c: which files and transforms make up each case of ReMIND. A transform file "A-to-R" maps points of R to
 * points of A; a point of the ultrasound goes to the reference MR by the inverse of its affine file, and from there to
 * another MR by the inverse of its rigid file. */
#include "task/prepare_remind.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/prepare_checks.h"
#include "image/csv.h"

/* ---- tables ---- */

typedef struct row { /* owned */
    char *name, *us, *mr, *target;
} row;

typedef struct table {
    row *item;
    int n;
} table;

static row *find_row(const table *t, const char *name) {
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->item[i].name, name) == 0) return &t->item[i];
    return NULL;
}

static void table_free(table *t) {
    for (int i = 0; i < t->n; i++) {
        free(t->item[i].name);
        free(t->item[i].us);
        free(t->item[i].mr);
        free(t->item[i].target);
    }
    free(t->item);
}

/* A table whose first column is the case and which has `columns`; calls `take` for each row. */
typedef med_status take_fn(const char *path, const med_csv_row *r, const int *column, table *t);

static med_status read_rows(const char *path, med_lines *lines, const char *const *columns, take_fn *take, table *t) {
    med_csv_row head, r;
    int column[4] = {0};
    MED_TRY(med_csv_next(path, lines, &head));
    if (!head.text) return med_fail(MED_EFORMAT, "%s: is empty, expected a table", path);
    for (int c = 0; columns[c]; c++) {
        column[c] = med_csv_column(&head, columns[c]);
        if (column[c] <= 0) {
            med_csv_free(&head);
            return med_fail(MED_EFORMAT, "%s:1: no column \"%s\" behind that of the cases", path, columns[c]);
        }
    }
    int n_columns = head.n;
    med_csv_free(&head);
    for (;;) {
        MED_TRY(med_csv_next(path, lines, &r));
        if (!r.text) return MED_OK;
        med_status status = r.n == n_columns
                                ? take(path, &r, column, t)
                                : med_fail(MED_EFORMAT, "%s:%d: %d columns, expected %d", path, r.line, r.n, n_columns);
        med_csv_free(&r);
        MED_TRY(status);
    }
}

static med_status read_table(const char *path, const char *const *columns, take_fn *take, table *t) {
    med_mapping map;
    MED_TRY(med_file_map(path, &map));
    med_lines lines = med_csv_open(map.data, map.size);
    med_status status = read_rows(path, &lines, columns, take, t);
    med_file_unmap(&map);
    return status;
}

static bool is_file_name(const char *name) { return *name && !strchr(name, '/') && strcmp(name, "..") != 0; }

static med_status take_reference(const char *path, const med_csv_row *r, const int *column, table *t) {
    const char *us = r->field[column[0]], *mr = r->field[column[1]];
    if (find_row(t, r->field[0]))
        return med_fail(MED_EFORMAT, "%s:%d: case '%s' is there twice", path, r->line, r->field[0]);
    if (!is_file_name(r->field[0]) || !is_file_name(us) || !is_file_name(mr))
        return med_fail(MED_EFORMAT, "%s:%d: expected a case and two names of files without a folder", path, r->line);
    t->item = realloc(t->item, (size_t)(t->n + 1) * sizeof *t->item);
    med_assert(t->item != NULL);
    t->item[t->n++] = (row){med_strdup(r->field[0]), med_strdup(us), med_strdup(mr), NULL};
    return MED_OK;
}

static med_status take_target(const char *path, const med_csv_row *r, const int *column, table *t) {
    row *found = find_row(t, r->field[0]);
    if (!found) {
        med_warn("%s:%d: case '%s' is not in the table of references", path, r->line, r->field[0]);
        return MED_OK;
    }
    if (found->target || !is_file_name(r->field[column[0]]))
        return med_fail(MED_EFORMAT, "%s:%d: case '%s' is there twice, or its label is no name of a file", path,
                        r->line, found->name);
    found->target = med_strdup(r->field[column[0]]);
    return MED_OK;
}

/* ---- files of a case ---- */

typedef struct files { /* NRRD files of the case's folder and of the folders in it, by name */
    char **path;
    int n;
} files;

static void add_files(const char *dir, bool is_root, files *f) {
    char **names;
    int n;
    if (med_dir_list(dir, &names, &n) != MED_OK) return;
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]);
        char *path = med_path_join(dir, names[i]);
        if (is_root && med_path_is_dir(path)) add_files(path, false, f);
        if (length > 5 && strcmp(names[i] + length - 5, ".nrrd") == 0) {
            f->path = realloc(f->path, (size_t)(f->n + 1) * sizeof *f->path);
            med_assert(f->path != NULL);
            f->path[f->n++] = med_strdup(path);
        }
        free(path);
    }
    med_names_free(names, n);
}

static const char *find_file(const files *f, const char *name) {
    for (int i = 0; i < f->n; i++)
        if (strcmp(med_path_base(f->path[i]), name) == 0) return f->path[i];
    return NULL;
}

static char *lower_base(const char *path) {
    char *name = med_strdup(med_path_base(path));
    for (char *c = name; *c; c++) *c = (char)tolower((unsigned char)*c);
    return name;
}

static bool is_mr_of(const char *path, const char *mod) {
    char *name = lower_base(path);
    bool has_t2 = strstr(name, "t2") && strstr(name, "space") && !strstr(name, "flair");
    bool has_flair = strstr(name, "flair") && strstr(name, "3d");
    bool has_cet1 = strstr(name, "postcontrast") && strstr(name, "3d");
    bool is = !strstr(name, "-seg-") && (*mod == 't' ? has_t2 : *mod == 'f' ? has_flair : has_cet1);
    free(name);
    return is;
}

static double mean_spacing(const char *path) {
    med_volume *header;
    double s[3], mean = INFINITY;
    if (med_volume_load_header(path, &header) != MED_OK) return mean;
    med_grid_spacing(header->grid, s);
    mean = (s[0] + s[1] + s[2]) / 3;
    med_volume_free(header);
    return mean;
}

/* The file of a modality with the smallest mean spacing, the first on ties; the others are noted. */
static const char *choose_mr(const files *f, const char *mod, med_prepare_case *c) {
    const char *best = NULL;
    double best_spacing = INFINITY;
    json_t *rejected = json_array();
    for (int i = 0; i < f->n; i++) {
        if (!is_mr_of(f->path[i], mod)) continue;
        double spacing = mean_spacing(f->path[i]);
        bool is_better = !best || spacing < best_spacing;
        if (best && spacing == best_spacing)
            med_prepare_warn(c, "%s: %s and %s have the same spacing: the first is taken", mod, med_path_base(best),
                             med_path_base(f->path[i]));
        const char *other = is_better ? best : f->path[i];
        if (other) json_array_append_new(rejected, json_string(med_path_base(other)));
        if (is_better) best = f->path[i], best_spacing = spacing;
    }
    if (best) json_object_set_new(json_object_get(c->notes, "series"), mod, json_string(med_path_base(best)));
    if (json_array_size(rejected)) json_object_set(json_object_get(c->notes, "rejected"), mod, rejected);
    json_decref(rejected);
    return best;
}

/* ---- transforms ---- */

static char *stem_of(const char *file) { return med_format("%.*s", (int)strcspn(file, "."), file); }

/* CaseNNN-<moving stem>-to-<fixed stem>.tfm: points of `fixed` to points of `moving`. Adds it, inverted where asked. */
static med_status add_transform(const med_prepare_remind_config *c, med_prepare_case *k, const char *kind,
                                const char *moving, const char *fixed, bool is_inverted, med_transform *to) {
    char *from = stem_of(moving), *onto = stem_of(fixed);
    char *path = med_format("%s/%s/%s/%s-%s-to-%s.tfm", c->transforms, kind, k->name, k->name, from, onto);
    med_transform *t = NULL;
    med_affine a;
    med_status status = med_transform_load(path, -1, &t, NULL);
    if (status == MED_OK && med_transform_to_affine(t, &a)) {
        json_object_set_new(json_object_get(k->notes, "transforms"), med_path_base(path),
                            json_real(med_affine_determinant(a)));
        med_check_transform(k, med_path_base(path), a);
    }
    if (status == MED_OK && is_inverted) status = med_transform_invert(t);
    if (status == MED_OK)
        med_transform_take(to, t);
    else
        med_transform_free(t);
    free(path);
    free(from);
    free(onto);
    return status;
}

/* Points of the case's space to points of the MR `file`. */
static med_status set_chain(const med_prepare_remind_config *c, med_prepare_case *k, const row *r, const char *file,
                            med_prepare_source *s) {
    char *own = stem_of(file), *reference = stem_of(r->mr);
    s->to_image = med_transform_create();
    med_status status = MED_OK;
    if (strcmp(own, reference) != 0) status = add_transform(c, k, "rigid", r->mr, file, true, s->to_image);
    if (status == MED_OK && strcmp(c->space, "us") == 0)
        status = add_transform(c, k, "affine", r->us, r->mr, true, s->to_image);
    free(own);
    free(reference);
    return status;
}

/* The MR on which a label was drawn: its stem without the structure. */
static char *label_mr(const char *target) {
    static const char *const words[] = {"SEG-tumor_target-", "SEG-tumor-"};
    for (int w = 0; w < 2; w++) {
        const char *at = strstr(target, words[w]);
        if (at) return med_format("%.*s%s", (int)(at - target), target, at + strlen(words[w]));
    }
    return med_strdup(target);
}

/* ---- cases ---- */

static med_status add_mrs(const med_prepare_remind_config *c, const row *r, const files *f, med_prepare_case *k) {
    static const char *const mods[] = {"t2", "cet1", "flair"};
    for (int m = 0; m < 3; m++) {
        const char *path = choose_mr(f, mods[m], k);
        if (!path) continue;
        med_prepare_source *s = &k->mr[k->n_mr++];
        strcpy(s->mod, mods[m]);
        s->path = med_strdup(path);
        MED_TRY(set_chain(c, k, r, med_path_base(path), s));
    }
    return k->n_mr ? MED_OK : med_fail(MED_EINPUT, "%s: no MR of t2, cet1 or flair among its files", k->name);
}

static med_status add_label(const med_prepare_remind_config *c, const row *r, const files *f, med_prepare_case *k) {
    char *name = med_format("%s.nrrd", r->target), *mr = label_mr(r->target);
    const char *path = find_file(f, name);
    med_status status = MED_OK;
    if (path) {
        k->label.path = med_strdup(path);
        status = set_chain(c, k, r, mr, &k->label);
    } else {
        med_prepare_warn(k, "label: no file %s", name);
    }
    free(name);
    free(mr);
    return status;
}

static med_status collect(const med_prepare_remind_config *c, const row *r, const files *f, med_prepare_case *k) {
    bool is_us_space = strcmp(c->space, "us") == 0;
    const char *us = find_file(f, r->us), *reference = find_file(f, r->mr);
    if (!us) return med_fail(MED_EINPUT, "%s: no file %s", k->name, r->us);
    k->us.path = med_strdup(us);
    if (!is_us_space) {
        if (!reference) return med_fail(MED_EINPUT, "%s: no file %s", k->name, r->mr);
        k->reference = med_strdup(reference);
        k->us.to_image = med_transform_create();
        MED_TRY(add_transform(c, k, "affine", r->us, r->mr, false, k->us.to_image));
    }
    MED_TRY(add_mrs(c, r, f, k));
    return r->target ? add_label(c, r, f, k) : MED_OK;
}

static void make_case(const med_prepare_remind_config *c, const row *r, med_prepare_case *k) {
    char *dir = med_path_join(c->nrrd, r->name);
    files f = {0};
    med_prepare_case_init(k, r->name);
    json_object_update_new(
        k->notes, json_pack("{s:s, s:{}, s:{}, s:{}}", "reference", r->mr, "series", "rejected", "transforms"));
    add_files(dir, true, &f);
    if (!f.n)
        k->excluded = med_format("%s: no such folder, or no .nrrd in it", dir);
    else if (collect(c, r, &f, k) != MED_OK)
        k->excluded = med_strdup(med_message());
    if (k->excluded) med_warn("%s", k->excluded);
    med_names_free(f.path, f.n);
    free(dir);
}

/* Folders without a row of the table. */
static void warn_unlisted(const med_prepare_remind_config *c, const table *t) {
    char **names;
    int n;
    if (med_dir_list(c->nrrd, &names, &n) != MED_OK) return;
    for (int i = 0; i < n; i++)
        if (strncmp(names[i], "Case", 4) == 0 && !find_row(t, names[i]))
            med_warn("%s: is in %s, but not in %s: left out", names[i], c->nrrd, c->refs);
    med_names_free(names, n);
}

static med_status prepare(const med_prepare_remind_config *c, const med_prepare_settled *settled, const table *t,
                          json_t *report) {
    med_prepare_case *cases = med_alloc((size_t)(t->n + 1) * sizeof *cases);
    for (int i = 0; i < t->n; i++) make_case(c, &t->item[i], &cases[i]);
    warn_unlisted(c, t);
    med_prepare_batch b =
        med_prepare_usual_batch(&c->common, settled, "prepare remind", "ReMIND",
                                "ReMIND, TCIA, doi 10.7937/3RAG-D070 (Juvekar et al. 2023)", "CC BY 4.0");
    json_object_set_new(b.preparation, "space", json_string(c->space));
    med_status status = med_prepare_batch_run(&b, cases, t->n, report);
    for (int i = 0; i < t->n; i++) med_prepare_case_free(&cases[i]);
    free(cases);
    return status;
}

med_status med_prepare_remind(const med_prepare_remind_config *c, json_t *report) {
    med_prepare_settled settled;
    table t = {0};
    MED_TRY(med_prepare_settle(&c->common, &settled));
    if (!c->nrrd || !c->transforms || !c->refs)
        return med_fail(MED_EUSAGE, "--nrrd, --transforms and --refs are needed");
    if (!med_path_is_dir(c->nrrd)) return med_fail(MED_EINPUT, "%s: no such folder", c->nrrd);
    med_status status = read_table(c->refs, MED_WORDS("us", "mr"), take_reference, &t);
    if (status == MED_OK && c->target) status = read_table(c->target, MED_WORDS("target"), take_target, &t);
    if (status == MED_OK) status = prepare(c, &settled, &t, report);
    table_free(&t);
    return status;
}
