/* prepare_remind.c: which images and transforms make up each case of ReMIND. A transform file "A-to-R" maps points of R to
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
#include "task/remind_files.h"
#include "task/remind_tables.h"

typedef struct job {
    const med_prepare_remind_config *c;
    const med_prepare_options *options;
    med_remind_table table;
} job;

typedef struct patient {
    const med_prepare_remind_config *c;
    const med_remind_row *row;
    const med_remind_files *files;
    med_prepare_case *k; /* what is collected */
} patient;

/* The case cannot be made of what there is: not an error of the batch. */
static med_status exclude(med_prepare_case *k, char *why) {
    k->excluded = why;
    return med_fail(MED_EINPUT, "%s", why);
}

/* ---- series ---- */

static char *lower(const char *text) {
    char *name = med_strdup(text);
    for (char *c = name; *c; c++) *c = (char)tolower((unsigned char)*c);
    return name;
}

static bool is_mr_of(const char *file, const char *mod) {
    char *name = lower(file);
    bool has_t2 = strstr(name, "t2") && strstr(name, "space") && !strstr(name, "flair");
    bool has_flair = strstr(name, "flair") && strstr(name, "3d");
    bool has_cet1 = strstr(name, "postcontrast") && strstr(name, "3d");
    bool is = !strstr(name, "-seg-") && (*mod == 't' ? has_t2 : *mod == 'f' ? has_flair : has_cet1);
    free(name);
    return is && !strstr(file, "-intraop-");
}

static double mean_spacing(const char *path) {
    med_grid grid;
    double s[3];
    if (med_prepare_load_grid(path, &grid) != MED_OK) return INFINITY;
    med_grid_spacing(grid, s);
    return (s[0] + s[1] + s[2]) / 3;
}

static int count_mrs(const patient *p, const char *mod) {
    int n = 0;
    for (int i = 0; i < p->files->n; i++) n += is_mr_of(p->files->item[i].name, mod);
    return n;
}

/* The image of a modality with the smallest mean spacing, the first on ties; the others are noted. */
static const med_remind_file *choose_mr(const patient *p, const char *mod) {
    const med_remind_file *best = NULL;
    double best_spacing = INFINITY;
    json_t *rejected = json_array(), *notes = p->k->notes;
    bool is_choice = count_mrs(p, mod) > 1; /* to learn the spacing of a DICOM series is to convert it */
    for (int i = 0; i < p->files->n; i++) {
        const med_remind_file *file = &p->files->item[i];
        if (!is_mr_of(file->name, mod)) continue;
        double spacing = is_choice ? mean_spacing(file->path) : 0;
        bool is_better = !best || spacing < best_spacing;
        if (best && spacing == best_spacing)
            med_prepare_warn(p->k, "%s: %s and %s have the same spacing: the first is taken", mod, best->name, file->name);
        const med_remind_file *other = is_better ? best : file;
        if (other) json_array_append_new(rejected, json_string(other->name));
        if (is_better) best = file, best_spacing = spacing;
    }
    if (best) json_object_set_new(json_object_get(notes, "series"), mod, json_string(best->name));
    if (json_array_size(rejected)) json_object_set(json_object_get(notes, "rejected"), mod, rejected);
    json_decref(rejected);
    return best;
}

/* ---- transforms ---- */

static char *stem_of(const char *file) { return med_format("%.*s", (int)strcspn(file, "."), file); }

static char *transform_path(const patient *p, const char *kind, const char *moving, const char *fixed) {
    char *from = stem_of(moving), *onto = stem_of(fixed), *name = p->k->name;
    char *path = med_format("%s/%s/%s/%s-%s-to-%s.tfm", p->c->transforms, kind, name, name, from, onto);
    free(from);
    free(onto);
    return path;
}

