/* report_axis.h: what a plot's axis spans and where its marks are. */
#ifndef MED_TASK_REPORT_AXIS_H
#define MED_TASK_REPORT_AXIS_H

enum { MED_MAX_TICKS = 16 };

/* Moves both ends outwards by this share of what lies between them. Values that differ by rounding alone, as means of equal
 * ones do, count as equal; these get a tenth of their size on both sides. */
void med_axis_widen(double *lo, double *hi, double share);

/* Round values from lo to hi: 1, 2 or 5 times a power of ten apart, near (hi - lo) / about (3 to 6). Returns how many;
 * none where hi is not above lo. */
int med_axis_ticks(double lo, double hi, int about, double tick[MED_MAX_TICKS]);

#endif
