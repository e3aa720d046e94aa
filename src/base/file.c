/* file.c: whole files in by mmap, out by a temporary name that is renamed when complete.
 *
 * Environment MEDLEY_FAIL_WRITE=N makes the N-th write to a file of this process fail with "disk full" (for tests). */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"

/* ---- reading ---- */

static med_status fail_input(const char *path, int error) {
    return med_fail(MED_EINPUT, "%s: %s", path, error == ENOENT ? "no such file" : strerror(error));
}

med_status med_file_map(const char *path, med_mapping *out) {
    *out = (med_mapping){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fail_input(path, errno);
    struct stat info;
    med_status status = MED_OK;
    if (fstat(fd, &info)) {
        status = fail_input(path, errno);
    } else if (S_ISDIR(info.st_mode)) {
        status = med_fail(MED_EINPUT, "%s: is a folder, expected a file", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = med_fail(MED_EINPUT, "%s: is not a regular file", path);
    } else if (info.st_size > 0) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status =
                med_fail(MED_ENOMEM, "%s: cannot map %lld bytes: %s", path, (long long)info.st_size, strerror(errno));
        else
            *out = (med_mapping){data, (size_t)info.st_size};
    }
    close(fd);
    return status;
}

void med_file_unmap(med_mapping *mapping) {
    if (mapping->data) munmap((void *)mapping->data, mapping->size);
    *mapping = (med_mapping){0};
}

/* ---- writing ---- */

enum { BUFFER_BYTES = 1 << 16 };

struct med_writer {
    char *path, *temporary;
    int fd;
    size_t n_buffered;
    uint8_t buffer[BUFFER_BYTES];
};

/* What went wrong with `path`: wrong usage before the first byte, a failure of the work after. */
static med_status fail_output(const char *path, int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return med_fail(MED_EIO, "%s: disk full: free some space or write elsewhere", path);
    case ENOENT: return med_fail(MED_EUSAGE, "%s: cannot write: its folder does not exist", path);
    case EACCES:
    case EROFS:
    case ENOTDIR:
    case ENAMETOOLONG: return med_fail(MED_EUSAGE, "%s: cannot write: %s", path, strerror(error));
    default: return med_fail(MED_EIO, "%s: writing failed: %s", path, strerror(error));
    }
}

static void writer_free(med_writer *w) {
    if (w->fd >= 0) close(w->fd);
    free(w->temporary);
    free(w->path);
    free(w);
}

static med_status writer_abandon(med_writer *w, int error) {
    med_status status = fail_output(w->path, error);
    med_writer_discard(w);
    return status;
}

med_status med_writer_open(const char *path, med_writer **out) {
    *out = NULL;
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return med_fail(MED_EUSAGE, "%s: cannot write: %s is there", path,
                        S_ISDIR(info.st_mode) ? "a folder" : "a special file");
    med_writer *w = med_alloc(sizeof *w);
    w->path = med_strdup(path);
    w->temporary = med_format("%s.partial-%ld", path, (long)getpid());
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        med_status status = fail_output(path, errno);
        writer_free(w);
        return status;
    }
    *out = w;
    return MED_OK;
}

static bool is_chosen_to_fail(void) {
    static atomic_long n_writes;
    const char *chosen = getenv("MEDLEY_FAIL_WRITE");
    return chosen && atomic_fetch_add(&n_writes, 1) + 1 == atol(chosen);
}

