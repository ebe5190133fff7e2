/* The protocol on five items and three test rows, worked out by hand; tests/golden/test_eval.c has
 * the figures of an independent program. */
#include "base/context.h"
#include "eval/protocol.h"
#include "formats/embeddings_write.h"
#include "formats/ids_index.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

/* Items: A and B share code 0-0, C has 0-1, D 1-0, E is in the catalogue alone. */
enum { A, B, C, D, E, N_ITEMS };
static float x[] = {1, 0, 0.8f, 0.6f, 0.6f, 0.8f, 0, 1, -1, 0};
static const float codewords[] = {0.9f, 0.3f, 0,     1, /* level 0 */
                                  0,    0,    -0.3f, 0.5f /* level 1 */};
static int32_t item_codes[] = {0, 0, 0, 0, 0, 1, 1, 0, 1, 1};
static const char *const item_names[] = {"A", "B", "C", "D", "outside"};

static semid_codebook *cb;
static semid_inverted *inverted;
static const device *cpu;

/* User 0 saw A; user 1 saw D; user 2 saw A and B. */
static uint64_t offsets[] = {0, 1, 2, 4};
static uint32_t seen[] = {A, D, A, B};
static const histories past = {.n_users = 3, .offsets = offsets, .rows = seen, .sorted = seen};
static uint32_t users[] = {0, 1, 2}, targets[] = {B, E, C};
static const test_rows rows = {.n = 3, .users = users, .targets = targets};
static catalogue items = {.n_items = N_ITEMS, .dim = 2, .raw = x, .unit = x, .rows_are_unit = true};

