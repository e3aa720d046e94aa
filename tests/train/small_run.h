/* small_run.h: a data set and settings so small that a training takes a second, with everything switched on. */
#ifndef MED_TESTS_TRAIN_SMALL_RUN_H
#define MED_TESTS_TRAIN_SMALL_RUN_H

#include "program.h"

#define SMALL_DATA "--cases 5 --size 16,16,8 --spacing 10 --missing 0.3 --seed 1 --quiet"
#define SMALL_NETWORK                                                                                                  \
    "--preset tiny --set base=4 --set max=8 --set pools=2 --set nfinal=2 --set nblocks=1 --set batch=2 "
/* Adversarial phases, a restart of the optimiser, validation and a checkpoint in every one of 4 epochs. */
#define SMALL_SCHEDULE                                                                                                 \
    SMALL_NETWORK                                                                                                      \
    "--set subsets=all --set w_dis=0.05 --set discriminator_from=2 --set adversarial_from=3 --set restart_at=2 "       \
    "--set ndf=4 --set disc_layers=2 --set val_every=1 --set checkpoint_minutes=0 --epochs 4 "

/* A folder with the data set DIR/data. */
static inline const char *small_create(void) {
    const char *dir = testing_folder();
    assert_program(0, "", "phantom %s/data " SMALL_DATA, dir);
    return dir;
}

static inline void assert_same_file(const char *dir, const char *a, const char *b) {
    char command[512];
    snprintf(command, sizeof command, "cmp '%s/%s' '%s/%s'", dir, a, dir, b);
    if (system(command) != 0) fail_msg("%s and %s differ", a, b);
}

#endif
