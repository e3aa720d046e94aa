/* mmhvae_names.c: our parameter names and those of the authors' PyTorch release, one row per kind of layer. */
#include "model/mmhvae.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"

/* '*' is a modality, '#' a number, '+' a number that the release counts from 1 when heads have an input convolution. */
typedef struct row {
    const char *ours, *release;
} row;

static const row layers[] = {
    {"enc/*/first", "first_conv.*"},
    {"enc/*/#/conv0", "conv_blocks_context.*.#.conv_0"},
    {"enc/*/#/conv1", "conv_blocks_context.*.#.conv_1"},
    {"enc/*/#/se/fc0", "conv_blocks_context.*.#.se.se.0"},
    {"enc/*/#/se/fc1", "conv_blocks_context.*.#.se.se.2"},
    {"enc/*/#/down", "td.*.#"},
    {"top/infer", "bottleneck_down.linear"},
    {"top/generate", "bottleneck_up.linear"},
    {"gen/#/up", "tu.#.conv_1"},
    {"gen/#/conv0", "conv_blocks_localization.#.conv_0"},
    {"gen/#/depthwise", "conv_blocks_localization.#.dw_conv_1"},
    {"gen/#/se/fc0", "conv_blocks_localization.#.se_2.se.0"},
    {"gen/#/se/fc1", "conv_blocks_localization.#.se_2.se.2"},
    {"gen/#/conv1", "conv_blocks_localization.#.conv_2"},
    {"prior/#", "pz.#"},
    {"post/#/conv0", "qz.#.conv_0"},
    {"post/#/conv1", "qz.#.conv_1"},
    {"post/#/se/fc0", "qz.#.se.se.0"},
    {"post/#/se/fc1", "qz.#.se.se.2"},
    {"post/#/out", "qz.#.last_conv"},
    {"head/*/in", "final_blocks.*.res.0"},
    {"head/*/+/conv0", "final_blocks.*.res.+.conv_block.1"},
    {"head/*/+/conv1", "final_blocks.*.res.+.conv_block.5"},
    {"head/*/smooth", "final_blocks.*.convt2"},
    {"head/*/out", "final_blocks.*.convt3"},
};

/* What follows the layer. The first row of each name is how the release writes it now, the others how it did. */
static const row leaves[] = {
    {"/weight", ".weight"},
    {"/bias", ".bias"},
    {"/g", ".parametrizations.weight.original0"},
    {"/v", ".parametrizations.weight.original1"},
    {"/g", ".weight_g"},
    {"/v", ".weight_v"},
};

enum { N_LAYERS = sizeof layers / sizeof *layers, N_LEAVES = sizeof leaves / sizeof *leaves };

typedef struct match { /* what the wildcards of a pattern stand for */
    const char *mod;
    int n_mod;
    long number;
} match;

/* Does text[0..n) match the pattern? `origin` is where '+' counts from. */
static bool matches(const char *pattern, const char *text, size_t n, int origin, match *m) {
    const char *end = text + n;
    for (; *pattern; pattern++) {
        const char *from = text;
        if (*pattern == '*') {
            while (text < end && (isalnum((unsigned char)*text) || *text == '_' || *text == '-')) text++;
            m->mod = from;
            m->n_mod = (int)(text - from);
        } else if (*pattern == '#' || *pattern == '+') {
            while (text < end && isdigit((unsigned char)*text)) text++;
            m->number = text - from < 4 ? strtol(from, NULL, 10) - (*pattern == '+' ? origin : 0) : -1;
            if (m->number < 0 || (*from == '0' && text - from > 1)) return false;
        } else if (text < end && *text == *pattern) {
            text++;
        }
        if (text == from) return false;
    }
    return text == end;
}

static char *write_name(const char *pattern, const match *m, int origin, const char *leaf) {
    char name[256];
    size_t n = 0;
    for (; *pattern && n < sizeof name - MED_MOD_NAME; pattern++) {
        if (*pattern == '*')
            n += (size_t)snprintf(name + n, sizeof name - n, "%.*s", m->n_mod, m->mod);
        else if (*pattern == '#' || *pattern == '+')
            n += (size_t)snprintf(name + n, sizeof name - n, "%ld", m->number + (*pattern == '+' ? origin : 0));
        else
            name[n++] = *pattern;
    }
    return med_format("%.*s%s", (int)n, name, leaf);
}

/* The layer text[0..n) written in the other style, with `leaf` behind it; NULL when no row matches. */
static char *translate(bool to_release, const char *text, size_t n, int origin, const char *leaf) {
    for (int i = 0; i < N_LAYERS; i++) {
        match m = {0};
        const char *from = to_release ? layers[i].ours : layers[i].release,
                   *to = to_release ? layers[i].release : layers[i].ours;
        if (matches(from, text, n, to_release ? 0 : origin, &m) && m.n_mod < MED_MOD_NAME)
            return write_name(to, &m, to_release ? origin : 0, leaf);
    }
    return NULL;
}

static char *translate_name(bool to_release, const char *name, int origin) {
    size_t n = strlen(name);
    for (int i = 0; i < N_LEAVES; i++) {
        const char *from = to_release ? leaves[i].ours : leaves[i].release,
                   *to = to_release ? leaves[i].release : leaves[i].ours;
        size_t n_leaf = strlen(from);
        if (n > n_leaf && !strcmp(name + n - n_leaf, from)) return translate(to_release, name, n - n_leaf, origin, to);
    }
    return NULL;
}

char *med_mmhvae_name_to_release(const med_mmhvae_config *c, const char *ours) {
    return translate_name(true, ours, c->base / 2 != c->nfinal);
}

char *med_mmhvae_name_from_release(const char *release, bool head_has_input_conv) {
    return translate_name(false, release, head_has_input_conv);
}
