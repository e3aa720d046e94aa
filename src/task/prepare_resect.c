/* prepare_resect.c: which files make up each case of RESECT. The images share the neuronavigation's world, so no transform
 * is needed to bring them onto one grid; that they do not match exactly is what the landmarks measure. */
#include "task/prepare_resect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/prepare_checks.h"
#include "image/csv.h"

/* ---- files ---- */

typedef struct files { /* paths, owned */
    char **path;
    bool *is_used;
    int n;
} files;

static med_status add_file(void *context, const char *dir, const char *name) {
    files *f = context;
    f->path = realloc(f->path, (size_t)(f->n + 1) * sizeof *f->path);
    f->is_used = realloc(f->is_used, (size_t)(f->n + 1) * sizeof *f->is_used);
    med_assert(f->path != NULL && f->is_used != NULL);
    f->is_used[f->n] = false;
    f->path[f->n++] = med_path_join(dir, name);
    return MED_OK;
}

static void files_free(files *f) {
    med_names_free(f->path, f->n);
    free(f->is_used);
}

/* CASE-NAME.nii.gz or .nii; a copy of its path, NULL: not there. */
static char *find_image(files *f, const char *case_name, const char *name) {
    char *stem = med_format("%s-%s.nii", case_name, name), *found = NULL;
    size_t n = strlen(stem);
    for (int i = 0; i < f->n && !found; i++) {
        const char *base = med_path_base(f->path[i]);
        if (strncmp(base, stem, n) != 0 || (base[n] && strcmp(base + n, ".gz") != 0)) continue;
        f->is_used[i] = true;
        found = med_strdup(f->path[i]);
    }
    free(stem);
    return found;
}

static bool holds(const char *text, const char *word) {
    for (size_t n = strlen(word); *text; text++)
        if (strncasecmp(text, word, n) == 0) return true;
    return false;
}

/* The landmarks between MR and the ultrasound before resection; NULL: none. */
static char *find_tags(files *f) {
    for (int i = 0; i < f->n; i++) {
        const char *base = med_path_base(f->path[i]);
        size_t n = strlen(base);
        if (n < 4 || strcasecmp(base + n - 4, ".tag") != 0 || !holds(base, "MRI") || !holds(base, "before")) continue;
        f->is_used[i] = true;
        return med_strdup(f->path[i]);
    }
    return NULL;
}

static void list_unused(const char *case_name, const files *f) {
    for (int i = 0; i < f->n; i++) {
        const char *base = med_path_base(f->path[i]);
        if (!f->is_used[i] && !holds(base, ".md5")) med_info("%s: %s is not used", case_name, base);
    }
}

/* ---- landmarks ---- */

static med_status save_landmarks(const med_landmarks *l, const char *path) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    fputs("label,x_fixed,y_fixed,z_fixed,x_moving,y_moving,z_moving\n", to);
    for (int i = 0; i < l->n; i++) {
        const double *mr = l->item[i].ras[0], *us = l->item[i].ras[1];
        char *label = *l->item[i].label ? med_csv_field(l->item[i].label) : med_format("%d", i + 1);
        fprintf(to, "%s,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", label, us[0], us[1], us[2], mr[0], mr[1], mr[2]);
        free(label);
    }
    fclose(to);
    med_status status = med_file_write(path, text, n);
    free(text);
    return status;
}

static med_status check_inside(med_prepare_case *c, const char *tags, const med_landmarks *l, int side,
                               const char *image) {
    med_volume *header;
    MED_TRY(med_volume_load_header(image, &header));
    med_status status = med_check_landmarks(c, tags, l, side, header->grid);
    med_volume_free(header);
    return status;
}

static const char *path_of(const med_prepare_case *c, const char *mod) {
    for (int m = 0; m < c->n_mr; m++)
        if (strcmp(c->mr[m].mod, mod) == 0) return c->mr[m].path;
    return NULL;
}

static med_status convert_landmarks(med_prepare_case *c, const char *tags, const char *dir) {
    med_landmarks l;
    MED_TRY(med_landmarks_load(tags, &l));
    const char *flair = path_of(c, "flair");
    med_status status = l.n_images == 2 ? MED_OK : med_fail(MED_EFORMAT, "%s: two volumes needed", tags);
    if (status == MED_OK && flair) status = check_inside(c, tags, &l, 0, flair);
    if (status == MED_OK) status = check_inside(c, tags, &l, 1, c->us.path);
    char *path = med_format("%s/%s-landmarks.csv", dir, c->name);
    if (status == MED_OK) status = save_landmarks(&l, path);
    free(path);
    med_landmarks_free(&l);
    return status;
}

