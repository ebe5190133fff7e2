/* The error after every level is at most 1.01 times that of scikit-learn's KMeans run level by
 * level on the same vectors (tests/golden/rqkmeans/make_expected.py). */
#include "semid/rqkmeans.h"

#include "base/memory.h"
#include "formats/npy.h"
#include "support/support.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LEVELS = 4 };

static semid_error err;

/* Expected errors of a case; how many levels it has. */
static size_t read_expected(const char *name, size_t n_codewords, double *errors) {
    FILE *f = fopen(golden_path("rqkmeans/expected.csv"), "r");
    assert_non_null(f);
    char line[256], case_name[64];
    size_t n_levels = 0, k, level;
    double error;
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%63[^,],%zu,%zu,%lf", case_name, &k, &level, &error) != 4) continue;
        if (strcmp(case_name, name) != 0 || k != n_codewords) continue;
        assert_in_range(level, 1, MAX_LEVELS);
        errors[level - 1] = error;
        n_levels = level;
    }
    fclose(f);
    return n_levels;
}

static void check(const char *name, const char *path, size_t n_codewords) {
    double expected[MAX_LEVELS], found[MAX_LEVELS];
    array a = {0};
    float *x = NULL;
    semid_codebook *cb = NULL;
    semid_rqkmeans_params params = semid_rqkmeans_params_default();
    params.n_levels = read_expected(name, n_codewords, expected);
    params.kmeans.n_codewords = n_codewords;
    assert_true(params.n_levels > 0);
    assert_ok(npy_load(&a, path, &err));
    assert_ok(mem_alloc(&x, array_elements(&a), sizeof *x, &err));
    assert_ok(array_to_f32(&a, 0, array_elements(&a), x, &err));
    assert_ok(semid_rqkmeans_fit(NULL, &cb, x, a.shape[0], a.shape[1], &params, found, &err));
    for (size_t l = 0; l < params.n_levels; l++) {
        printf("%s K=%zu level %zu: %.6f, scikit-learn %.6f\n", name, n_codewords, l + 1, found[l],
               expected[l]);
        assert_true(found[l] <= 1.01 * expected[l]);
    }
    semid_codebook_free(cb);
    mem_free(x);
    array_release(&a);
}

static void a_small_mixture(void **state) {
    (void)state;
    check("mixture", golden_path("rqkmeans/mixture.npy"), 16);
    check("mixture", golden_path("rqkmeans/mixture.npy"), 64);
}

static void real_vectors(void **state) {
    (void)state;
    const char *path = shared_path("data/oracle/amazon23-industrial/emb.npy");
    skip_without(path);
    check("real", path, 64);
    check("real", path, 256);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_mixture),
        cmocka_unit_test(real_vectors),
    };
    return cmocka_run_group_tests_name("rqkmeans", tests, NULL, NULL);
}
