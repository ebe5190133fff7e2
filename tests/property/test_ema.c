/* What must hold of moving-average codebooks on any data: no collapse, the same bits at any thread
 * count, options that do what they say. */
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "learn/ema_update.h"
#include "semid/ema.h"
#include "semid/quality.h"
#include "semid/rqkmeans.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3000, DIM = 12, K = 32, L = 3 };

/* ---- data ---- */

typedef enum kind { CLUSTERS, FEW_DISTINCT, DOMINANT, HEAVY_TAILS, N_KINDS } kind;
static const char *const kind_names[] = {"clusters", "few distinct rows", "one dominant cluster",
                                         "heavy tails"};

static void normal_row(rng *r, float *x, double scale) {
    for (size_t j = 0; j < DIM; j++) x[j] = (float)(scale * rng_normal(r));
}

static void fill_row(rng *r, float *x, kind what, const float *centres) {
    const float *centre = centres + rng_below(r, 300) * DIM;
    normal_row(r, x, 0.3);
    if (what == HEAVY_TAILS) normal_row(r, x, exp(2 * rng_normal(r)));
    if (what == FEW_DISTINCT) memset(x, 0, DIM * sizeof *x);
    if (what == DOMINANT && rng_below(r, 10) > 0) {
        normal_row(r, x, 1e-4);
        centre = centres;
    }
    for (size_t j = 0; what != HEAVY_TAILS && j < DIM; j++) x[j] += centre[j];
}

static float *make(kind what) {
    rng r;
    rng_init(&r, 9, what);
    float *x = malloc(N * DIM * sizeof *x), *centres = malloc(300 * DIM * sizeof *centres);
    for (size_t i = 0; i < 300; i++) normal_row(&r, centres + i * DIM, 1);
    for (size_t i = 0; i < N; i++) fill_row(&r, x + i * DIM, what, centres);
    free(centres);
    return x;
}

/* ---- measuring ---- */

static semid_ema_params params_of(size_t n_codewords, size_t n_epochs) {
    semid_ema_params p = semid_ema_params_default();
    p.n_levels = L;
    p.n_codewords = n_codewords;
    p.n_epochs = n_epochs;
    p.batch_rows = 256;
    return p;
}

static semid_codebook *fit(const float *x, const semid_ema_params *params, size_t n_levels) {
    semid_error err;
    semid_codebook *cb;
    semid_ema_params p = *params;
    p.n_levels = n_levels;
    assert_ok(semid_ema_fit(NULL, &cb, x, N, DIM, &p, NULL, &err));
    return cb;
}

static semid_quality measure(const semid_codebook *cb, const float *x) {
    semid_error err;
    semid_quality q;
    size_t n_levels = semid_codebook_levels(cb);
    semid_codes codes = {N, n_levels, malloc(N * n_levels * sizeof(int32_t))};
    assert_ok(semid_encode(NULL, cb, x, N, codes.data, &err));
    assert_ok(semid_quality_measure(NULL, &q, &codes, semid_codebook_codewords(cb), NULL, 0, &err));
    free(codes.data);
    return q;
}

static double error_of(const semid_codebook *cb, const float *x) {
    semid_error err;
    size_t n_levels = semid_codebook_levels(cb);
    int32_t *codes = malloc(N * n_levels * sizeof *codes);
    float *back = malloc(N * DIM * sizeof *back);
    double error = 0;
    assert_ok(semid_encode(NULL, cb, x, N, codes, &err));
    assert_ok(semid_decode(NULL, cb, codes, N, back, &err));
    for (size_t i = 0; i < N * DIM; i++) error += pow((double)x[i] - (double)back[i], 2);
    free(codes);
    free(back);
    return error;
}

static double kmeans_error(const float *x) {
    semid_error err;
    semid_codebook *cb;
    float *copy = malloc(N * DIM * sizeof *copy);
    memcpy(copy, x, N * DIM * sizeof *copy);
    semid_rqkmeans_params p = semid_rqkmeans_params_default();
    p.n_levels = L;
    p.kmeans.n_codewords = K;
    assert_ok(semid_rqkmeans_fit(NULL, &cb, copy, N, DIM, &p, NULL, &err));
    double error = error_of(cb, x);
    semid_codebook_free(cb);
    free(copy);
    return error;
}

