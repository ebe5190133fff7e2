#include "base/memory.h"
#include "base/rng.h"
#include "retrieval/inverted_layout.h"
#include "retrieval/inverted_walk.h"
#include "support/support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static semid_error err;

/* The codes and ids of tests/golden/inverted/make.py. */
static int32_t small_codes[] = {3, 0, 7, 1, 2, 3, 3, 0, 7, 1, 2, 4, 0, 70000, 1, 1, 0, 9, 3, 0, 7};
static const char *const small_ids[] = {"B001", "B002", "p\xc3\xa4ron", "", "B005", "B006", "B007"};
static const semid_codes small = {.n_rows = 7, .n_levels = 3, .data = small_codes};

static void the_bytes_are_those_of_the_description(void **state) {
    (void)state;
    file_map ours, golden;
    assert_ok(semid_inverted_build(test_path("small.sid"), &small, small_ids, &err));
    assert_ok(file_map_open(&ours, test_path("small.sid"), &err));
    assert_ok(file_map_open(&golden, golden_path("inverted/small.sid"), &err));
    assert_int_equal(ours.n_bytes, golden.n_bytes);
    assert_memory_equal(ours.data, golden.data, golden.n_bytes);
    file_map_close(&ours);
    file_map_close(&golden);
}

static void look_ups_of_the_small_file(void **state) {
    (void)state;
    semid_inverted *x;
    assert_ok(semid_inverted_open(&x, golden_path("inverted/small.sid"), &err));
    assert_int_equal(semid_inverted_items(x), 7);
    assert_int_equal(semid_inverted_codes(x), 5);
    assert_int_equal(semid_inverted_levels(x), 3);
    assert_int_equal(semid_inverted_codewords(x), 70001);
    size_t n;
    semid_code_range r = semid_inverted_find(x, (int32_t[]){3, 0, 7}, 3);
    const uint32_t *rows = semid_inverted_rows(x, r, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(rows, ((uint32_t[]){0, 2, 6}), 12);
    assert_string_equal(semid_inverted_id(x, 2), "p\xc3\xa4ron");
    assert_string_equal(semid_inverted_id(x, 3), "");
    r = semid_inverted_find(x, (int32_t[]){1}, 1);
    assert_int_equal(r.first, 1);
    assert_int_equal(r.n, 3);
    assert_int_equal(semid_inverted_find(x, NULL, 0).n, 5);
    assert_int_equal(semid_inverted_find(x, (int32_t[]){2}, 1).n, 0);
    assert_int_equal(semid_inverted_find(x, (int32_t[]){3, 0, INT32_MAX}, 3).n, 0);
    assert_int_equal(semid_inverted_find(x, (int32_t[]){-1}, 1).n, 0);
    assert_int_equal(semid_inverted_find(x, (int32_t[]){3, 0, 7, 0}, 4).n, 0);
    semid_inverted_close(x);
}

/* ---- against a search of all rows ---- */

enum { N = 3000, L = 3 };

static int32_t many_codes[N * L];
static char many_texts[N][16];
static const char *many_ids[N];

static semid_inverted *open_many(int32_t n_values) {
    rng r;
    rng_init(&r, 7, (uint64_t)n_values);
    for (size_t i = 0; i < N * L; i++) many_codes[i] = (int32_t)rng_below(&r, (uint64_t)n_values);
    for (size_t i = 0; i < N; i++) {
        snprintf(many_texts[i], sizeof many_texts[i], "item%zu", i);
        many_ids[i] = many_texts[i];
    }
    semid_codes codes = {.n_rows = N, .n_levels = L, .data = many_codes};
    semid_inverted *x;
    assert_ok(semid_inverted_build(test_path("many.sid"), &codes, many_ids, &err));
    assert_ok(semid_inverted_open(&x, test_path("many.sid"), &err));
    return x;
}

static void check_prefix(const semid_inverted *x, const int32_t *prefix, size_t n_levels) {
    size_t n_rows, n_expected = 0;
    semid_code_range range = semid_inverted_find(x, prefix, n_levels);
    const uint32_t *rows = semid_inverted_rows(x, range, &n_rows);
    for (size_t i = 0; i < n_rows; i++)
        assert_memory_equal(many_codes + rows[i] * L, prefix, n_levels * sizeof(int32_t));
    for (size_t i = 0; i < N; i++)
        n_expected += memcmp(many_codes + i * L, prefix, n_levels * sizeof(int32_t)) == 0;
    assert_int_equal(n_rows, n_expected);
}

static void prefixes_find_what_a_full_search_finds(void **state) {
    (void)state;
    const int32_t n_values[] = {2, 13, 200, 100000};
    for (size_t v = 0; v < 4; v++) {
        semid_inverted *x = open_many(n_values[v]);
        for (size_t i = 0; i < N; i += 7)
            for (size_t l = 0; l <= L; l++) check_prefix(x, many_codes + i * L, l);
        check_prefix(x, (int32_t[]){n_values[v], 0, 0}, L);
        semid_inverted_close(x);
    }
}

static size_t count_by_walking(const semid_inverted *x, semid_code_range node, size_t level) {
    size_t n_codes = 0;
    if (level == L) return node.n;
    while (node.n > 0) {
        semid_code_range child = inverted_first_child(x, node, level);
        int32_t value = semid_inverted_code(x, child.first)[level];
        semid_code_range same = inverted_child(x, node, level, value);
        assert_true(child.first == same.first && child.n == same.n && child.n > 0);
        n_codes += count_by_walking(x, child, level + 1);
        node.first += child.n;
        node.n -= child.n;
    }
    return n_codes;
}

static void walking_visits_every_code_once(void **state) {
    (void)state;
    const int32_t n_values[] = {2, 13, 200, 100000};
    for (size_t v = 0; v < 4; v++) {
        semid_inverted *x = open_many(n_values[v]);
        size_t n_codes = semid_inverted_codes(x);
        assert_int_equal(count_by_walking(x, (semid_code_range){0, n_codes}, 0), n_codes);
        semid_inverted_close(x);
    }
}

static void children_are_the_values_that_occur(void **state) {
    (void)state;
    const int32_t n_values[] = {2, 13, 200};
    for (size_t v = 0; v < 3; v++) {
        semid_inverted *x = open_many(n_values[v]);
        for (size_t i = 0; i < N; i += 61)
            for (size_t l = 0; l < L; l++) {
                const int32_t *prefix = many_codes + i * L;
                bool occurs[200] = {0};
                int32_t values[200], some[2] = {-1, -1};
                semid_code_range ranges[200];
                size_t n_expected = 0,
                       n = semid_inverted_children(x, prefix, l, values, ranges, 200);
                for (size_t j = 0; j < N; j++)
                    if (memcmp(many_codes + j * L, prefix, l * sizeof(int32_t)) == 0)
                        occurs[many_codes[j * L + l]] = true;
                for (int32_t k = 0; k < n_values[v]; k++) {
                    if (!occurs[k]) continue;
                    int32_t longer[L];
                    memcpy(longer, prefix, l * sizeof *longer);
                    longer[l] = k;
                    semid_code_range found = semid_inverted_find(x, longer, l + 1);
                    assert_int_equal(values[n_expected], k);
                    assert_memory_equal(&ranges[n_expected], &found, sizeof found);
                    n_expected++;
                }
                assert_int_equal(n, n_expected);
                assert_int_equal(semid_inverted_children(x, prefix, l, some, NULL, 1), n);
                assert_true(some[0] == values[0] && some[1] == -1);
            }
        assert_int_equal(semid_inverted_children(x, many_codes, L, NULL, NULL, 0), 0);
        assert_int_equal(semid_inverted_children(x, (int32_t[]){-5}, 1, NULL, NULL, 0), 0);
        semid_inverted_close(x);
    }
}

/* ---- from ids and rows ---- */

static void check_lookups(const semid_inverted *x) {
    for (size_t i = 0; i < N; i++) {
        size_t row = 77, code = 77;
        assert_ok(semid_inverted_row_of(x, many_ids[i], &row, &err));
        assert_int_equal(row, i);
        assert_ok(semid_inverted_code_of(x, i, &code, &err));
        assert_memory_equal(semid_inverted_code(x, code), many_codes + i * L, L * sizeof(int32_t));
    }
}

static void ids_and_rows_lead_back(void **state) {
    (void)state;
    semid_inverted *x = open_many(13);
    const char *const absent[] = {"", "item", "item3000", "item01", "Item1", "item1 "};
    size_t row, code;
    check_lookups(x);
    for (size_t i = 0; i < 6; i++) {
        assert_ok(semid_inverted_row_of(x, absent[i], &row, &err));
        assert_true(row == SEMID_NO_ROW);
    }
    assert_fails(semid_inverted_code_of(x, N, &code, &err), SEMID_ERR_ARGUMENT,
                 "row: expected a number below 3000, found 3000");
    semid_inverted_close(x);
}

static void of_equal_ids_the_lowest_row_is_found(void **state) {
    (void)state;
    semid_inverted *x;
    size_t row;
    const char *const ids[] = {"a", "b", "a", "", "b", "", "c"};
    assert_ok(semid_inverted_build(test_path("equal.sid"), &small, ids, &err));
    assert_ok(semid_inverted_open(&x, test_path("equal.sid"), &err));
    const size_t lowest[] = {0, 1, 0, 3, 1, 3, 6};
    for (size_t i = 0; i < 7; i++) {
        assert_ok(semid_inverted_row_of(x, ids[i], &row, &err));
        assert_int_equal(row, lowest[i]);
    }
    semid_inverted_close(x);
}

static void *look_up_all(void *index) {
    for (size_t i = 0; i < N; i++) {
        size_t row = 0, code;
        if (semid_inverted_row_of(index, many_ids[i], &row, NULL) != SEMID_OK || row != i ||
            semid_inverted_code_of(index, i, &code, NULL) != SEMID_OK)
            return index;
    }
    return NULL;
}

static void threads_share_an_index(void **state) {
    (void)state;
    pthread_t threads[4];
    semid_inverted *x = open_many(50);
    for (size_t t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, look_up_all, x), 0);
    for (size_t t = 0; t < 4; t++) {
        void *failed;
        pthread_join(threads[t], &failed);
        assert_null(failed);
    }
    semid_inverted_close(x);
}

