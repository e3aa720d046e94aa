/* remind022.h: where patient ReMIND-022 lies, and the published transforms. */
#ifndef MED_TESTS_REAL_REMIND022_H
#define MED_TESTS_REAL_REMIND022_H

#include <unistd.h>
#include "base/file.h"
#include "base/memory.h"
#include "image/transform.h"
#include "testing.h"

#define T2_TO_CET1 "preop-MR-3D_AX_T2_SPACE-to-Case022-preop-MR-3D_AX_T1_postcontrast"
#define US_TO_T2   "intraop-US-pre_dura-to-Case022-preop-MR-3D_AX_T2_SPACE"

static char *real; /* their folder */

/* The DICOM archive (owned); NULL: it or dcm2niix is not there. */
static inline char *remind022_find(void) {
    const char *shared = getenv("MEDLEY_SHARED");
    real = med_format("%s/real/remind022", shared ? shared : "");
    char *archive = med_path_join(real, "dicom.tar.xz");
    if (access(archive, R_OK) == 0 && system("command -v dcm2niix >/dev/null 2>&1") == 0) return archive;
    free(archive);
    free(real);
    return NULL;
}

static inline med_transform *remind022_transform(const char *name) {
    med_transform *t;
    char *path = med_format("%s/Case022-Case022-%s.tfm", real, name);
    assert_ok(med_transform_load(path, -1, &t, NULL));
    free(path);
    return t;
}

#endif
