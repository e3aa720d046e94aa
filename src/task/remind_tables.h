/* remind_tables.h: the tables of the MMHVAE release that say which ultrasound, reference MR and label each case has. */
#ifndef MED_TASK_REMIND_TABLES_H
#define MED_TASK_REMIND_TABLES_H

#include "base/status.h"

typedef struct med_remind_row {
    char *name, *us, *mr; /* the case; files of its ultrasound and of its reference MR */
    char *target;         /* its label's file without the ending; NULL: none */
} med_remind_row;

typedef struct med_remind_table { /* owned; med_remind_table_free, also after a failure */
    med_remind_row *item;
    int n;
} med_remind_table;

/* refs "index,us,mr", target "index,target" (NULL: no labels). MED_EFORMAT names the line. */
MED_CHECK med_status med_remind_table_load(const char *refs, const char *target, med_remind_table *out);
void med_remind_table_free(med_remind_table *t);
const med_remind_row *med_remind_row_find(const med_remind_table *t, const char *name); /* NULL: not there */

#endif