/* Says which transforms there are in its place. */
static med_status miss_transform(const char *path) {
    char **names, *dir = med_format("%.*s", (int)(med_path_base(path) - path - 1), path), *text = NULL;
    int n;
    size_t n_text;
    FILE *to = open_memstream(&text, &n_text);
    med_assert(to != NULL);
    if (med_path_is_dir(dir) && med_dir_list(dir, &names, &n) == MED_OK) {
        for (int i = 0; i < n; i++) fprintf(to, "%s%s", i ? ", " : "", names[i]);
        med_names_free(names, n);
    }
    fclose(to);
    med_status status = med_fail(MED_EINPUT, "%s: no such file; beside it: %s", path, *text ? text : "nothing");
    free(text);
    free(dir);
    return status;
}

/* CaseNNN-<moving stem>-to-<fixed stem>.tfm: points of `fixed` to points of `moving`. Adds it, inverted where asked. */
static med_status add_transform(const patient *p, const char *kind, const char *moving, const char *fixed, bool is_inverted,
                                med_transform *to) {
    char *path = transform_path(p, kind, moving, fixed);
    med_transform *t = NULL;
    med_affine a;
    med_status status = med_path_exists(path) ? med_transform_load(path, -1, &t, NULL) : miss_transform(path);
    if (status == MED_OK && med_transform_to_affine(t, &a)) {
        json_object_set_new(json_object_get(p->k->notes, "transforms"), med_path_base(path),
                            json_real(med_affine_determinant(a)));
        med_check_transform(p->k, med_path_base(path), a);
    }
    if (status == MED_OK && is_inverted) status = med_transform_invert(t);
    if (status == MED_OK)
        med_transform_take(to, t);
    else
        med_transform_free(t);
    free(path);
    return status;
}

