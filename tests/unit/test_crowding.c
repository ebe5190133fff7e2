/* Crowds are expected where they are going to be. */
#include "codebook/crowding.h"

#include "support/support.h"

enum { N = 10000, SEEN = 1000, L = 3 };

static semid_error err;

/* One row in ten has the prefix (1, 2), the others one each of their own. */
static void make_codes(int32_t *codes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool crowd = i % 10 == 0;
        codes[i * L] = crowd ? 1 : (int32_t)i;
        codes[i * L + 1] = 2;
        codes[i * L + 2] = (int32_t)i;
    }
}

static void crowds_are_expected(void **state) {
    (void)state;
    static int32_t codes[SEEN * L];
    static const int32_t crowd[L] = {1, 2, 77}, other[L] = {2, 1, 0}, rare[L] = {5, 2, 9};
    crowding c;
    make_codes(codes, SEEN);
    assert_ok(crowding_init(&c, N, L, 900, &err));
    assert_false(crowding_expects(&c, crowd));
    crowding_add(&c, codes, SEEN);
    assert_true(crowding_expects(&c, crowd));
    assert_false(crowding_expects(&c, other));
    assert_false(crowding_expects(&c, rare));
    crowding_release(&c);
    assert_ok(crowding_init(&c, N, L, 1200, &err));
    crowding_add(&c, codes, SEEN);
    assert_false(crowding_expects(&c, crowd));
    crowding_release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(crowds_are_expected)};
    return cmocka_run_group_tests_name("crowding", tests, NULL, NULL);
}
