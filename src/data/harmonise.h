/* harmonise.h: MR intensities brought to one scale over subjects: the targets that a network learns (spec/data.md 4.4). */
#ifndef MED_DATA_HARMONISE_H
#define MED_DATA_HARMONISE_H

#include <jansson.h>
#include "data/dataset.h"

enum { MED_NYUL_LANDMARKS = 11 }; /* percentiles 1, 10, 20, ..., 90, 99.95 */
extern const double med_nyul_percentiles[MED_NYUL_LANDMARKS];

/* Method nyul: piecewise linear by percentiles; Nyul and Udupa, Magn Reson Med 42, 1999.
 * Landmarks of one image over x > 0, ascending. False: fewer than two different values. */
bool med_nyul_measure(const med_volume *v, double landmarks[MED_NYUL_LANDMARKS]);
/* Add a training image: its landmarks mapped so that the first is 0 and the last 1. */
void med_nyul_learn(const double landmarks[MED_NYUL_LANDMARKS], double sum[MED_NYUL_LANDMARKS]);
/* As a list of numbers, and back: false unless it is that many ascending ones. */
json_t *med_nyul_to_json(const double landmarks[MED_NYUL_LANDMARKS]);
bool med_nyul_from_json(const json_t *list, double landmarks[MED_NYUL_LANDMARKS]);
/* In place: `from` becomes `to` (piecewise linear, clipped to [0,1]); at least 1/255 where x > 0, else 0. */
void med_harmonise_apply(med_volume *v, const double *from, const double *to, int n);
/* Method minmax, in place: smallest value and 99.95th percentile of x > 0 to 0 and 1, with the same floor. */
void med_harmonise_minmax(med_volume *v);

/* A harmonisation as manifests, weights and sidecars record it: {"method": "nyul", "scales": {MOD: {"standard": [...]}}}.
 * Apply it to an MR as acquired, of the file `path`, in place: what `medley prepare harmonise` would make of it. With
 * "landmarks": "head" those of the image are of its whole head (data/head_landmarks.h). *is_done false, nothing changed:
 * method none, "us", no scale for this modality, or fewer than two different values. MED_EFORMAT: no such record. */
MED_CHECK med_status med_harmonise_by(const json_t *record, const char *path, const char *mod, med_volume *v, bool *is_done);
/* Landmarks of an image as the record asks for them. */
MED_CHECK med_status med_harmonise_measure(const json_t *record, const char *path, const char *mod, const med_volume *v,
                                           double landmarks[MED_NYUL_LANDMARKS], bool *is_there);
/* The target of a case at network scale: its file where there is one, else its image harmonised by the record (NULL: none),
 * else by the input rule. */
MED_CHECK med_status med_harmonised_target(const med_case *c, const char *mod, const json_t *record, med_volume **out);

#endif
