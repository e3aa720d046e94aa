/* Option tables: every kind from text and from JSON, ranges, near misses, help. */
#include "testing.h"

#include "base/option.h"

typedef struct config {
    bool fast;
    int count;
    double rate;
    const char *name, *scale;
    med_strings mods, images;
    int size[3];
} config;

static const med_option table[] = {
    MED_OPT_FLAG(config, "fast", fast, "be quick"),
    MED_OPT_INT(config, "count", count, 1, 100, "how many"),
    MED_OPT_FLOAT(config, "rate", rate, 0, 2, "scale of the standard deviation"),
    MED_OPT_TEXT(config, "name", name, "NAME", "what it is called"),
    MED_OPT_CHOICE(config, "scale", scale, "unit|network|release", "of the output"),
    MED_OPT_LIST(config, "mods", mods, "A,B", "modalities"),
    MED_OPT_REPEAT(config, "image", images, "MOD=FILE", "an input"),
    MED_OPT_INTS3(config, "size", size, 1, 1000, "voxels"),
    MED_OPT_END,
};

static void every_kind_from_text(void **state) {
    (void)state;
    config c = {0};
    assert_ok(med_option_set(table, &c, "fast", "on"));
    assert_ok(med_option_set(table, &c, "count", "100"));
    assert_ok(med_option_set(table, &c, "rate", "1.5e0"));
    assert_ok(med_option_set(table, &c, "name", "x y"));
    assert_ok(med_option_set(table, &c, "scale", "network"));
    assert_ok(med_option_set(table, &c, "mods", "us,t2,flair"));
    assert_ok(med_option_set(table, &c, "image", "t2=a.nii"));
    assert_ok(med_option_set_pair(table, &c, "image=us=b.nii"));
    assert_ok(med_option_set_pair(table, &c, "size=4,5,6"));
    assert_true(c.fast && c.count == 100 && c.rate == 1.5);
    assert_string_equal(c.name, "x y");
    assert_string_equal(c.scale, "network");
    assert_int_equal(c.mods.n, 3);
    assert_string_equal(c.mods.item[2], "flair");
    assert_int_equal(c.images.n, 2);
    assert_string_equal(c.images.item[1], "us=b.nii");
    assert_true(c.size[0] == 4 && c.size[1] == 5 && c.size[2] == 6);
    assert_ok(med_option_set(table, &c, "mods", ""));
    assert_int_equal(c.mods.n, 0);
}

