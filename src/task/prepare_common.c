/* prepare_common.c: words of the command line into the options of data/prepare_case.h. */
#include "task/prepare_common.h"

#include <math.h>
#include <string.h>
#include "image/span.h"

static med_status write_case(med_prepare_case *c, const void *options, const char *dir) {
    return med_prepare_case_write(c, options, dir);
}

med_status med_prepare_settle(const med_prepare_common *c, med_prepare_settled *out) {
    bool is_release = strcmp(c->parity, "release") == 0;
    double replacement = 0;
    if (!c->out) return med_fail(MED_EUSAGE, "-o DATA is missing: the data set to write");
    if (c->space && strcmp(c->space, "LPS") != 0 && strcmp(c->space, "RAS") != 0 && strcmp(c->space, "LAS") != 0)
        return med_fail(MED_EUSAGE, "--assume-space is '%s', expected LPS, RAS or LAS", c->space);
    if (c->replacement && (!med_span_to_double(med_span_of(c->replacement), &replacement) || !isfinite(replacement)))
        return med_fail(MED_EUSAGE, "--replace-nonfinite is '%s', expected a number", c->replacement);
    *out = (med_prepare_settled){
        .options = {.grid = {c->spacing_mm, c->size, is_release},
                    .fov = is_release ? "none" : c->fov,
                    .int16 = is_release && !c->no_int16,
                    .space = c->space},
        .replacement = (float)replacement,
    };
    if (c->replacement) out->options.replacement = &out->replacement;
    return MED_OK;
}

json_t *med_prepare_describe(const med_prepare_common *c, const char *kind) {
    bool is_release = strcmp(c->parity, "release") == 0;
    return json_pack("{s:s, s:s, s:s, s:f, s:i}", "method", kind, "parity", c->parity, "fov",
                     is_release ? "none" : c->fov, "spacing_mm", c->spacing_mm, "size", c->size);
}

med_prepare_batch med_prepare_plain_batch(const med_prepare_common *c, const med_manifest_head *head, json_t *preparation,
                                          med_prepare_write_fn *write, const void *options) {
    return (med_prepare_batch){.data = c->out,
                               .head = *head,
                               .preparation = preparation,
                               .write = write,
                               .options = options,
                               .strict = c->strict,
                               .force = c->force,
                               .max_memory_mb = c->max_memory_mb,
                               .case_memory_mb = 150};
}

med_prepare_batch med_prepare_usual_batch(const med_prepare_common *c, const med_prepare_settled *settled,
                                          const char *kind, const char *name, const char *source, const char *licence) {
    static const char *const mods[] = {"us", "t2", "cet1", "flair"};
    const med_manifest_head head = {.name = name, .anchor = "us", .source = source, .licence = licence, .n_mods = 4, .mods = mods};
    med_prepare_batch b = med_prepare_plain_batch(c, &head, med_prepare_describe(c, kind), write_case, &settled->options);
    b.case_memory_mb = 700; /* a large ultrasound as float32 while it is read, and one MR */
    return b;
}