/* 0, or errno. */
static int write_all(int fd, const uint8_t *data, size_t n_bytes) {
    while (n_bytes > 0) {
        if (is_chosen_to_fail()) return ENOSPC;
        ssize_t n = write(fd, data, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        data += n;
        n_bytes -= (size_t)n;
    }
    return 0;
}

static int flush_buffer(med_writer *w) {
    int error = write_all(w->fd, w->buffer, w->n_buffered);
    w->n_buffered = 0;
    return error;
}

/* Small pieces are gathered, large ones go straight to the file. The writer survives a failure, for discard. */
med_status med_writer_write(med_writer *w, const void *data, size_t n_bytes) {
    int error = 0;
    if (n_bytes > BUFFER_BYTES - w->n_buffered) error = flush_buffer(w);
    if (!error && n_bytes > BUFFER_BYTES) {
        error = write_all(w->fd, data, n_bytes);
    } else if (!error && n_bytes) {
        memcpy(w->buffer + w->n_buffered, data, n_bytes);
        w->n_buffered += n_bytes;
    }
    return error ? fail_output(w->path, error) : MED_OK;
}

med_status med_writer_commit(med_writer *w) {
    int error = flush_buffer(w);
    if (!error && fsync(w->fd) && errno != EINVAL) error = errno; /* EINVAL: the file system cannot sync */
    if (!error && close(w->fd)) error = errno;
    if (!error) w->fd = -1;
    if (!error && rename(w->temporary, w->path)) error = errno;
    if (error) return writer_abandon(w, error);
    writer_free(w);
    return MED_OK;
}

void med_writer_discard(med_writer *w) {
    if (!w) return;
    unlink(w->temporary);
    writer_free(w);
}

med_status med_file_write(const char *path, const void *data, size_t n_bytes) {
    med_writer *w;
    MED_TRY(med_writer_open(path, &w));
    med_status status = med_writer_write(w, data, n_bytes);
    if (status == MED_OK) return med_writer_commit(w);
    med_writer_discard(w);
    return status;
}

/* ---- names ---- */

bool med_path_exists(const char *path) { return access(path, F_OK) == 0; }

bool med_path_is_dir(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *med_path_join(const char *dir, const char *name) {
    size_t n = strlen(dir);
    return med_format("%s%s%s", dir, n == 0 || dir[n - 1] == '/' ? "" : "/", name);
}

const char *med_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

med_status med_dir_create(const char *path) {
    char *partial = med_strdup(path);
    med_status status = MED_OK;
    for (char *p = partial + 1; status == MED_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(partial, 0777) && !med_path_is_dir(partial)) {
            const char *why = errno == EEXIST ? "a file with this name is there" : strerror(errno);
            status = errno == ENOSPC ? fail_output(partial, ENOSPC)
                                     : med_fail(MED_EUSAGE, "%s: cannot create the folder: %s", partial, why);
        }
        *p = kept;
        if (kept == '\0') break;
    }
    free(partial);
    return status;
}

void med_dir_remove(const char *path) {
    DIR *stream = opendir(path);
    if (!stream) return;
    for (struct dirent *entry; (entry = readdir(stream));) unlinkat(dirfd(stream), entry->d_name, 0);
    closedir(stream);
    rmdir(path);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

med_status med_dir_list(const char *dir, char ***names, int *n_names) {
    *names = NULL;
    *n_names = 0;
    DIR *stream = opendir(dir);
    if (!stream) {
        if (errno == ENOENT) return med_fail(MED_EINPUT, "%s: no such folder", dir);
        return med_fail(MED_EINPUT, "%s: %s", dir, errno == ENOTDIR ? "is a file, expected a folder" : strerror(errno));
    }
    int n = 0, room = 16;
    char **list = med_alloc((size_t)room * sizeof *list);
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (entry->d_name[0] == '.') continue;
        if (n == room) {
            list = realloc(list, (size_t)(room *= 2) * sizeof *list);
            med_assert(list != NULL);
        }
        list[n++] = med_strdup(entry->d_name);
    }
    closedir(stream);
    qsort(list, (size_t)n, sizeof *list, compare_names);
    *names = list;
    *n_names = n;
    return MED_OK;
}

med_status med_dir_visit(const char *dir, int depth, med_dir_visit_fn *visit, void *context) {
    char **names;
    int n;
    MED_TRY(med_dir_list(dir, &names, &n));
    med_status status = MED_OK;
    for (int i = 0; i < n && status == MED_OK; i++) {
        char *path = med_path_join(dir, names[i]);
        if (!med_path_is_dir(path))
            status = visit(context, dir, names[i]);
        else if (depth > 0)
            status = med_dir_visit(path, depth - 1, visit, context);
        free(path);
    }
    med_names_free(names, n);
    return status;
}


void med_names_free(char **names, int n_names) {
    for (int i = 0; i < n_names; i++) free(names[i]);
    free(names);
}

/* ---- hashes ---- */

void med_sha256_hex(const void *data, size_t n_bytes, char hex[65]) {
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    unsigned n = 0;
    med_assert(EVP_Digest(data, n_bytes, digest, &n, EVP_sha256(), NULL) == 1 && n == sizeof digest);
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = '\0';
}

med_status med_file_sha256(const char *path, char hex[65]) {
    med_mapping file;
    MED_TRY(med_file_map(path, &file));
    med_sha256_hex(file.data ? (const void *)file.data : "", file.size, hex);
    med_file_unmap(&file);
    return MED_OK;
}
