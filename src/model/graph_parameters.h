/* graph_parameters.h: the parameters of a network read off its graph, and their usual initial values. For models whose
 * parameters all appear in one graph, which then is their only description. */
#ifndef MED_MODEL_GRAPH_PARAMETERS_H
#define MED_MODEL_GRAPH_PARAMETERS_H

#include "model/net.h"

/* By its name: a running statistic, which training moves along, but not by gradients. */
bool med_is_state(const char *name);

/* In the order in which the graph asked for them. fan_in 0: gain and bias of a norm, running statistics. */
MED_CHECK med_status med_graph_parameters(const med_graph *g, med_parameter_fn *visit, void *context);

/* Fills a parameter that med_init_weights has not: n numbers. */
typedef void med_fill_fn(const void *context, const med_parameter *p, int64_t n, uint64_t seed, float *to);
/* Uniform +-1/sqrt(fan_in); gains and running variances 1, biases of norms and running means 0. */
med_fill_fn med_fill_usual;
/* Weights of net n by its list of parameters. */
MED_CHECK med_status med_init_weights(const med_net *n, uint64_t seed, med_fill_fn *fill, const void *context, med_weights **out);

#endif
