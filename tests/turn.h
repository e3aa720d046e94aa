/* turn.h: ways of planning and computing on and off, as by `--set plan.NAME=on`. */
#ifndef MED_TESTS_TURN_H
#define MED_TESTS_TURN_H

#include "engine/switches.h"
#include "testing.h"

static inline void turn(const char *name, bool on) {
    char pair[64];
    snprintf(pair, sizeof pair, "%s%s=%s", med_switch_prefix, name, on ? "on" : "off");
    assert_ok(med_switch_set(pair));
}

#endif
