#include "base/rng.h"
#include "support/support.h"

static void below_stays_in_range_and_covers_it(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 1, 0);
    size_t seen[7] = {0};
    for (int i = 0; i < 70000; i++) seen[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++) assert_in_range(seen[i], 9500, 10500);
}

static void streams_differ_and_repeat(void **state) {
    (void)state;
    rng a, b, c;
    rng_init(&a, 5, 0);
    rng_init(&b, 5, 1);
    rng_init(&c, 5, 0);
    uint64_t x = rng_u64(&a);
    assert_int_not_equal(x, rng_u64(&b));
    assert_int_equal(x, rng_u64(&c));
}

/* No two uses share a stream: two equal numbers here do not compile. */
static void every_use_has_its_stream(void **state) {
    (void)state;
    bool known = false;
    rng_stream stream = RNG_KMEANS_SAMPLE;
    switch (stream) {
    case RNG_SAMPLE_SHELVES:
    case RNG_EMA_START:
    case RNG_KMEANS_SAMPLE:
    case RNG_KMEANS_DRAWS:
    case RNG_KMEANS_RANDOM:
    case RNG_EMA_TRAIN:
    case RNG_TRAIN_HOLDOUT:
    case RNG_PRINCIPAL_SAMPLE:
    case RNG_PRINCIPAL_START:
    case RNG_TRAIN_SAMPLE:
    case RNG_RQVAE_WEIGHTS:
    case RNG_RQVAE_START:
    case RNG_FAISS_SAMPLE:
    case RNG_EVAL_SAMPLE:
    case RNG_RQVAE_EPOCH:
        known = true;
    }
    assert_true(known);

    rng item, user, first;
    rng_init_numbered(&item, 5, RNG_SAMPLE_ITEM, 0);
    rng_init_numbered(&user, 5, RNG_SAMPLE_USER, 0);
    rng_init(&first, 5, RNG_SAMPLE_SHELVES);
    uint64_t x = rng_u64(&item);
    assert_int_not_equal(x, rng_u64(&user));
    assert_int_not_equal(x, rng_u64(&first));
}

static void samples_are_distinct_sorted_and_uniform(void **state) {
    (void)state;
    size_t hits[10] = {0};
    for (uint64_t seed = 0; seed < 5000; seed++) {
        rng r;
        uint64_t s[4];
        rng_init(&r, seed, 0);
        rng_sample_sorted(&r, 10, 4, s);
        for (int i = 0; i < 4; i++) {
            hits[s[i]]++;
            assert_true(s[i] < 10 && (i == 0 || s[i - 1] < s[i]));
        }
    }
    for (int i = 0; i < 10; i++) assert_in_range(hits[i], 1850, 2150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_stays_in_range_and_covers_it),
        cmocka_unit_test(streams_differ_and_repeat),
        cmocka_unit_test(every_use_has_its_stream),
        cmocka_unit_test(samples_are_distinct_sorted_and_uniform),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