static int set_up(void **state) {
    (void)state;
    const semid_codes codes = {.n_rows = 5, .n_levels = 2, .data = item_codes};
    static const char letters[] = "ABCDE";
    assert_ok(device_find(&cpu, "cpu", &err));
    assert_ok(semid_codebook_new(NULL, &cb, 2, 2, 2, false, codewords, &err));
    assert_ok(semid_inverted_build(test_path("p.sid"), &codes, item_names, &err));
    assert_ok(semid_inverted_open(&inverted, test_path("p.sid"), &err));
    for (size_t i = 0; i < N_ITEMS; i++) assert_ok(ids_append(&items.list, letters + i, 1, &err));
    assert_ok(ids_index_init(&items.index, &items.list, &err));
    embeddings_writer *w;
    assert_ok(embeddings_writer_open(&w, test_path("x.npy"), N_ITEMS, 2, NULL, &err));
    assert_ok(embeddings_writer_append(w, x, N_ITEMS, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
    assert_ok(embeddings_open(&items.file, test_path("x.npy"), &err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    embeddings_close(items.file);
    ids_index_release(&items.index);
    ids_release(&items.list);
    semid_inverted_close(inverted);
    semid_codebook_free(cb);
    return 0;
}

static protocol_params exact_params(void) {
    return (protocol_params){.device = cpu,
                             .profile = PROFILE_MEAN,
                             .expand = {.kind = SEMID_EXPAND_EXACT},
                             .rq_neighbors = 2,
                             .vq_neighbors = 3,
                             .rank_limit = 10};
}

static method_result run(const protocol_params *params, uint32_t *ceiling) {
    protocol p;
    method_result r;
    const method_input method = {.codebook = cb, .index = inverted};
    assert_ok(protocol_check(params, &items, &method, &err));
    assert_ok(protocol_init(&p, params, &items, &past, &rows, NULL, NULL, &err));
    assert_ok(protocol_run(&r, &p, &method, &err));
    if (ceiling) memcpy(ceiling, p.ceiling, sizeof(uint32_t[3]));
    protocol_release(&p);
    return r;
}

/* Profiles: user 0 = A, user 1 = D, user 2 = (A + B) / |A + B|, between the two. */
static void each_row_is_ranked_among_its_candidates(void **state) {
    (void)state;
    const protocol_params params = exact_params();
    uint32_t ceiling[3];
    method_result r = run(&params, ceiling);
    assert_int_equal(r.n_rows, 3);
    assert_int_equal(r.n_levels, 2);
    assert_memory_equal(r.codes, ((int32_t[]){0, 0, 1, 0, 0, 0}), sizeof(int32_t[6]));
    /* 0: A before B. 1: D alone, E is no candidate. 2: A and B, C is no candidate. */
    assert_memory_equal(r.n_cand, ((uint32_t[]){2, 1, 2}), sizeof(uint32_t[3]));
    assert_memory_equal(r.ranks, ((uint32_t[]){1, RANK_NONE, RANK_NONE}), sizeof(uint32_t[3]));
    /* In the whole catalogue: A B C; D C B (A and E both 0, A is the lower row); A B C. */
    assert_memory_equal(ceiling, ((uint32_t[]){1, 4, 2}), sizeof ceiling);
    assert_int_equal(r.n_empty, 0);
    assert_int_equal(r.n_unindexed, 1);
    method_result_release(&r);
    method_result_release(&r);
}

static void a_masked_history_leaves_the_held_out_item(void **state) {
    (void)state;
    protocol_params params = exact_params();
    uint32_t ceiling[3];
    params.mask_history = true;
    method_result r = run(&params, ceiling);
    /* 0: B alone. 1 and 2: nothing is left, so that the catalogue without D, A and B answers. */
    assert_memory_equal(r.n_cand, ((uint32_t[]){1, 0, 0}), sizeof(uint32_t[3]));
    assert_memory_equal(ceiling, ((uint32_t[]){0, 3, 0}), sizeof ceiling);
    assert_memory_equal(r.ranks, ceiling, sizeof ceiling);
    assert_int_equal(r.n_empty, 2);
    method_result_release(&r);
    params.skip_empty = true;
    r = run(&params, NULL);
    assert_memory_equal(r.ranks, ((uint32_t[]){0, RANK_NONE, RANK_NONE}), sizeof(uint32_t[3]));
    method_result_release(&r);
}

static void ranks_end_at_the_limit(void **state) {
    (void)state;
    protocol_params params = exact_params();
    uint32_t ceiling[3];
    params.rank_limit = 2;
    method_result r = run(&params, ceiling);
    assert_int_equal(r.ranks[0], 1);
    assert_memory_equal(ceiling, ((uint32_t[]){1, RANK_NONE, RANK_NONE}), sizeof ceiling);
    method_result_release(&r);
}

static void the_reference_counts_what_is_listed(void **state) {
    (void)state;
    protocol_params params = exact_params();
    params.reference = true;
    params.expand.kind = SEMID_EXPAND_HAMMING1;
    method_result r = run(&params, NULL);
    /* 1-0 and its neighbours 0-0 and 1-1, whose item the catalogue does not know. */
    assert_int_equal(r.n_cand[1], 4);
    method_result_release(&r);
    params.reference = false;
    r = run(&params, NULL);
    assert_int_equal(r.n_cand[1], 3);
    method_result_release(&r);
}

static void queries_of_raw_codebooks_are_raw_means(void **state) {
    (void)state;
    static float raw[] = {1, 0, 0.8f, 0.6f, 0.6f, 0.8f, 0, 9, -1, 0};
    const protocol_params params = exact_params();
    catalogue long_rows = items;
    semid_codebook *raw_cb;
    protocol p;
    method_result r;
    long_rows.raw = raw;
    assert_ok(semid_codebook_new(NULL, &raw_cb, 2, 2, 2, false, (float[]){1, 0, 0, 9, 0, 0, 0, -8},
                                 &err));
    assert_ok(protocol_init(&p, &params, &long_rows, &past, &rows, NULL, NULL, &err));
    method_input method = {.codebook = raw_cb, .index = inverted, .raw_queries = true};
    assert_ok(protocol_run(&r, &p, &method, &err));
    assert_memory_equal(r.codes + 2, ((int32_t[]){1, 0}), sizeof(int32_t[2])); /* (0, 9) */
    method_result_release(&r);
    method.raw_queries = false;
    assert_ok(protocol_run(&r, &p, &method, &err));
    assert_memory_equal(r.codes + 2, ((int32_t[]){0, 0}), sizeof(int32_t[2])); /* (0, 1) */
    method_result_release(&r);
    protocol_release(&p);
    semid_codebook_free(raw_cb);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    const protocol_params params = exact_params();
    semid_codebook *wide;
    assert_ok(semid_codebook_new(NULL, &wide, 2, 1, 3, false, (float[6]){0}, &err));
    const method_input method = {.codebook = wide, .index = inverted};
    assert_fails(protocol_check(&params, &items, &method, &err), SEMID_ERR_SHAPE,
                 "expected codewords of 2 dimensions, as in ");
    assert_non_null(strstr(err.message, "x.npy, found 3"));
    semid_codebook_free(wide);
}

static void an_index_of_other_items_is_refused(void **state) {
    (void)state;
    static const char *const strangers[] = {"v", "w"};
    int32_t two[] = {0, 0, 1, 1};
    const semid_codes codes = {.n_rows = 2, .n_levels = 2, .data = two};
    const protocol_params params = exact_params();
    semid_inverted *other;
    protocol p;
    method_result r;
    assert_ok(semid_inverted_build(test_path("other.sid"), &codes, strangers, &err));
    assert_ok(semid_inverted_open(&other, test_path("other.sid"), &err));
    assert_ok(protocol_init(&p, &params, &items, &past, &rows, NULL, NULL, &err));
    const method_input method = {.codebook = cb, .index = other};
    assert_fails(protocol_run(&r, &p, &method, &err), SEMID_ERR_DATA, "found none of them");
    protocol_release(&p);
    semid_inverted_close(other);
}

/* ---- progress ---- */

static void progress_ends_when_the_search_fails(void **state) {
    (void)state;
    test_progress shown;
    semid_context *context = test_cancelled_context(&shown);
    context_scope outer = context_enter(context);
    protocol p;
    const protocol_params params = exact_params();
    assert_fails(protocol_init(&p, &params, &items, &past, &rows, NULL, NULL, &err),
                 SEMID_ERR_INTERRUPTED, "interrupted");
    context_leave(outer);
    assert_true(shown.n_begun > 0);
    assert_int_equal(shown.n_open, 0);
    semid_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_ranked_among_its_candidates),
        cmocka_unit_test(a_masked_history_leaves_the_held_out_item),
        cmocka_unit_test(ranks_end_at_the_limit),
        cmocka_unit_test(the_reference_counts_what_is_listed),
        cmocka_unit_test(queries_of_raw_codebooks_are_raw_means),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(an_index_of_other_items_is_refused),
        cmocka_unit_test(progress_ends_when_the_search_fails),
    };
    return cmocka_run_group_tests_name("protocol", tests, set_up, tear_down);
}
