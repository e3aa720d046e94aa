/* Configuration of MMHVAE: presets, keys, rules. */
#include "testing.h"

#include "model/mmhvae.h"

static med_mmhvae_config preset(const char *name) {
    med_mmhvae_config c;
    assert_ok(med_mmhvae_preset(name, &c));
    return c;
}

static void presets_hold_their_rules(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t n;
    } rows[] = {{"tiny", 0}, {"small", 0}, {"paper", 13774770}} /* of the paper */;
    for (int i = 0; i < 3; i++) {
        med_mmhvae_config c = preset(rows[i].name);
        assert_ok(med_mmhvae_check(&c));
        if (rows[i].n) assert_int_equal(med_mmhvae_count(&c), rows[i].n);
    }
    med_mmhvae_config c;
    assert_fails(med_mmhvae_preset("papr", &c), MED_EUSAGE, "did you mean 'paper'?");
    assert_fails(med_mmhvae_preset("xyzzy", &c), MED_EUSAGE, "tiny, small or paper");
}

static void json_there_and_back(void **state) {
    (void)state;
    med_mmhvae_config a = preset("small"), b;
    a.height = 96, a.width = 160, a.se = false, a.n_mods = 2;
    json_t *object = med_mmhvae_to_json(&a);
    assert_ok(med_mmhvae_from_json(object, &b));
    json_t *again = med_mmhvae_to_json(&b);
    assert_true(json_equal(object, again));
    assert_true(b.height == 96 && b.width == 160 && !b.se && b.residual && b.n_mods == 2);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(object, "size"), 1)), 160);
    json_decref(again);
    json_decref(object);
    a.height = a.width = 0;
    object = med_mmhvae_to_json(&a);
    assert_null(json_object_get(object, "size"));
    assert_ok(med_mmhvae_from_json(object, &b));
    assert_int_equal(b.height, 0);
    json_decref(object);
}

static void bad_json_is_refused(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"[]", "not a JSON object"},
        {"{\"poools\": 3}", "did you mean 'pools'"},
        {"{\"base\": 1}", "base is '1'"},
        {"{\"pools\": 9}", "from 1 to 8"},
        {"{\"size\": [32]}", "size: expected H,W"},
        {"{\"size\": [32, 32, 32]}", "size: expected H,W"},
        {"{\"size\": [32, 0]}", "size: expected H,W"},
        {"{\"size\": [32, 1e3]}", "size: expected H,W"},
        {"{\"modalities\": [1]}", "not a text"},
        {"{\"modalities\": [\"a_name_of_more_than_thirty_one_letters\"]}", "more than 31 letters"},
        {"{\"se\": 3}", "on or off"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        med_mmhvae_config c;
        json_t *object = json_loads(rows[i][0], 0, NULL);
        assert_non_null(object);
        assert_true(med_mmhvae_from_json(object, &c) != MED_OK);
        if (!strstr(med_message(), rows[i][1])) fail_msg("%s: %s", rows[i][0], med_message());
        json_decref(object);
    }
}

static void keys_are_set_one_by_one(void **state) {
    (void)state;
    med_mmhvae_config c = preset("paper");
    assert_ok(med_mmhvae_set(&c, "size=64,128"));
    assert_ok(med_mmhvae_set(&c, "se=off"));
    assert_ok(med_mmhvae_set(&c, "modalities=pd,t2"));
    assert_ok(med_mmhvae_set(&c, "base=32")); /* the others stay */
    assert_true(c.height == 64 && c.width == 128 && !c.se && c.base == 32 && c.max == 128 && c.n_mods == 2);
    assert_string_equal(c.mods[1], "t2");
    assert_fails(med_mmhvae_set(&c, "sise=3,3"), MED_EUSAGE, "did you mean 'size'");
    assert_fails(med_mmhvae_set(&c, "size=64"), MED_EUSAGE, "expected H,W");
    assert_fails(med_mmhvae_set(&c, "size=64,6x"), MED_EUSAGE, "expected H,W");
    assert_fails(med_mmhvae_set(&c, "se"), MED_EUSAGE, "key=value");
}

static void rules(void **state) {
    (void)state;
    static const struct {
        const char *pair, *message;
    } rows[] = {
        {"size=192,200", "multiples of 64"},
        {"base=15", "even"},
        {"max=127", "even"},
        {"max=2048", "lower max"},
        {"modalities=t2,us,t2", "'t2' is there twice"},
        {"modalities=t 2", "is no name"},
        {"modalities=a.b", "is no name"},
        {"modalities=a/b", "is no name"},
        {"modalities=", "expected 1 to 16"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        med_mmhvae_config c = preset("paper");
        assert_ok(med_mmhvae_set(&c, rows[i].pair));
        assert_fails(med_mmhvae_check(&c), MED_EUSAGE, rows[i].message);
    }
    med_mmhvae_config c = preset("paper");
    c.pools = 1, c.max = 16, c.height = c.width = 2;
    assert_fails(med_mmhvae_check(&c), MED_EUSAGE, "from 4");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(presets_hold_their_rules),
        cmocka_unit_test(json_there_and_back),
        cmocka_unit_test(bad_json_is_refused),
        cmocka_unit_test(keys_are_set_one_by_one),
        cmocka_unit_test(rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
