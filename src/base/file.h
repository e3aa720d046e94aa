/* file.h: reading files whole, and writing them so that a name never holds half a file. */
#ifndef MED_BASE_FILE_H
#define MED_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/status.h"

/* A file mapped read-only. Empty files give size 0 and data NULL. */
typedef struct med_mapping {
    const uint8_t *data;
    size_t size;
} med_mapping;
/* MED_EINPUT: missing, unreadable, a directory (strerror text, with the path). */
MED_CHECK med_status med_file_map(const char *path, med_mapping *out);
void med_file_unmap(med_mapping *mapping);

/* Atomic writing: data goes to "PATH.partial-PID" beside the target; commit syncs and renames; discard removes.
 * On any failure the temporary file is gone and PATH is as before. */
typedef struct med_writer med_writer; /* owned by the call sequence open .. commit|discard */
MED_CHECK med_status med_writer_open(const char *path, med_writer **out);
MED_CHECK med_status med_writer_write(med_writer *writer, const void *data, size_t n_bytes);
MED_CHECK med_status med_writer_commit(med_writer *writer); /* frees the writer, also on failure */
void med_writer_discard(med_writer *writer);                /* NULL is fine */
MED_CHECK med_status med_file_write(const char *path, const void *data, size_t n_bytes); /* the three in one */

MED_CHECK med_status med_dir_create(const char *path); /* with parents; existing is fine */
void med_dir_remove(const char *path); /* with the files in it, not with folders; what cannot be removed stays */
bool med_path_exists(const char *path);
bool med_path_is_dir(const char *path);
char *med_path_join(const char *dir, const char *name); /* owned */
const char *med_path_base(const char *path);            /* borrowed: the part after the last '/' */
/* Names in `dir` without "." and ".." and hidden ones, sorted bytewise. Owned array of owned names. */
MED_CHECK med_status med_dir_list(const char *dir, char ***names, int *n_names);
/* Calls visit for every file of `dir` and of the folders in it down to `depth` levels (0: none), in the order of names; stops
 * at the first failure. `visit` learns the folder and the name in it. */
typedef med_status med_dir_visit_fn(void *context, const char *dir, const char *name);
MED_CHECK med_status med_dir_visit(const char *dir, int depth, med_dir_visit_fn *visit, void *context);
void med_names_free(char **names, int n_names);

/* Lower-case hex of SHA-256; hex has 65 bytes. */
void med_sha256_hex(const void *data, size_t n_bytes, char hex[65]);
MED_CHECK med_status med_file_sha256(const char *path, char hex[65]);

#endif
