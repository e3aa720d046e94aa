/* rewrite.h: rules that change a graph without changing what it means. Each is tested: both graphs agree. */
#ifndef MED_ENGINE_REWRITE_H
#define MED_ENGINE_REWRITE_H

#include "engine/graph.h"

/* Nodes of the same op, attributes and inputs are one: encoders of several passes over the same images, for example. */
void med_rewrite_common(med_graph *g);
/* A convolution's bias that only instance norms see has no effect (its true gradient is 0): drop it. */
void med_rewrite_biases(med_graph *g);
/* unary_grad(normalize(x)) inside normalize_grad -> normalize_grad through the activation, nothing stored between. */
void med_rewrite_norm_grads(med_graph *g);
/* act(normalize(y)) behind an op that has whole planes at hand, y needed by nobody else: never stored. */
void med_rewrite_epilogues(med_graph *g);
/* conv * f(mean of conv) + x, as behind squeeze and excitation: the mean follows from sums of the convolution's input, so f is known
 * before it; factors go into its weights, x is added where it writes. Before med_rewrite_prologues. */
void med_rewrite_squeezes(med_graph *g);
/* A sum behind a 1x1 convolution whose output nobody else needs: added where it is written. Before med_rewrite_prologues. */
void med_rewrite_residuals(med_graph *g);
/* act(normalize(x)) * scale in front of an op that reads through a prologue: never stored. */
void med_rewrite_prologues(med_graph *g);
/* normalize(x) in front of a convolution: 1/std into its weights, the mean outside the image instead of zeros. After
 * med_rewrite_prologues. */
void med_rewrite_folds(med_graph *g);

#endif
