#include "base/memory.h"

#include "support/support.h"

#include <string.h>

static void products_and_sums_are_checked(void **state) {
    (void)state;
    size_t n = 1;
    assert_true(size_mul(SIZE_MAX / 2, 2, &n) && n == SIZE_MAX - 1);
    assert_false(size_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_true(size_mul(SIZE_MAX, 0, &n) && n == 0);
    assert_true(size_add(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
    assert_false(size_add(SIZE_MAX, 1, &n));
}

static void sizes_that_overflow_are_refused(void **state) {
    (void)state;
    semid_error err;
    char here, *p = &here;
    assert_fails(mem_alloc(&p, SIZE_MAX / 2, 4, &err), SEMID_ERR_NO_MEMORY, "of 4 bytes");
    assert_fails(mem_alloc(&p, SIZE_MAX - 8, 1, &err), SEMID_ERR_NO_MEMORY, "of 1 bytes");
    assert_fails(mem_calloc(&p, (size_t)1 << 62, 8, &err), SEMID_ERR_NO_MEMORY, "memory");
    assert_ptr_equal(p, &here); /* written only on success */
    assert_ok(mem_alloc(&p, 4, 1, &err));
    memcpy(p, "abc", 4);
    char *before = p;
    assert_fails(mem_resize(&p, 4, SIZE_MAX / 2, 4, &err), SEMID_ERR_NO_MEMORY, "memory");
    assert_ptr_equal(p, before);
    assert_string_equal(p, "abc");
    mem_free(p);
}

static void blocks_are_aligned(void **state) {
    (void)state;
    semid_error err;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4097, (size_t)9 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *p, *zeros;
        assert_ok(mem_alloc(&p, sizes[i], 1, &err));
        assert_ok(mem_calloc(&zeros, sizes[i], 1, &err));
        assert_true(p && (uintptr_t)p % 64 == 0 && (uintptr_t)zeros % 64 == 0);
        memset(p, 0xA5, sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            if (zeros[j]) fail_msg("byte %zu of %zu is not zero", j, sizes[i]);
        mem_free(p);
        mem_free(zeros);
    }
    mem_free(NULL);
}

static void the_nth_allocation_fails_once(void **state) {
    (void)state;
    semid_error err;
    char *p[4] = {0};
    mem_fail_after(3);
    assert_ok(mem_alloc(&p[0], 1, 1, &err));
    assert_ok(mem_calloc(&p[1], 1, 1, &err));
    assert_fails(mem_strdup(&p[2], "x", &err), SEMID_ERR_NO_MEMORY, "out of memory");
    assert_null(p[2]);
    assert_ok(mem_strdup(&p[3], "x", &err));
    mem_fail_after(1);
    mem_fail_after(0);
    assert_ok(mem_strdup(&p[2], "y", &err));
    for (size_t i = 0; i < 4; i++) mem_free(p[i]);
}

static void resizing_keeps_contents(void **state) {
    (void)state;
    semid_error err;
    uint32_t *x = NULL;
    assert_ok(mem_resize(&x, 0, 5, sizeof *x, &err));
    for (uint32_t i = 0; i < 5; i++) x[i] = i + 1;
    assert_ok(mem_resize(&x, 5, 5000, sizeof *x, &err));
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(x[i], i + 1);
    x[4999] = 1;
    assert_ok(mem_resize(&x, 5000, 2, sizeof *x, &err));
    assert_true(x[0] == 1 && x[1] == 2);
    mem_free(x);
}

static void reserving_grows_by_halves_and_keeps_contents(void **state) {
    (void)state;
    semid_error err;
    uint64_t *x = NULL;
    size_t capacity = 0, n_grown = 0;
    for (size_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_ok(mem_reserve(&x, &capacity, i + 1, sizeof *x, &err));
        assert_true(capacity > i);
        n_grown += capacity != before;
        x[i] = i * i;
    }
    for (size_t i = 0; i < 10000; i++) assert_int_equal(x[i], i * i);
    assert_in_range(n_grown, 5, 20);
    size_t before = capacity;
    assert_ok(mem_reserve(&x, &capacity, 7, sizeof *x, &err));
    assert_int_equal(capacity, before);
    mem_fail_after(1);
    assert_fails(mem_reserve(&x, &capacity, 2 * before, sizeof *x, &err), SEMID_ERR_NO_MEMORY, "");
    mem_fail_after(0);
    assert_int_equal(capacity, before);
    assert_int_equal(x[99], 99 * 99);
    mem_free(x);
}

static void strings_are_copied_and_formatted(void **state) {
    (void)state;
    semid_error err;
    char *s;
    assert_ok(mem_strdup(&s, "", &err));
    assert_string_equal(s, "");
    mem_free(s);
    assert_ok(mem_format(&s, &err, "%s-%0300d", "x", 7));
    assert_int_equal(strlen(s), 302);
    assert_string_equal(s + 299, "007");
    mem_free(s);
}

static void the_machine_has_more_than_we_take(void **state) {
    (void)state;
    assert_true(mem_peak_bytes() > 0 && mem_peak_bytes() < mem_physical_bytes());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_and_sums_are_checked),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(blocks_are_aligned),
        cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(resizing_keeps_contents),
        cmocka_unit_test(reserving_grows_by_halves_and_keeps_contents),
        cmocka_unit_test(strings_are_copied_and_formatted),
        cmocka_unit_test(the_machine_has_more_than_we_take),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
