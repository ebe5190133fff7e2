#include "base/threads.h"

#include "support/support.h"

enum { MAX_CHUNKS = 300, NESTED = 10, ROUNDS = 2000 };

static int calls[MAX_CHUNKS], nested_sum[MAX_CHUNKS];

static void add(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    for (size_t i = begin; i < end; i++) *(int *)user += (int)i;
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
        for (size_t c = 0; c < MAX_CHUNKS; c++) calls[c] = nested_sum[c] = 0;
        threads_set((int)(round % 5) + 1);
        parallel_chunks(n_chunks > 0 ? 2 * n_chunks - 1 : 0, 2, visit, NULL);
        for (size_t c = 0; c < MAX_CHUNKS; c++) {
            assert_int_equal(calls[c], c < n_chunks);
            if (c % 50 == 0) assert_int_equal(nested_sum[c], c < n_chunks ? 45 : 0);
        }
    }
    threads_set(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_is_visited_once),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
