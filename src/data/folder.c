/* folder.c: a data set without a manifest: cases and modalities from file names, in the folder itself and in the
 * folders directly below it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_parts.h"

typedef struct found { /* one image; owned by the list */
    char *dir, *file;
    char case_name[256], mod[MED_MOD_NAME];
    long long n_bytes;
} found;

typedef struct found_list {
    found *item;
    int n, room;
} found_list;

static void list_free(found_list *list) {
    for (int i = 0; i < list->n; i++) {
        free(list->item[i].dir);
        free(list->item[i].file);
    }
    free(list->item);
}

static long long file_bytes(const char *dir, const char *name) {
    struct stat info;
    char *path = med_path_join(dir, name);
    long long n = stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (long long)info.st_size : -1;
    free(path);
    return n;
}

static med_status list_add(void *context, const char *dir, const char *file) {
    found_list *list = context;
    found item = {.n_bytes = file_bytes(dir, file)};
    if (item.n_bytes < 0 || !med_case_parse_name(file, item.case_name, item.mod)) return MED_OK;
    if (list->n == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->item = realloc(list->item, (size_t)list->room * sizeof *list->item);
        med_assert(list->item != NULL);
    }
    item.dir = med_strdup(dir);
    item.file = med_strdup(file);
    list->item[list->n++] = item;
    return MED_OK;
}

static int compare_found(const void *a, const void *b) {
    const found *x = a, *y = b;
    int order = strcmp(x->case_name, y->case_name);
    if (order == 0) order = strcmp(x->mod, y->mod);
    if (order == 0) order = strcmp(x->dir, y->dir);
    return order ? order : strcmp(x->file, y->file);
}

static med_status check_unique(const found_list *list) {
    for (int i = 1; i < list->n; i++) {
        const found *a = &list->item[i - 1], *b = &list->item[i];
        if (strcmp(a->case_name, b->case_name) != 0) continue;
        if (strcmp(a->dir, b->dir) != 0)
            return med_fail(MED_EFORMAT, "%s/%s and %s/%s: case '%s' has files in two folders; rename one", a->dir,
                            a->file, b->dir, b->file, a->case_name);
        if (strcmp(a->mod, b->mod) == 0)
            return med_fail(MED_EFORMAT, "%s/%s and %s: two files for %s of case '%s'; remove one", a->dir, a->file,
                            b->file, a->mod, a->case_name);
    }
    return MED_OK;
}

static med_status take_cases(med_dataset *d, const found_list *list) {
    const char **names = med_alloc((size_t)list->n * sizeof *names);
    for (int i = 0; i < list->n; i++) names[i] = list->item[i].mod;
    med_status status = med_dataset_set_mods(d, names, list->n);
    free(names);
    MED_TRY(status);
    for (int i = 0; i < list->n; i++) {
        const found *f = &list->item[i];
        int index = med_dataset_case(d, f->case_name);
        med_case *c = index >= 0 ? &d->cases[index] : med_dataset_add_case(d, f->case_name, f->dir);
        c->observed |= med_modset_of(med_dataset_mod(d, f->mod));
    }
    return MED_OK;
}

static void hash_names(med_dataset *d, const found_list *list) {
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    med_assert(to != NULL);
    for (int i = 0; i < list->n; i++) fprintf(to, "%s %lld\n", list->item[i].file, list->item[i].n_bytes);
    fclose(to);
    med_sha256_hex(text, n, d->hash);
    free(text);
}

med_status med_dataset_scan_folder(med_dataset *d) {
    found_list list = {0};
    med_status status = med_dir_visit(d->path, 1, list_add, &list);
    if (status == MED_OK && list.n == 0)
        status = med_fail(
            MED_EFORMAT,
            "%s: no images: expected manifest.json, or files named CASE-MOD.nii.gz here or in one folder per case",
            d->path);
    if (status == MED_OK) {
        qsort(list.item, (size_t)list.n, sizeof *list.item, compare_found);
        status = check_unique(&list);
    }
    if (status == MED_OK) status = take_cases(d, &list);
    if (status == MED_OK) hash_names(d, &list);
    list_free(&list);
    return status;
}