static void look_ups_out_of_memory_can_be_repeated(void **state) {
    (void)state;
    semid_inverted *x = open_many(13);
    size_t row;
    for (long n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_int_equal(semid_inverted_row_of(x, "item5", &row, &err), SEMID_ERR_NO_MEMORY);
        mem_fail_after(0);
    }
    check_lookups(x);
    semid_inverted_close(x);
}

/* ---- from memory ---- */

static void bytes_in_memory_serve_as_well(void **state) {
    (void)state;
    semid_inverted *from_file = open_many(200), *x;
    char *bytes;
    size_t n_bytes;
    assert_ok(file_read_all(test_path("many.sid"), 1 << 24, &bytes, &n_bytes, &err));
    assert_ok(semid_inverted_open_memory(&x, bytes, n_bytes, &err));
    assert_int_equal(semid_inverted_codes(x), semid_inverted_codes(from_file));
    check_lookups(x);
    semid_inverted_close(x);
    semid_inverted_close(from_file);
    assert_fails(semid_inverted_open_memory(&x, bytes, n_bytes - 1, &err), SEMID_ERR_FORMAT,
                 "inverted index in memory: expected");
    assert_fails(semid_inverted_open_memory(&x, bytes, 3, &err), SEMID_ERR_FORMAT, "found 3 bytes");
    assert_fails(semid_inverted_open_memory(&x, bytes + 4, n_bytes - 4, &err), SEMID_ERR_ARGUMENT,
                 "aligned to 8");
    mem_free(bytes);
}