/* Error at most this many times that of k-means. On hard data k-means spends its codewords on what
 * lies far out; moving averages keep an even use in view and leave more error there. */
static const double max_ratios[N_KINDS] = {1.1, 1.1, 2, 2};
static const double max_ratios_bad_start[N_KINDS] = {1.25, 1.25, 3, 4};

static void assert_healthy(const semid_codebook *cb, const float *x, double max_ratio,
                           const char *name) {
    semid_quality q = measure(cb, x);
    double error = error_of(cb, x), limit = max_ratio * kmeans_error(x) + 1e-6;
    for (size_t l = 0; l < q.n_levels; l++)
        if (q.levels[l].used_ratio < 0.99)
            fail_msg("%s: level %zu uses %zu of %d codewords", name, l + 1, q.levels[l].n_used, K);
    if (error > limit) fail_msg("%s: error %g, at most %g", name, error, limit);
    semid_quality_release(&q);
}

/* ---- no collapse ---- */

static void cold_starts_use_every_codeword(void **state) {
    (void)state;
    for (kind what = 0; what < N_KINDS; what++) {
        float *x = make(what);
        semid_ema_params p = params_of(K, 30);
        semid_codebook *cb = fit(x, &p, L);
        assert_healthy(cb, x, max_ratios[what], kind_names[what]);
        semid_codebook_free(cb);
        free(x);
    }
}

/* Codewords that are no use at all: far away, all the same, or all zero. */
static void bad_starts_recover(void **state) {
    (void)state;
    semid_error err;
    for (kind what = 0; what < N_KINDS; what++) {
        float *x = make(what), *codewords = calloc(L * K * DIM, sizeof *codewords);
        for (int start = 0; start < 3; start++) {
            rng r;
            rng_init(&r, 3, (uint64_t)start);
            for (size_t i = 0; i < L * K * DIM; i++)
                codewords[i] = start == 0 ? 0 : start == 1 ? 1 : (float)(50 + rng_normal(&r));
            semid_ema_params p = params_of(K, 60);
            semid_codebook *init, *cb;
            assert_ok(semid_codebook_new(NULL, &init, L, K, DIM, false, codewords, &err));
            p.init = init;
            cb = fit(x, &p, L);
            assert_healthy(cb, x, max_ratios_bad_start[what], kind_names[what]);
            semid_codebook_free(init);
            semid_codebook_free(cb);
        }
        free(codewords);
        free(x);
    }
}

/* ---- invariants ---- */

static void mass_stays_one_batch(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS);
    level_state level;
    level_workspace batch;
    level_rules rules = {.decay = 0.9, .epsilon = 1e-5, .chunk_rows = 100};
    rng r;
    rng_init(&r, 1, 1);
    assert_ok(level_init(&level, K, DIM, x, false, &err));
    assert_ok(level_workspace_init(&batch, 100, 100, K, DIM, false, &err));
    for (size_t k = 0; k < K; k++) level_set_usage(&level, k, 100 * (1.0 / K));
    for (size_t step = 0; step < N / 100; step++) {
        size_t n_revived = 0;
        double sum = 0;
        memcpy(batch.r, x + step * 100 * DIM, 100 * DIM * sizeof *x);
        level_assign(&level, &batch, &rules, 100);
        ema_update(&level, &batch, &rules, 100, &r, &n_revived);
        for (size_t k = 0; k < K; k++) sum += level.n[k];
        assert_true(fabs(sum - 100) < 1e-9);
    }
    level_workspace_release(&batch);
    level_release(&level);
    free(x);
}

static bool same_bytes(const semid_codebook *a, const semid_codebook *b) {
    for (size_t l = 0; l < semid_codebook_levels(a); l++)
        if (memcmp(semid_codebook_level(a, l), semid_codebook_level(b, l),
                   K * DIM * sizeof(float)) != 0)
            return false;
    return true;
}

