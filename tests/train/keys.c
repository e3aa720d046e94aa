/* keys.c: docs/training.md explains every key of a training, docs/models/NAME.md those of a network. */
#include "testing.h"

#include <jansson.h>

#include "base/file.h"
#include "task/train_config.h"

static void check_page(const char *path, const char *heading, const med_option *keys) {
    med_mapping page;
    assert_ok(med_file_map(path, &page));
    char *text = strndup((const char *)page.data, page.size), *table = strstr(text, heading);
    assert_non_null(table);
    for (const med_option *o = keys; o->name; o++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "`%s`", o->name);
        if (!strstr(table, quoted)) fail_msg("%s does not explain %s", path, o->name);
    }
    free(text);
    med_file_unmap(&page);
}

static void every_key_is_explained(void **state) {
    (void)state;
    check_page(MEDLEY_SOURCE "/docs/training.md", "## Keys", med_train_keys);
    for (int m = 0; med_models[m]; m++) {
        char path[512];
        snprintf(path, sizeof path, MEDLEY_SOURCE "/docs/models/%s.md", med_models[m]->name);
        check_page(path, "## Settings", med_models[m]->keys);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_key_is_explained)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