/* ---- what is refused ---- */

static void building_refuses(void **state) {
    (void)state;
    int32_t negative[] = {1, 2, 3, -4};
    semid_codes codes = {.n_rows = 2, .n_levels = 2, .data = negative};
    const char *path = test_path("refused.sid");
    assert_fails(semid_inverted_build(path, &codes, small_ids, &err), SEMID_ERR_DATA,
                 "row 1 has the negative code -4");
    codes.n_rows = 0;
    assert_fails(semid_inverted_build(path, &codes, small_ids, &err), SEMID_ERR_ARGUMENT,
                 "found 0");
    assert_false(path_exists(path));
    assert_fails(semid_inverted_build(test_dir(), &small, small_ids, &err), SEMID_ERR_IO,
                 "found a folder");
}

static void open_changed(size_t offset, uint8_t value, bool repair, semid_status expected,
                         const char *part) {
    char *bytes;
    size_t n_bytes;
    semid_inverted *x;
    assert_ok(file_read_all(golden_path("inverted/small.sid"), 1 << 20, &bytes, &n_bytes, &err));
    bytes[offset] = (char)value;
    inverted_header h;
    memcpy(&h, bytes, sizeof h);
    h.checksum = inverted_checksum(&h);
    if (repair) memcpy(bytes, &h, sizeof h);
    test_write_file(test_path("changed.sid"), bytes, n_bytes);
    mem_free(bytes);
    assert_fails(semid_inverted_open(&x, test_path("changed.sid"), &err), expected, part);
}

