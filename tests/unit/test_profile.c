#include "base/memory.h"
#include "eval/profile.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

/* Users 0 and 1, items 0 to 3; item 3 is outside the catalogue, the others are rows 10, 11, 12. */
static const uint32_t item_rows[] = {10, 11, 12, ROW_NONE};

static void add_users(interaction_set *set) {
    assert_ok(ids_append(&set->users, "a", 1, &err));
    assert_ok(ids_append(&set->users, "b", 1, &err));
}

static void make(interaction_set *set, interaction *train, size_t n_train, interaction *valid,
                 size_t n_valid) {
    *set = (interaction_set){.rows = {train, valid}, .n_rows = {n_train, n_valid}};
    add_users(set);
}

static void histories_are_ordered(void **state) {
    (void)state;
    interaction train[] = {{0, 2, 9}, {0, 0, 5}, {1, 3, 1}, {0, 1, 5}};
    interaction valid[] = {{0, 0, 9}, {0, 1, -3}, {0, 3, 2}};
    interaction_set set;
    histories h;
    make(&set, train, 4, valid, 3);
    assert_ok(histories_init(&h, &set, item_rows, &err));
    assert_int_equal(histories_length(&h, 0), 5);
    assert_int_equal(histories_length(&h, 1), 0);
    /* -3: item 1; 5: items 0, 1 as in the file; 9: train's item 2 before valid's item 0 */
    assert_memory_equal(h.rows, ((uint32_t[]){11, 10, 11, 12, 10}), 20);
    assert_memory_equal(h.sorted, ((uint32_t[]){10, 10, 11, 11, 12}), 20);
    assert_true(histories_has(&h, 0, 12));
    assert_false(histories_has(&h, 0, 13));
    assert_false(histories_has(&h, 1, 10));
    histories_release(&h);
    ids_release(&set.users);
}

static void profiles_are_means_of_the_newest(void **state) {
    (void)state;
    interaction train[] = {{0, 0, 1}, {0, 1, 2}, {0, 2, 3}};
    const uint32_t rows[] = {0, 1, 2, ROW_NONE};
    const float x[] = {1, 10, 2, 20, 6, 60};
    double work[2];
    float out[2];
    interaction_set set;
    histories h;
    make(&set, train, 3, NULL, 0);
    assert_ok(histories_init(&h, &set, rows, &err));
    assert_int_equal(profile_length(&h, 0, PROFILE_MEAN, 2), 3);
    assert_int_equal(profile_length(&h, 0, PROFILE_LAST, 2), 1);
    assert_int_equal(profile_length(&h, 0, PROFILE_LAST_N, 2), 2);
    assert_int_equal(profile_length(&h, 0, PROFILE_LAST_N, 9), 3);
    profile_mean(&h, 0, 2, x, 2, work, out);
    assert_float_equal(out[0], 4, 0);
    assert_float_equal(out[1], 40, 0);
    profile_mean(&h, 0, 3, x, 2, work, out);
    assert_float_equal(out[0], 3, 0);
    histories_release(&h);
    ids_release(&set.users);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_are_ordered),
        cmocka_unit_test(profiles_are_means_of_the_newest),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
