/* doctor.c: versions, processor, memory and optional programs, as facts in a JSON object. */
#include "task/doctor.h"

#include <libdeflate.h>
#include <openssl/crypto.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include "base/memory.h"
#include "base/thread.h"
#include "engine/backend.h"

/* Programs that medley calls when they are there. */
static const struct {
    const char *name, *use, *package;
} tools[] = {
    {"dcm2niix", "reading DICOM series", "dcm2niix"},
    {"chromium", "tests of the browser viewer", "chromium"},
    {"python3", "reference implementations in tests and benches", "python3"},
};

/* Value of "key : value" in a file of /proc; owned, NULL when absent. */
static char *read_proc(const char *path, const char *key) {
    FILE *file = fopen(path, "re");
    if (!file) return NULL;
    char line[512], *found = NULL;
    size_t n = strlen(key);
    while (!found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, n) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        found = med_strdup(colon + 1 + strspn(colon + 1, " \t"));
    }
    fclose(file);
    return found;
}

static json_t *describe_libraries(void) {
    json_t *versions = json_object();
    json_object_set_new(versions, "jansson", json_string(jansson_version_str()));
    json_object_set_new(versions, "libdeflate", json_string(LIBDEFLATE_VERSION_STRING));
    json_object_set_new(versions, "zlib", json_string(zlibVersion()));
    json_object_set_new(versions, "libpng", json_string(png_get_libpng_ver(NULL)));
    json_object_set_new(versions, "openssl", json_string(OpenSSL_version(OPENSSL_VERSION)));
    return versions;
}

#if defined(__x86_64__)
#define FEATURE(name)                                                                                                  \
    if (__builtin_cpu_supports(name)) json_array_append_new(features, json_string(name))
#endif
static json_t *list_features(void) {
    json_t *features = json_array();
#if defined(__x86_64__)
    FEATURE("sse4.2");
    FEATURE("avx");
    FEATURE("avx2");
    FEATURE("fma");
    FEATURE("avx512f");
    FEATURE("avx512bw");
    FEATURE("avx512vl");
    FEATURE("avx512vnni");
    FEATURE("avx512bf16");
#elif defined(__aarch64__)
    json_array_append_new(features, json_string("asimd"));
#endif
    return features;
}

static json_t *describe_cpu(void) {
    json_t *cpu = json_object();
    char *model = read_proc("/proc/cpuinfo", "model name");
    json_object_set_new(cpu, "model", json_string(model ? model : "unknown"));
    json_object_set_new(cpu, "features", list_features());
    json_object_set_new(cpu, "processors", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    json_object_set_new(cpu, "threads", json_integer(med_threads()));
    json_object_set_new(cpu, "kernels", json_string(med_backend_cpu()->name));
    free(model);
    return cpu;
}

static json_int_t proc_bytes(const char *key) {
    char *text = read_proc("/proc/meminfo", key);
    json_int_t bytes = text ? strtoll(text, NULL, 10) * 1024 : 0;
    free(text);
    return bytes;
}

static json_t *describe_memory(void) {
    json_t *memory = json_object();
    json_object_set_new(memory, "total_bytes", json_integer(proc_bytes("MemTotal")));
    json_object_set_new(memory, "available_bytes", json_integer(proc_bytes("MemAvailable")));
    return memory;
}

/* Where the shell would find it; owned, NULL when nowhere. */
static char *find_program(const char *name) {
    const char *path = getenv("PATH");
    for (const char *p = path ? path : ""; *p;) {
        size_t n = strcspn(p, ":");
        char *candidate = med_format("%.*s/%s", (int)n, p, name);
        if (access(candidate, X_OK) == 0) return candidate;
        free(candidate);
        p += n + (p[n] == ':');
    }
    return NULL;
}

static json_t *list_tools(void) {
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        char *path = find_program(tools[i].name), *install = med_format("apt-get install %s", tools[i].package);
        json_t *tool = json_object();
        json_object_set_new(tool, "name", json_string(tools[i].name));
        json_object_set_new(tool, "path", path ? json_string(path) : json_null());
        json_object_set_new(tool, "use", json_string(tools[i].use));
        json_object_set_new(tool, "install", json_string(install));
        json_array_append_new(list, tool);
        free(install);
        free(path);
    }
    return list;
}

void med_doctor_describe(json_t *report) {
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    json_object_set_new(report, "medley", json_string(MEDLEY_VERSION));
    json_object_set_new(report, "compiler", json_string(compiler));
    json_object_set_new(report, "libraries", describe_libraries());
    json_object_set_new(report, "cpu", describe_cpu());
    json_object_set_new(report, "memory", describe_memory());
    json_object_set_new(report, "cuda", json_string("not in this build"));
    json_object_set_new(report, "tools", list_tools());
}
