/* export.c: from the release's names and files to ours. */
#include "task/export.h"

#include <string.h>
#include "base/log.h"
#include "model/net.h"

typedef struct selection {
    const med_weights *from;
    med_weights *to;
} selection;

static med_status add_one(void *context, const med_parameter *p) {
    const selection *s = context;
    const med_tensor *t = med_weights_find(s->from, p->name);
    return med_weights_add_view(s->to, p->name, MED_F32, p->shape, t->data);
}

/* Texts that came with the file stay: who trained it on what. */
static void copy_metadata(const med_weights *from, med_weights *to) {
    for (int i = 0; i < med_weights_n_metas(from); i++) {
        const char *value, *key = med_weights_meta_at(from, i, &value);
        med_weights_set_meta(to, key, value);
    }
}

static med_status fill_report(const char *to, const char *source_hash, const med_net *c, json_t *report) {
    char hash[65];
    MED_TRY(med_file_sha256(to, hash));
    json_object_set_new(report, "model", json_string(c->model->name));
    json_object_set_new(report, "config", med_net_to_json(c));
    json_object_set_new(report, "n_parameters", json_integer(med_net_count(c)));
    json_object_set_new(report, "source_sha256", json_string(source_hash));
    json_object_set_new(report, "sha256", json_string(hash));
    return MED_OK;
}

/* `shaped` is `c` with a size that has the shapes of the file, should `c` leave it open. */
static med_status save(const char *from, const char *to, const med_weights *w, const med_net *shaped,
                       const char *hash) {
    selection s = {w, med_weights_create()};
    copy_metadata(w, s.to);
    med_weights_set_meta(s.to, "medley.source", med_path_base(from));
    med_weights_set_meta(s.to, "medley.source_sha256", hash);
    med_status status = med_net_parameters(shaped, add_one, &s);
    if (status == MED_OK) status = med_weights_save(s.to, to);
    med_weights_free(s.to);
    return status;
}

med_status med_export(const char *from, const char *to, const med_export_config *config, json_t *report) {
    med_weights *w;
    med_net c;
    char hash[65];
    MED_TRY(med_file_sha256(from, hash));
    MED_TRY(med_net_load(from, NULL, &config->set, &w, &c));
    med_net shaped = med_net_shaped(&c, w);
    if (!c.height)
        med_warn("%s does not tell the slice size; it is left open and will be taken from the images (or say --set "
                 "size=H,W)",
                 from);
    med_status status = save(from, to, w, &shaped, hash);
    if (status == MED_OK) status = fill_report(to, hash, &c, report);
    med_weights_free(w);
    return status;
}
