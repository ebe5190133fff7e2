#include "base/threads.h"

#include "support/support.h"

#include <stdatomic.h>

enum { MAX_CHUNKS = 300, NESTED = 10, ROUNDS = 2000 };

static int calls[MAX_CHUNKS];
static atomic_int nested_sum[MAX_CHUNKS]; /* a job inside a lone chunk is itself parallel */

static void add(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    for (size_t i = begin; i < end; i++) atomic_fetch_add((atomic_int *)user, (int)i);
}

static void visit(void *user, size_t chunk, size_t begin, size_t end) {
    (void)user;
    calls[chunk]++;
    assert_true(begin == 2 * chunk && end > begin && end <= begin + 2);
    assert_in_range(threads_worker(), 0, threads_get() - 1);
    if (chunk % 50 == 0) parallel_chunks(NESTED, 3, add, &nested_sum[chunk]);
}

/* Jobs in quick succession, of any size, on any number of threads, and from inside a job. */
static void every_chunk_is_visited_once(void **state) {
    (void)state;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t n_chunks = round % (MAX_CHUNKS + 1);
        for (size_t c = 0; c < MAX_CHUNKS; c++) {
            calls[c] = 0;
            atomic_store(&nested_sum[c], 0);
        }
        threads_set((int)(round % 7) + 1);
        parallel_chunks(n_chunks > 0 ? 2 * n_chunks - 1 : 0, 2, visit, NULL);
        for (size_t c = 0; c < MAX_CHUNKS; c++) {
            assert_int_equal(calls[c], c < n_chunks);
            if (c % 50 == 0) assert_int_equal(nested_sum[c], c < n_chunks ? 45 : 0);
        }
    }
    threads_set(0);
}

typedef struct partial_sums {
    float chunk[MAX_CHUNKS];
    size_t n_seen[MAX_CHUNKS];
} partial_sums;

static void sum_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    partial_sums *p = user;
    p->chunk[chunk] = 0;
    p->n_seen[chunk] = end - begin;
    for (size_t i = begin; i < end; i++) p->chunk[chunk] += 1 / (float)(i + 1);
}

static float sum(size_t n, size_t chunk_size, partial_sums *p) {
    float total = 0;
    parallel_chunks(n, chunk_size, sum_chunk, p);
    for (size_t c = 0; c < chunk_count(n, chunk_size); c++) total += p->chunk[c];
    return total;
}

/* Sums of floats depend on the order: the chunks' order is that of the work. */
static void reductions_are_the_same_at_any_number_of_threads(void **state) {
    (void)state;
    enum { ALL = 100003, CHUNK = 1000 };
    static partial_sums p;
    threads_set(1);
    float expected = sum(ALL, CHUNK, &p);
    assert_true(sum(ALL, 400, &p) != expected); /* or nothing would be seen here */
    for (int n = 1; n <= 7; n++) {
        threads_set(n);
        assert_int_equal(threads_get(), n);
        assert_true(sum(ALL, CHUNK, &p) == expected);
        size_t n_all = 0;
        for (size_t c = 0; c < chunk_count(ALL, CHUNK); c++) n_all += p.n_seen[c];
        assert_int_equal(n_all, ALL);
    }
    threads_set(0);
    assert_true(threads_get() >= 1);
}

static void chunks_are_counted(void **state) {
    (void)state;
    assert_int_equal(chunk_count(0, 5), 0);
    assert_int_equal(chunk_count(1, 5), 1);
    assert_int_equal(chunk_count(5, 5), 1);
    assert_int_equal(chunk_count(6, 5), 2);
    assert_int_equal(chunk_count(SIZE_MAX, 2), SIZE_MAX / 2 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_is_visited_once),
        cmocka_unit_test(reductions_are_the_same_at_any_number_of_threads),
        cmocka_unit_test(chunks_are_counted),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
