/* golden_net.h: what fixtures of networks share whose parameters are called there as here, with dots for slashes. */
#ifndef MED_TASK_GOLDEN_NET_H
#define MED_TASK_GOLDEN_NET_H

#include "engine/plan.h"
#include "model/trainer.h"
#include "task/golden_fixture.h"

/* The network of the fixture: `keys` of its config, the modalities and the size. */
MED_CHECK med_status med_golden_read_net(const med_golden *f, const med_model *model, const char *const *keys, med_net *out);
/* The modalities that are named; of a network, one or more. */
MED_CHECK med_status med_golden_set(const med_golden *f, med_mod_names mods, int n_mods, const json_t *names, med_modset *set);
MED_CHECK med_status med_golden_given(const med_golden *f, const med_net *n, const json_t *names, med_modset *set);
/* Its parameters: w/NAME, or by the rule hash-2 of the fixtures' README. Owned. */
MED_CHECK med_status med_golden_net_weights(const med_golden *f, const med_net *n, med_weights **out);
bool med_golden_is_hashed(const med_golden *f);
/* Values of one parameter, which the fixture calls STORED and its name, or under the rule HASHED and its name. */
MED_CHECK med_status med_golden_fill(const med_golden *f, const char *stored, const char *hashed, const med_parameter *p, float *to);
/* KIND/NAME in the fixture of a parameter of ours (owned text). */
char *med_golden_name(const char *kind, const char *ours);

/* Bind every parameter of the plan's graph. */
MED_CHECK med_status med_golden_bind(const med_golden *f, const med_graph *g, med_plan *plan, const med_weights *w);

#endif