static bool same_result(const float *x, const semid_ema_params *p, const semid_ema_params *other) {
    semid_codebook *a = fit(x, p, L), *b = fit(x, other, L);
    bool same = same_bytes(a, b);
    semid_codebook_free(a);
    semid_codebook_free(b);
    return same;
}

static void threads_and_chunks_do_not_matter_but_seeds_do(void **state) {
    (void)state;
    float *x = make(DOMINANT);
    semid_ema_params p = params_of(K, 3), q = p;
    p.entropy_reg = q.entropy_reg = 0.01;
    q.dist_chunk_rows = 37;
    assert_true(same_result(x, &p, &q));
    q.seed = 43;
    assert_false(same_result(x, &p, &q));
    threads_set(1);
    semid_codebook *one = fit(x, &p, L);
    threads_set(2);
    semid_codebook *two = fit(x, &p, L);
    threads_set(0);
    assert_true(same_bytes(one, two));
    semid_codebook_free(one);
    semid_codebook_free(two);
    free(x);
}

static void vq_is_rq_with_one_level(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS);
    semid_ema_params p = params_of(K, 4);
    semid_codebook *vq, *rq = fit(x, &p, 1);
    p.n_levels = 1;
    p.vq = true;
    assert_ok(semid_ema_fit(NULL, &vq, x, N, DIM, &p, NULL, &err));
    assert_true(semid_codebook_is_vq(vq) && !semid_codebook_is_vq(rq));
    assert_true(same_bytes(vq, rq));
    semid_codebook_free(vq);
    semid_codebook_free(rq);
    free(x);
}

/* From codewords that are rows as they come, so that there is something left to learn. */
static void training_goes_on_from_where_it_ended(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS), *rows = calloc(L * K * DIM, sizeof *rows);
    memcpy(rows, x, K * DIM * sizeof *rows);
    semid_ema_params p = params_of(K, 5);
    semid_ema_epoch epochs[5], more[5];
    semid_codebook *start, *first, *second;
    assert_ok(semid_codebook_new(NULL, &start, L, K, DIM, false, rows, &err));
    p.init = start;
    assert_ok(semid_ema_fit(NULL, &first, x, N, DIM, &p, epochs, &err));
    p.init = first;
    assert_ok(semid_ema_fit(NULL, &second, x, N, DIM, &p, more, &err));
    assert_true(epochs[4].recon < 0.99 * epochs[0].recon);
    assert_true(more[0].recon < 1.01 * epochs[4].recon);
    assert_true(more[4].recon < 0.99 * epochs[4].recon);
    semid_codebook_free(start);
    semid_codebook_free(first);
    semid_codebook_free(second);
    free(rows);
    free(x);
}

static void no_epochs_give_the_start_back(void **state) {
    (void)state;
    float *x = make(CLUSTERS);
    semid_ema_params p = params_of(K, 2);
    semid_codebook *start = fit(x, &p, L);
    p.init = start;
    p.n_epochs = 0;
    semid_codebook *same = fit(x, &p, L);
    assert_true(same_bytes(start, same));
    semid_codebook_free(start);
    semid_codebook_free(same);
    free(x);
}

/* ---- the loss ---- */

static double perplexity_with(const float *x, double entropy_reg, double beta) {
    semid_ema_params p = params_of(K, 20);
    p.entropy_reg = entropy_reg;
    p.beta = beta;
    semid_codebook *cb = fit(x, &p, 1);
    semid_quality q = measure(cb, x);
    double perplexity = q.levels[0].perplexity;
    semid_quality_release(&q);
    semid_codebook_free(cb);
    return perplexity;
}

static void entropy_reward_evens_usage_and_commitment_resists(void **state) {
    (void)state;
    float *x = make(HEAVY_TAILS);
    double plain = perplexity_with(x, 0, 0.25), strong = perplexity_with(x, 30, 0.25);
    double resisted = perplexity_with(x, 30, 100);
    assert_true(strong > 1.1 * plain);
    assert_true(resisted < strong);
    free(x);
}