static med_status write_case(med_prepare_case *c, const void *options, const char *dir) {
    if (c->landmarks) MED_TRY(convert_landmarks(c, c->landmarks, dir));
    return med_prepare_case_write(c, options, dir);
}

/* ---- cases ---- */

static bool add(med_prepare_source *s, const char *mod, char *path) {
    if (!path) return false;
    snprintf(s->mod, sizeof s->mod, "%s", mod);
    s->path = path;
    return true;
}

static void add_labels(files *seg, med_prepare_case *k) {
    k->label_is_on_us = true;
    if (!add(&k->label, "label", find_image(seg, k->name, "US-before-tumor")))
        med_prepare_warn(k, "label: no file %s-US-before-tumor.nii.gz", k->name);
    k->n_more += add(&k->more_labels[k->n_more], "flair", find_image(seg, k->name, "FLAIR-tumor"));
}

static void make_case(const char *dir, const char *name, files *seg, med_prepare_case *k) {
    files f = {0};
    med_prepare_case_init(k, name);
    if (med_dir_visit(dir, 2, add_file, &f) != MED_OK) k->excluded = med_strdup(med_message());
    k->us.path = find_image(&f, name, "US-before");
    k->n_mr += add(&k->mr[k->n_mr], "cet1", find_image(&f, name, "T1"));
    k->n_mr += add(&k->mr[k->n_mr], "flair", find_image(&f, name, "FLAIR"));
    if (seg) add_labels(seg, k);
    k->landmarks = find_tags(&f);
    if (!k->landmarks)
        med_prepare_warn(k, "landmarks: no .tag file of MRI and the ultrasound before resection");
    if (!k->excluded && !k->us.path) k->excluded = med_format("%s: no file %s-US-before.nii.gz", dir, name);
    if (!k->excluded && !k->n_mr) k->excluded = med_format("%s: neither %s-T1 nor %s-FLAIR", dir, name, name);
    list_unused(name, &f);
    files_free(&f);
}

static bool is_case_name(const char *name) {
    return strncmp(name, "Case", 4) == 0 && isdigit((unsigned char)name[4]);
}

static med_status prepare(const med_prepare_resect_config *c, const char *root, char **names, int n, json_t *report) {
    med_prepare_settled settled;
    MED_TRY(med_prepare_settle(&c->common, &settled));
    files seg = {0};
    int n_cases = 0;
    med_status status = c->seg ? med_dir_visit(c->seg, 3, add_file, &seg) : MED_OK;
    if (status != MED_OK) {
        files_free(&seg);
        return status;
    }
    med_prepare_case *cases = med_alloc((size_t)(n + 1) * sizeof *cases);
    for (int i = 0; i < n; i++) {
        char *dir = med_path_join(root, names[i]);
        if (is_case_name(names[i]) && med_path_is_dir(dir))
            make_case(dir, names[i], c->seg ? &seg : NULL, &cases[n_cases++]);
        free(dir);
    }
    list_unused("RESECT-SEG", &seg);
    med_prepare_batch b = med_prepare_usual_batch(
        &c->common, &settled, "prepare resect", "RESECT",
        c->seg ? "RESECT-SEG, OSF jv8bk, doi 10.1002/mp.17317 (Behboodi et al. 2024); RESECT, doi 10.11582/2017.00004 (Xiao et "
                 "al. 2017)"
               : "RESECT, doi 10.11582/2017.00004 (Xiao et al. 2017)",
        c->seg ? "CC BY-NC-SA 4.0 (masks); CC BY 4.0 (images, landmarks)" : "CC BY 4.0");
    b.write = write_case;
    if (n_cases)
        status = med_prepare_batch_run(&b, cases, n_cases, report);
    else
        status = med_fail(MED_EINPUT, "%s: holds no folders Case1, Case2, ...", root);
    if (!n_cases) json_decref(b.preparation);
    for (int i = 0; i < n_cases; i++) med_prepare_case_free(&cases[i]);
    free(cases);
    files_free(&seg);
    return status;
}

med_status med_prepare_resect(const med_prepare_resect_config *c, json_t *report) {
    char **names;
    int n;
    if (!c->in) return med_fail(MED_EUSAGE, "--in DIR is missing: the folder of CaseN/{MRI,US,Landmarks}");
    if (c->seg && !med_path_is_dir(c->seg)) return med_fail(MED_EINPUT, "%s: no such folder", c->seg);
    char *nifti = med_path_join(c->in, "NIFTI");
    const char *root = med_path_is_dir(nifti) ? nifti : c->in;
    med_status status = med_dir_list(root, &names, &n);
    if (status == MED_OK) {
        status = prepare(c, root, names, n, report);
        med_names_free(names, n);
    }
    free(nifti);
    return status;
}
