/* Prefixes of many rows are expected to be large. */
#include "codebook/prefix_counts.h"

#include "support/support.h"

enum { N = 10000, SEEN = 1000, L = 3 };

static semid_error err;

/* One row in ten has the prefix (1, 2), the others one each of their own. */
static void make_codes(int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool is_large = i % 10 == 0;
        codes[i * L] = is_large ? 1 : (int32_t)i;
        codes[i * L + 1] = 2;
        codes[i * L + 2] = (int32_t)i;
    }
}

static void large_prefixes_are_expected(void **state) {
    (void)state;
    static int32_t codes[SEEN * L];
    static const int32_t large[L] = {1, 2, 77}, other[L] = {2, 1, 0}, rare[L] = {5, 2, 9};
    prefix_counts c;
    make_codes(codes, SEEN);
    assert_ok(prefix_counts_init(&c, N, L, 900, &err));
    assert_false(prefix_counts_expect_large(&c, large));
    prefix_counts_add(&c, codes, SEEN);
    assert_true(prefix_counts_expect_large(&c, large));
    assert_false(prefix_counts_expect_large(&c, other));
    assert_false(prefix_counts_expect_large(&c, rare));
    prefix_counts_release(&c);
    assert_ok(prefix_counts_init(&c, N, L, 1200, &err));
    prefix_counts_add(&c, codes, SEEN);
    assert_false(prefix_counts_expect_large(&c, large));
    prefix_counts_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(large_prefixes_are_expected)};
    return cmocka_run_group_tests_name("prefix_counts", tests, NULL, NULL);
}