static void loss_is_the_sum_of_its_parts(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS);
    semid_ema_params p = params_of(K, 3);
    semid_ema_epoch epochs[3];
    semid_codebook *cb;
    p.beta = 0.5;
    p.entropy_reg = 1e-3;
    assert_ok(semid_ema_fit(NULL, &cb, x, N, DIM, &p, epochs, &err));
    for (size_t e = 0; e < 3; e++) {
        double loss = epochs[e].recon + 0.5 * epochs[e].commit - 1e-3 * epochs[e].entropy;
        assert_true(fabs(loss - epochs[e].loss) < 1e-12);
        assert_true(epochs[e].commit > epochs[e].recon);
        assert_true(epochs[e].entropy > 0 && epochs[e].entropy <= L * log(K));
    }
    semid_codebook_free(cb);
    free(x);
}

/* ---- failures ---- */

static void wrong_parameters_are_named(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS);
    semid_codebook *cb, *start;
    semid_ema_params p = params_of(K, 1), q;
    p.n_levels = 1;
    assert_ok(semid_ema_fit(NULL, &start, x, N, DIM, &p, NULL, &err));
    q = p, q.decay = 1;
    assert_fails(semid_ema_fit(NULL, &cb, x, N, DIM, &q, NULL, &err), SEMID_ERR_ARGUMENT, "decay");
    q = p, q.beta = -1;
    assert_fails(semid_ema_fit(NULL, &cb, x, N, DIM, &q, NULL, &err), SEMID_ERR_ARGUMENT, "beta");
    q = p, q.dead_share = 2;
    assert_fails(semid_ema_fit(NULL, &cb, x, N, DIM, &q, NULL, &err), SEMID_ERR_ARGUMENT,
                 "dead_share");
    q = p, q.batch_rows = 0;
    assert_fails(semid_ema_fit(NULL, &cb, x, N, DIM, &q, NULL, &err), SEMID_ERR_ARGUMENT, "batch");
    q = p, q.init = start, q.n_levels = 2;
    assert_fails(semid_ema_fit(NULL, &cb, x, N, DIM, &q, NULL, &err), SEMID_ERR_SHAPE,
                 "expected [2, 32, 12], found [1, 32, 12]");
    assert_fails(semid_ema_fit(NULL, &cb, x, K - 1, DIM, &p, NULL, &err), SEMID_ERR_DATA,
                 "rows as codewords (32), found 31");
    semid_codebook_free(start);
    free(x);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    semid_error err;
    float *x = make(CLUSTERS);
    semid_ema_params p = params_of(4, 1);
    p.n_levels = 2;
    p.entropy_reg = 0.1;
    semid_status status = SEMID_ERR_NO_MEMORY;
    for (long n = 1; status == SEMID_ERR_NO_MEMORY; n++) {
        semid_codebook *cb = NULL;
        mem_fail_after(n);
        status = semid_ema_fit(NULL, &cb, x, 64, DIM, &p, NULL, &err);
        mem_fail_after(0);
        semid_codebook_free(cb);
        assert_true(n < 1000);
    }
    assert_int_equal(status, SEMID_OK);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold_starts_use_every_codeword),
        cmocka_unit_test(bad_starts_recover),
        cmocka_unit_test(mass_stays_one_batch),
        cmocka_unit_test(threads_and_chunks_do_not_matter_but_seeds_do),
        cmocka_unit_test(vq_is_rq_with_one_level),
        cmocka_unit_test(training_goes_on_from_where_it_ended),
        cmocka_unit_test(no_epochs_give_the_start_back),
        cmocka_unit_test(entropy_reward_evens_usage_and_commitment_resists),
        cmocka_unit_test(loss_is_the_sum_of_its_parts),
        cmocka_unit_test(wrong_parameters_are_named),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("moving averages", tests, NULL, NULL);
}
