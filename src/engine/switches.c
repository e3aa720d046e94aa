/* switches.c: one flag a switch; the environment is read once. */
#include "engine/switches.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const char med_switch_prefix[] = "plan.";

static const char *const names[MED_N_SWITCHES] = {
    [MED_SWITCH_WINOGRAD] = "winograd",   [MED_SWITCH_STRASSEN] = "strassen",   [MED_SWITCH_COMMON] = "common",
    [MED_SWITCH_BIASES] = "biases",       [MED_SWITCH_NORM_GRADS] = "norm_grads", [MED_SWITCH_EPILOGUES] = "epilogues",
    [MED_SWITCH_RESIDUALS] = "residuals", [MED_SWITCH_PROLOGUES] = "prologues", [MED_SWITCH_RECOMPUTE] = "recompute",
    [MED_SWITCH_SIDES] = "sides",         [MED_SWITCH_GROUPS] = "groups",       [MED_SWITCH_BRANCHES] = "branches",
    [MED_SWITCH_POINTS] = "points",       [MED_SWITCH_SQUEEZES] = "squeezes",   [MED_SWITCH_FOLDS] = "folds",
};
static atomic_bool is_turned[MED_N_SWITCHES]; /* from how it starts */

static bool starts_on(int which) { return which < MED_SWITCH_FIRST_OFF; }

/* "NAME=on" or "NAME=off", `n` characters. */
static bool set(const char *pair, size_t n) {
    for (int i = 0; i < MED_N_SWITCHES; i++) {
        size_t name = strlen(names[i]);
        if (n <= name + 1 || strncmp(pair, names[i], name) != 0 || pair[name] != '=') continue;
        bool on = n - name - 1 == 2 && strncmp(pair + name + 1, "on", 2) == 0;
        if (!on && !(n - name - 1 == 3 && strncmp(pair + name + 1, "off", 3) == 0)) return false;
        is_turned[i] = on != starts_on(i);
        return true;
    }
    return false;
}

static void read_environment(void) {
    for (const char *p = getenv("MEDLEY_PLAN"); p && *p;) {
        size_t n = strcspn(p, ",");
        set(p, n); /* an unknown name changes nothing */
        p += n + (p[n] == ',');
    }
}
static pthread_once_t once = PTHREAD_ONCE_INIT;

bool med_switch_is_on(med_switch which) {
    pthread_once(&once, read_environment);
    return starts_on(which) != is_turned[which];
}

med_status med_switch_set(const char *pair) {
    pthread_once(&once, read_environment);
    size_t prefix = strlen(med_switch_prefix);
    if (strncmp(pair, med_switch_prefix, prefix) == 0 && set(pair + prefix, strlen(pair + prefix))) return MED_OK;
    char list[256] = "";
    for (int i = 0; i < MED_N_SWITCHES; i++) strcat(strcat(list, i ? "," : ""), names[i]);
    return med_fail(MED_EUSAGE, "'%s' is none of plan.{%s}={on,off}", pair, list);
}
