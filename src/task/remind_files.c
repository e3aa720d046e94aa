/* remind_files.c: walks the folders of a patient; DICOM series are known by their descriptions. */
#include "task/remind_files.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "image/dicom.h"

/* Both are taken. */
static void add(med_remind_files *f, char *name, char *path) {
    f->item = realloc(f->item, (size_t)(f->n + 1) * sizeof *f->item);
    med_assert(f->item != NULL);
    f->item[f->n++] = (med_remind_file){name, path};
}

void med_remind_files_free(med_remind_files *f) {
    for (int i = 0; i < f->n; i++) {
        free(f->item[i].name);
        free(f->item[i].path);
    }
    free(f->item);
    *f = (med_remind_files){0};
}

const med_remind_file *med_remind_file_find(const med_remind_files *f, const char *name) {
    const char *remark = strstr(name, " (");
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->item[i].name, name) == 0) return &f->item[i];
    for (int i = 0; remark && i < f->n; i++) {
        size_t n = (size_t)(remark - name);
        if (strncmp(f->item[i].name, name, n) == 0 && strcmp(f->item[i].name + n, ".nrrd") == 0) return &f->item[i];
    }
    return NULL;
}

/* ---- the NRRD package ---- */

static med_status add_nrrd(void *context, const char *dir, const char *name) {
    size_t n = strlen(name);
    if (n > 5 && strcmp(name + n - 5, ".nrrd") == 0) add(context, med_strdup(name), med_path_join(dir, name));
    return MED_OK;
}

med_status med_remind_files_nrrd(const char *dir, const char *case_name, med_remind_files *out) {
    char *patient = med_path_join(dir, case_name);
    *out = (med_remind_files){0};
    med_status status = med_path_is_dir(patient) ? med_dir_visit(patient, 1, add_nrrd, out) : MED_OK;
    free(patient);
    return status;
}

/* ---- DICOM ---- */

typedef struct found { /* series, with the folder of each */
    med_dicom_series *series;
    char **dir;
    int n;
    char *last; /* the folder whose files were seen last */
} found;

/* A folder with a file in it: what it holds. */
static med_status list_folder(void *context, const char *dir, const char *name) {
    (void)name;
    found *f = context;
    med_dicom_series *series;
    int n;
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->dir[i], dir) == 0) return MED_OK;
    if (f->last && strcmp(f->last, dir) == 0) return MED_OK;
    free(f->last);
    f->last = med_strdup(dir);
    MED_TRY(med_dicom_list(dir, &series, &n));
    f->series = realloc(f->series, (size_t)(f->n + n + 1) * sizeof *f->series);
    f->dir = realloc(f->dir, (size_t)(f->n + n + 1) * sizeof *f->dir);
    med_assert(f->series != NULL && f->dir != NULL);
    for (int i = 0; i < n; i++, f->n++) f->series[f->n] = series[i], f->dir[f->n] = med_strdup(dir);
    free(series);
    return MED_OK;
}

/* A description as part of a file's name. */
static char *as_name(const char *text) {
    char *name = med_strdup(text);
    for (char *c = name; *c; c++)
        if (*c == '/' || isspace((unsigned char)*c) || iscntrl((unsigned char)*c)) *c = '_';
    return name;
}

/* "US_pre_dura" is "pre_dura"; written as "USpredura" by some tools. */
static const char *moment_of(const char *description) {
    static const char *const words[][2] = {{"predura", "pre_dura"}, {"postdura", "post_dura"}, {"preimri", "pre_imri"}};
    char letters[64] = "";
    for (size_t n = 0; *description && n + 1 < sizeof letters; description++)
        if (isalnum((unsigned char)*description)) letters[n++] = (char)tolower((unsigned char)*description);
    for (size_t w = 0; w < sizeof words / sizeof *words; w++)
        if (strstr(letters, words[w][0])) return words[w][1];
    return NULL;
}

static char *name_of(const med_dicom_series *s, const char *case_name, bool is_in_surgery) {
    static const char seg[] = " seg - MR ref: ";
    const char *when = is_in_surgery ? "intraop" : "preop", *at = strstr(s->description, seg), *moment = moment_of(s->description);
    if (s->is_us) return moment ? med_format("%s-%s-US-%s.nrrd", case_name, when, moment) : NULL;
    if (!*s->description) return NULL;
    char *text = as_name(s->description), *name, *reference = at ? as_name(at + strlen(seg)) : NULL;
    if (at)
        name = med_format("%s-%s-SEG-%.*s-MR-%s.nrrd", case_name, when, (int)(at - s->description), text, reference);
    else
        name = med_format("%s-%s-MR-%s.nrrd", case_name, when, text);
    free(text);
    free(reference);
    return name;
}

static void add_series(const found *f, const char *case_name, med_remind_files *out) {
    for (int i = 0; i < f->n; i++) {
        bool is_in_surgery = false;
        for (int k = 0; k < f->n; k++)
            is_in_surgery |= f->series[k].is_us && strcmp(f->series[k].study, f->series[i].study) == 0;
        char *name = name_of(&f->series[i], case_name, is_in_surgery);
        if (!name) continue;
        const med_remind_file *first = med_remind_file_find(out, name);
        if (first) med_warn("%s: another series %s; that in %s is taken", f->dir[i], name, first->path);
        if (first)
            free(name);
        else
            add(out, name, med_strdup(f->dir[i]));
    }
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const med_remind_file *)a)->name, ((const med_remind_file *)b)->name);
}

/* CaseNNN or ReMIND-NNN in `dir`, NULL: neither. */
static char *find_patient(const char *dir, const char *case_name) {
    char *own = med_path_join(dir, case_name), *collection = med_format("%s/ReMIND-%s", dir, case_name + strcspn(case_name, "0123456789"));
    char *patient = med_path_is_dir(own) ? own : med_path_is_dir(collection) ? collection : NULL;
    if (patient != own) free(own);
    if (patient != collection) free(collection);
    return patient;
}

med_status med_remind_files_dicom(const char *dir, const char *case_name, med_remind_files *out) {
    found f = {0};
    char *patient = find_patient(dir, case_name);
    *out = (med_remind_files){0};
    med_status status = patient ? med_dir_visit(patient, 4, list_folder, &f) : MED_OK;
    if (status == MED_OK) add_series(&f, case_name, out);
    if (out->n) qsort(out->item, (size_t)out->n, sizeof *out->item, compare_names);
    for (int i = 0; i < f.n; i++) free(f.dir[i]);
    free(f.dir);
    free(f.last);
    med_dicom_series_free(f.series, f.n);
    free(patient);
    return status;
}