static void bad_values_are_refused(void **state) {
    (void)state;
    static const char *const bad[][3] = {
        {"fast", "maybe", "on or off"},
        {"count", "0", "from 1 to 100"},
        {"count", "101", "from 1 to 100"},
        {"count", "3.5", "whole number"},
        {"count", "", "whole number"},
        {"count", " 3", "whole number"},
        {"count", "3x", "whole number"},
        {"count", "99999999999999999999", "100"},
        {"rate", "2.01", "from 0 to 2"},
        {"rate", "-1", "from 0 to 2"},
        {"rate", "nan", "a number"},
        {"rate", "inf", "a number"},
        {"rate", "1,5", "a number"},
        {"scale", "net", "unit network release"},
        {"scale", "", "unit"},
        {"mods", "us,,t2", "single commas"},
        {"mods", ",us", "single commas"},
        {"mods", "us,", "single commas"},
        {"size", "1,2", "X,Y,Z"},
        {"size", "1,2,3,4", "X,Y,Z"},
        {"size", "1,0,3", "from 1"},
        {"size", "1, 2,3", "X,Y,Z"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config c = {.count = 7, .rate = 0.5, .size = {1, 2, 3}}, before = c;
        assert_fails(med_option_set(table, &c, bad[i][0], bad[i][1]), MED_EUSAGE, bad[i][2]);
        assert_non_null(strstr(med_message(), bad[i][0]));
        assert_true(c.count == before.count && c.rate == before.rate && c.size[1] == 2);
    }
    config c = {0};
    assert_fails(med_option_set_pair(table, &c, "count"), MED_EUSAGE, "key=value");
    for (int i = 0; i < MED_MAX_STRINGS; i++) assert_ok(med_option_set(table, &c, "image", "x"));
    assert_fails(med_option_set(table, &c, "image", "x"), MED_EUSAGE, "more than 64");
}

static void near_misses_are_suggested(void **state) {
    (void)state;
    config c = {0};
    assert_fails(med_option_set(table, &c, "cuont", "1"), MED_EUSAGE, "did you mean 'count'?");
    assert_fails(med_option_set(table, &c, "images", "1"), MED_EUSAGE, "did you mean 'image'?");
    assert_fails(med_option_set(table, &c, "nmae", "1"), MED_EUSAGE, "did you mean 'name'?");
    assert_fails(med_option_set(table, &c, "xyzzy", "1"), MED_EUSAGE, "unknown option 'xyzzy'");
    assert_null(strstr(med_message(), "did you mean"));
    static const char *const words[] = {"phantom", "train", "synth", "info", NULL};
    assert_string_equal(med_nearest("fantom", words), "phantom");
    assert_string_equal(med_nearest("synthesize", words), "synth");
    assert_string_equal(med_nearest("trian", words), "train");
    assert_string_equal(med_nearest("inof", words), "info");
    assert_null(med_nearest("register", words));
    assert_null(med_nearest("", words));
}

static void json_there_and_back(void **state) {
    (void)state;
    config a = {.fast = true,
                .count = 3,
                .rate = 0.1,
                .name = NULL,
                .scale = "unit",
                .mods = {2, {"us", "t2"}},
                .size = {7, 8, 9}};
    json_t *object = med_option_to_json(table, &a);
    config b = {.name = "set before", .images = {1, {"set before"}}};
    assert_ok(med_option_set_json(table, &b, object, "run.json"));
    json_t *again = med_option_to_json(table, &b);
    assert_true(json_equal(object, again));
    assert_true(b.rate == 0.1 && b.name == NULL && b.images.n == 0);
    json_decref(again);
    json_decref(object);
    assert_string_equal(b.mods.item[1], "t2"); /* outlives the object */
}

static void bad_json_is_refused(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"[1]", "expected a JSON object"},        {"{\"cout\": 1}", "did you mean 'count'"},
        {"{\"count\": 0}", "from 1 to 100"},      {"{\"count\": 1.5}", "whole number"},
        {"{\"count\": [1]}", "wrong kind"},       {"{\"rate\": {}}", "wrong kind"},
        {"{\"size\": [1, 2]}", "three whole"},    {"{\"size\": [1, 2, \"3\"]}", "three whole"},
        {"{\"mods\": [\"us\", 3]}", "item 1"},    {"{\"count\": null}", "wrong kind"},
        {"{\"scale\": \"big\"}", "unit network"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config c = {0};
        json_t *value = json_loads(bad[i][0], 0, NULL);
        assert_non_null(value);
        assert_true(med_option_set_json(table, &c, value, "config.json") != MED_OK);
        if (!strstr(med_message(), bad[i][1])) fail_msg("%s: %s", bad[i][0], med_message());
        assert_ptr_equal(strstr(med_message(), "config.json"), med_message());
        json_decref(value);
    }
}

static void help_names_all_with_defaults(void **state) {
    (void)state;
    char *text = NULL;
    size_t n;
    config defaults = {.count = 12, .rate = 0.25, .scale = "unit", .size = {1, 1, 2}};
    FILE *to = open_memstream(&text, &n);
    med_option_print_help(to, table, &defaults);
    fclose(to);
    static const char *const expected[] = {"--fast ",         "--count N",        "how many (default: 12)",
                                           "(default: 0.25)", "--name NAME",      "--scale unit|network|release",
                                           "(default: unit)", "--image MOD=FILE", "(default: 1,1,2)"};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!strstr(text, expected[i])) fail_msg("'%s' is not in the help:\n%s", expected[i], text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) assert_true(strlen(line) <= 100);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_from_text),      cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(near_misses_are_suggested), cmocka_unit_test(json_there_and_back),
        cmocka_unit_test(bad_json_is_refused),       cmocka_unit_test(help_names_all_with_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