/* Points of the case's space to points of the MR `name`. */
static med_status set_chain(const patient *p, const char *name, med_prepare_source *s) {
    const med_remind_row *r = p->row;
    char *own = stem_of(name), *reference = stem_of(r->mr);
    s->to_image = med_transform_create();
    med_status status = MED_OK;
    if (strcmp(own, reference) != 0) status = add_transform(p, "rigid", r->mr, name, true, s->to_image);
    if (status == MED_OK && strcmp(p->c->space, "us") == 0)
        status = add_transform(p, "affine", r->us, r->mr, true, s->to_image);
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

/* ---- a case ---- */

static med_status add_us(const patient *p) {
    const med_remind_file *us = med_remind_file_find(p->files, p->row->us);
    const med_remind_file *reference = med_remind_file_find(p->files, p->row->mr);
    med_prepare_case *k = p->k;
    if (!us) return exclude(k, med_format("%s: no file %s", k->name, p->row->us));
    k->us.path = med_strdup(us->path);
    if (strcmp(p->c->space, "us") == 0) return MED_OK;
    if (!reference) return exclude(k, med_format("%s: no file %s", k->name, p->row->mr));
    k->reference = med_strdup(reference->path);
    k->us.to_image = med_transform_create();
    return add_transform(p, "affine", p->row->us, p->row->mr, false, k->us.to_image);
}

static med_status add_mrs(const patient *p) {
    static const char *const mods[] = {"t2", "cet1", "flair"};
    med_prepare_case *k = p->k;
    for (int m = 0; m < 3; m++) {
        const med_remind_file *file = choose_mr(p, mods[m]);
        if (!file) continue;
        med_prepare_source *s = &k->mr[k->n_mr++];
        strcpy(s->mod, mods[m]);
        s->path = med_strdup(file->path);
        MED_TRY(set_chain(p, file->name, s));
    }
    return k->n_mr ? MED_OK : exclude(k, med_format("%s: no MR of t2, cet1 or flair among its files", k->name));
}

static med_status add_label(const patient *p) {
    char *name = med_format("%s.nrrd", p->row->target), *mr = label_mr(p->row->target);
    const med_remind_file *file = med_remind_file_find(p->files, name);
    med_status status = MED_OK;
    if (file) {
        p->k->label.path = med_strdup(file->path);
        status = set_chain(p, mr, &p->k->label);
    } else {
        med_prepare_warn(p->k, "label: no file %s", name);
    }
    free(name);
    free(mr);
    return status;
}

static med_status collect(const patient *p) {
    const char *dir = p->c->dicom ? p->c->dicom : p->c->nrrd;
    json_object_update_new(p->k->notes, json_pack("{s:s, s:{}, s:{}, s:{}}", "reference", p->row->mr, "series", "rejected",
                                                  "transforms"));
    if (!p->files->n)
        return exclude(p->k, med_format("%s: no folder of %s, or no %s in it", dir, p->k->name, p->c->dicom ? "series" : ".nrrd"));
    MED_TRY(add_us(p));
    MED_TRY(add_mrs(p));
    return p->row->target ? add_label(p) : MED_OK;
}

static med_status write_case(med_prepare_case *k, const void *options, const char *dir) {
    const job *j = options;
    const char *root = j->c->dicom ? j->c->dicom : j->c->nrrd;
    med_remind_files files;
    med_status status = j->c->dicom ? med_remind_files_dicom(root, k->name, &files) : med_remind_files_nrrd(root, k->name, &files);
    if (status == MED_OK) status = collect(&(patient){j->c, med_remind_row_find(&j->table, k->name), &files, k});
    med_remind_files_free(&files);
    return status == MED_OK ? med_prepare_case_write(k, j->options, dir) : status;
}

/* ---- all ---- */

/* Folders without a row of the table. */
static void warn_unlisted(const job *j) {
    char **names;
    const char *dir = j->c->dicom ? j->c->dicom : j->c->nrrd;
    int n;
    if (med_dir_list(dir, &names, &n) != MED_OK) return;
    for (int i = 0; i < n; i++) {
        bool is_case = strncmp(names[i], "Case", 4) == 0 || strncmp(names[i], "ReMIND-", 7) == 0;
        char *name = med_format("Case%s", names[i] + strcspn(names[i], "0123456789"));
        if (is_case && !med_remind_row_find(&j->table, name))
            med_warn("%s: is in %s, but not in %s: left out", names[i], dir, j->c->refs);
        free(name);
    }
    med_names_free(names, n);
}

static med_status prepare(const job *j, const med_prepare_settled *settled, json_t *report) {
    int n = j->table.n;
    med_prepare_case *cases = med_alloc((size_t)(n + 1) * sizeof *cases);
    for (int i = 0; i < n; i++) med_prepare_case_init(&cases[i], j->table.item[i].name);
    warn_unlisted(j);
    med_prepare_batch b =
        med_prepare_usual_batch(&j->c->common, settled, "prepare remind", "ReMIND",
                                "ReMIND, TCIA, doi 10.7937/3RAG-D070 (Juvekar et al. 2023)", "CC BY 4.0");
    b.write = write_case;
    b.options = j;
    json_object_set_new(b.preparation, "space", json_string(j->c->space));
    json_object_set_new(b.preparation, "from", json_string(j->c->dicom ? "DICOM" : "NRRD"));
    med_status status = med_prepare_batch_run(&b, cases, n, report);
    for (int i = 0; i < n; i++) med_prepare_case_free(&cases[i]);
    free(cases);
    return status;
}

med_status med_prepare_remind(const med_prepare_remind_config *c, json_t *report) {
    med_prepare_settled settled;
    MED_TRY(med_prepare_settle(&c->common, &settled));
    if (!c->nrrd == !c->dicom) return med_fail(MED_EUSAGE, "one of --nrrd and --dicom is needed");
    if (!c->transforms || !c->refs) return med_fail(MED_EUSAGE, "--transforms and --refs are needed");
    const char *dir = c->dicom ? c->dicom : c->nrrd;
    if (!med_path_is_dir(dir)) return med_fail(MED_EINPUT, "%s: no such folder", dir);
    job j = {.c = c, .options = &settled.options};
    med_status status = med_remind_table_load(c->refs, c->target, &j.table);
    if (status == MED_OK) status = prepare(&j, &settled, report);
    med_remind_table_free(&j.table);
    return status;
}