static void opening_refuses_damage(void **state) {
    (void)state;
    inverted_header h = {.n_levels = 3, .n_items = 7, .n_codes = 5, .id_bytes = 34};
    inverted_layout l;
    assert_true(inverted_layout_init(&l, &h));
    open_changed(0, 'X', false, SEMID_ERR_FORMAT, "expected an inverted index");
    open_changed(8, 2, false, SEMID_ERR_UNSUPPORTED, "expected version 1 of the format, found 2");
    open_changed(16, 8, false, SEMID_ERR_FORMAT, "checksum");
    open_changed(12, 0, true, SEMID_ERR_FORMAT, "impossible counts: 0 levels");
    open_changed(24, 9, true, SEMID_ERR_FORMAT, "impossible counts");
    open_changed(23, 1, true, SEMID_ERR_FORMAT, "impossible counts");
    open_changed(47, 0x7f, true, SEMID_ERR_FORMAT, "truncated or damaged");
    open_changed(32, 9, true, SEMID_ERR_FORMAT, "not in ascending order");
    open_changed(l.codes, 9, false, SEMID_ERR_FORMAT, "not in ascending order");
    open_changed(l.codes + 3, 0x80, false, SEMID_ERR_FORMAT, "not in ascending order");
    open_changed(l.offsets + 8, 200, false, SEMID_ERR_FORMAT, "buckets");
    open_changed(l.rows, 200, false, SEMID_ERR_FORMAT, "every row once");
    open_changed(l.rows, 1, false, SEMID_ERR_FORMAT, "every row once");
    open_changed(l.id_offsets + 8, 77, false, SEMID_ERR_FORMAT, "ids");
    open_changed(l.ids + 4, 'x', false, SEMID_ERR_FORMAT, "ids");
}

static void opening_refuses_cuts(void **state) {
    (void)state;
    char *bytes;
    size_t n_bytes;
    semid_inverted *x;
    assert_ok(file_read_all(golden_path("inverted/small.sid"), 1 << 20, &bytes, &n_bytes, &err));
    for (size_t cut = 0; cut < n_bytes; cut++) {
        test_write_file(test_path("cut.sid"), bytes, cut);
        assert_int_equal(semid_inverted_open(&x, test_path("cut.sid"), &err), SEMID_ERR_FORMAT);
    }
    mem_free(bytes);
    assert_fails(semid_inverted_open(&x, test_path("none.sid"), &err), SEMID_ERR_IO, "none.sid");
    assert_fails(semid_inverted_open(&x, test_dir(), &err), SEMID_ERR_IO, "found a folder");
    semid_inverted_close(NULL);
}

static void running_out_of_memory_leaves_nothing(void **state) {
    (void)state;
    semid_inverted *x = NULL;
    for (long n = 1; n < 100; n++) {
        mem_fail_after(n);
        semid_status status =
            semid_inverted_build(test_path("memory.sid"), &small, small_ids, &err);
        if (status == SEMID_OK) status = semid_inverted_open(&x, test_path("memory.sid"), &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    assert_non_null(x);
    semid_inverted_close(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_of_the_description),
        cmocka_unit_test(look_ups_of_the_small_file),
        cmocka_unit_test(prefixes_find_what_a_full_search_finds),
        cmocka_unit_test(walking_visits_every_code_once),
        cmocka_unit_test(children_are_the_values_that_occur),
        cmocka_unit_test(ids_and_rows_lead_back),
        cmocka_unit_test(of_equal_ids_the_lowest_row_is_found),
        cmocka_unit_test(threads_share_an_index),
        cmocka_unit_test(look_ups_out_of_memory_can_be_repeated),
        cmocka_unit_test(bytes_in_memory_serve_as_well),
        cmocka_unit_test(building_refuses),
        cmocka_unit_test(opening_refuses_damage),
        cmocka_unit_test(opening_refuses_cuts),
        cmocka_unit_test(running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests_name("inverted", tests, NULL, NULL);
}
