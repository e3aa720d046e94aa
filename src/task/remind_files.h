/* remind_files.h: the images of a ReMIND patient under the names of the MMHVAE release's NRRD package, by which its tables
 * and transforms call them, whatever they come as. */
#ifndef MED_TASK_REMIND_FILES_H
#define MED_TASK_REMIND_FILES_H

#include "data/prepare_case.h"

typedef struct med_remind_file {
    char *name; /* "Case022-preop-MR-3D_AX_T2_SPACE.nrrd" */
    char *path; /* a file, or a folder of DICOM */
} med_remind_file;

typedef struct med_remind_files { /* owned; med_remind_files_free */
    med_remind_file *item;
    int n;
} med_remind_files;

/* dir/CaseNNN/{Preop-MR,Intraop-US,Annotations}/NAME.nrrd. No such folder: no files. */
MED_CHECK med_status med_remind_files_nrrd(const char *dir, const char *case_name, med_remind_files *out);

/* The series of DICOM below dir/ReMIND-NNN or dir/CaseNNN, each in a folder of its own as TCIA delivers them. The study that
 * has an ultrasound series is the one in surgery. What is not of this collection's kind gets no name and is left out. */
MED_CHECK med_status med_remind_files_dicom(const char *dir, const char *case_name, med_remind_files *out);

void med_remind_files_free(med_remind_files *f);

/* By name, NULL: not there. "NAME (a remark).nrrd", as one file of the package is called, is NAME.nrrd too. */
const med_remind_file *med_remind_file_find(const med_remind_files *f, const char *name);

#endif
