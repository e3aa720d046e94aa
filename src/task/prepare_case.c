/* prepare_case.c: options into one case, a batch of one. */
#include "task/prepare_case.h"

#include <stdio.h>
#include "base/memory.h"

static med_status fill(med_prepare_source *s, const char *mod, const char *path, const char *tfm) {
    snprintf(s->mod, sizeof s->mod, "%s", mod);
    s->path = med_strdup(path);
    return tfm ? med_transform_load(tfm, -1, &s->to_image, NULL) : MED_OK;
}

static med_status add_mr(med_prepare_case *k, const char *mod, const char *path, const char *tfm) {
    if (!path && tfm) return med_fail(MED_EUSAGE, "--tfm-%s without --%s", mod, mod);
    return path ? fill(&k->mr[k->n_mr++], mod, path, tfm) : MED_OK;
}

static med_status collect(const med_prepare_one_config *c, med_prepare_case *k) {
    MED_TRY(fill(&k->us, "us", c->us, NULL));
    MED_TRY(add_mr(k, "t2", c->t2, c->tfm_t2));
    MED_TRY(add_mr(k, "cet1", c->cet1, c->tfm_cet1));
    MED_TRY(add_mr(k, "flair", c->flair, c->tfm_flair));
    if (!k->n_mr) return med_fail(MED_EUSAGE, "no MR: give one or more of --t2, --cet1, --flair");
    return c->label ? fill(&k->label, "label", c->label, c->tfm_label) : MED_OK;
}

med_status med_prepare_one(const med_prepare_one_config *c, json_t *report) {
    med_prepare_settled settled;
    med_prepare_case k;
    MED_TRY(med_prepare_settle(&c->common, &settled));
    if (!c->us) return med_fail(MED_EUSAGE, "--us FILE is missing: the ultrasound makes the grid");
    med_prepare_case_init(&k, c->name);
    med_status status = collect(c, &k);
    if (status == MED_OK) {
        med_prepare_batch b =
            med_prepare_usual_batch(&c->common, &settled, "prepare case", "own cases", c->source, c->licence);
        status = med_prepare_batch_run(&b, &k, 1, report);
    }
    med_prepare_case_free(&k);
    return status;
}
