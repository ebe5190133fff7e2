/* The quality figures against golden/quality/make.py, a NumPy program. */
#include "base/json_file.h"
#include "semid/quality.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static void near(double found, const json_t *expected, const char *key) {
    const json_t *value = json_object_get(expected, key);
    assert_non_null(value);
    double want = json_number_value(value);
    if (!(fabs(found - want) <= 1e-6 * fmax(1, fabs(want))))
        fail_msg("%s: expected %.12g, found %.12g", key, want, found);
}

static void check(const semid_quality *q, const json_t *expected) {
    const json_t *levels = json_object_get(expected, "levels");
    assert_int_equal(q->n_levels, json_array_size(levels));
    for (size_t l = 0; l < q->n_levels; l++) {
        const json_t *level = json_array_get(levels, l);
        near((double)q->levels[l].n_used, level, "used");
        near(q->levels[l].perplexity, level, "perplexity");
        near(q->levels[l].gini, level, "gini");
        near(q->levels[l].largest_ratio, level, "largest_ratio");
        near(q->levels[l].conditional_perplexity, level, "conditional_perplexity");
        near(q->levels[l].mse, level, "mse");
        near(q->levels[l].explained_ratio, level, "explained_ratio");
    }
    near((double)q->n_unique, expected, "unique");
    near(q->collision_ratio, expected, "collision_ratio");
    near((double)q->n_sharing, expected, "sharing");
    near((double)q->largest_bucket, expected, "largest_bucket");
    near(q->entropy_bits, expected, "entropy_bits");
}

static void figures_equal_numpy(void **state) {
    (void)state;
    semid_error err;
    semid_codes codes;
    semid_quality q;
    json_t *expected;
    double mse[3];
    assert_ok(semid_codes_load(&codes, golden_path("quality/codes.npy"), &err));
    assert_ok(json_file_load(&expected, golden_path("quality/expected.json"), &err));
    const json_t *levels = json_object_get(expected, "levels");
    for (size_t l = 0; l < 3; l++)
        mse[l] = json_number_value(json_object_get(json_array_get(levels, l), "mse"));
    double variance = json_number_value(json_object_get(expected, "variance"));
    assert_ok(semid_quality_measure(NULL, &q, &codes, 16, mse, variance, &err));
    check(&q, expected);
    semid_quality_release(&q);
    semid_codes_release(&codes);
    json_decref(expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_equal_numpy)};
    return cmocka_run_group_tests_name("quality golden", tests, NULL, NULL);
}
