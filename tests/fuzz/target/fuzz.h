/* fuzz.h: what the fuzz targets share: the bytes as a file, silence, and a folder for parsers that read folders. */
#ifndef MED_TESTS_FUZZ_H
#define MED_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A failure must have a message of one line. */
static inline void fuzz_check(med_status status) {
    if (status != MED_OK && (!*med_message() || strchr(med_message(), '\n'))) abort();
}

/* The path of a file in memory that holds the bytes. Valid until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t n) {
    static char path[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("input", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) || pwrite(fd, data, n, 0) != (ssize_t)n) abort();
    return path;
}

static char fuzz_folder_path[64];
static inline void fuzz_remove_folder(void) { med_dir_remove(fuzz_folder_path); }

/* A folder of this process, in memory where the system has such a place. */
static inline const char *fuzz_folder(void) {
    char *path = fuzz_folder_path;
    if (!*path) {
        snprintf(path, sizeof fuzz_folder_path, "%s/medley-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(path) || atexit(fuzz_remove_folder)) abort();
    }
    return path;
}

static inline void fuzz_write(const char *name, const uint8_t *data, size_t n) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    FILE *to = fopen(path, "wb");
    if (!to || (n && fwrite(data, 1, n, to) != n) || fclose(to)) abort();
}

#endif
