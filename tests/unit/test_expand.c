/* Every expansion against a search of all codes, on a catalogue dense enough to have neighbours. */
#include "base/memory.h"
#include "base/rng.h"
#include "semid/expand.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_error err;

enum { L = 3, K = 9, DIM = 5, N = 400, N_QUERIES = 60 };

static float codewords[L * K * DIM];
static int32_t item_codes[N * L];
static semid_codebook *cb;
static semid_inverted *inverted;

static void make_codewords(rng *r) {
    for (size_t i = 0; i < L * K * DIM; i++) codewords[i] = (float)rng_normal(r);
    /* The same codeword twice in two levels: ties. */
    memcpy(codewords + 7 * DIM, codewords + 2 * DIM, DIM * sizeof(float));
    memcpy(codewords + (2 * K + 4) * DIM, codewords + (2 * K + 1) * DIM, DIM * sizeof(float));
}

static int set_up(void **state) {
    (void)state;
    static char texts[N][8];
    const char *names[N];
    rng r;
    rng_init(&r, 5, 0);
    make_codewords(&r);
    for (size_t i = 0; i < N * L; i++) item_codes[i] = (int32_t)rng_below(&r, K);
    for (size_t i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "i%zu", i);
        names[i] = texts[i];
    }
    semid_codes codes = {.n_rows = N, .n_levels = L, .data = item_codes};
    assert_ok(semid_inverted_build(test_path("expand.sid"), &codes, names, &err));
    assert_ok(semid_inverted_open(&inverted, test_path("expand.sid"), &err));
    assert_ok(semid_codebook_new(NULL, &cb, L, K, DIM, false, codewords, &err));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    semid_codebook_free(cb);
    semid_inverted_close(inverted);
    return 0;
}

/* ---- the same by looking at all codes ---- */

typedef struct scored {
    double distance;
    const int32_t *code;
} scored;

static size_t n_scored_levels;

static int compare_scored(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (fabs(x->distance - y->distance) > 1e-9) return x->distance < y->distance ? -1 : 1;
    for (size_t l = 0; l < n_scored_levels; l++)
        if (x->code[l] != y->code[l]) return x->code[l] < y->code[l] ? -1 : 1;
    return 0;
}

static double distance_to(const float *query, const int32_t *code, size_t n_levels) {
    double sum = 0;
    for (size_t j = 0; j < DIM; j++) {
        double rest = query[j];
        for (size_t l = 0; l < n_levels; l++)
            rest -= (double)codewords[(l * K + (size_t)code[l]) * DIM + j];
        sum += rest * rest;
    }
    return sum;
}

static bool same_prefix(const int32_t *a, const int32_t *b, size_t n) {
    return memcmp(a, b, n * sizeof *a) == 0;
}

static size_t bucket(size_t code) {
    size_t n;
    semid_inverted_rows(inverted, (semid_code_range){code, 1}, &n);
    return n;
}

/* in_beam [codes]: whether the first n_levels values are among the best prefixes. */
static void beam_slowly(const float *query, const semid_expand_params *p, bool *taken) {
    size_t n_codes = semid_inverted_codes(inverted), n = 0;
    scored *list = calloc(n_codes, sizeof *list);
    bool *in_beam = malloc(n_codes);
    assert_non_null(list);
    memset(in_beam, 1, n_codes);
    for (size_t l = 1; l <= L; l++) {
        n = 0;
        n_scored_levels = l;
        for (size_t i = 0; i < n_codes; i++) {
            const int32_t *code = semid_inverted_code(inverted, i);
            bool seen = n > 0 && same_prefix(list[n - 1].code, code, l);
            if (in_beam[i] && !seen) list[n++] = (scored){distance_to(query, code, l), code};
        }
        qsort(list, n, sizeof *list, compare_scored);
        if (n > p->beam_width) n = p->beam_width;
        for (size_t i = 0; i < n_codes; i++) {
            bool found = false;
            for (size_t j = 0; j < n; j++)
                found |= same_prefix(list[j].code, semid_inverted_code(inverted, i), l);
            in_beam[i] = in_beam[i] && found;
        }
    }
    size_t n_items = 0;
    memset(taken, 0, n_codes);
    for (size_t j = 0; j < n && n_items < p->n_candidates; j++) {
        size_t at = semid_inverted_find(inverted, list[j].code, L).first;
        taken[at] = true;
        n_items += bucket(at);
    }
    free(list);
    free(in_beam);
}

static bool is_neighbor(const semid_expand_params *p, size_t level, int32_t chosen, int32_t other) {
    const float *c = codewords + level * K * DIM;
    size_t n_before = 0;
    double wanted = 0;
    for (size_t j = 0; j < DIM; j++)
        wanted += pow((double)c[(size_t)other * DIM + j] - (double)c[(size_t)chosen * DIM + j], 2);
    for (int32_t k = 0; k < K; k++) {
        double distance = 0;
        for (size_t j = 0; j < DIM; j++)
            distance +=
                pow((double)c[(size_t)k * DIM + j] - (double)c[(size_t)chosen * DIM + j], 2);
        if (k == chosen || k == other) continue;
        n_before += distance < wanted - 1e-9 || (fabs(distance - wanted) <= 1e-9 && k < other);
    }
    return n_before + 1 < p->n_neighbors;
}

static size_t n_different(const int32_t *a, const int32_t *b, size_t *last) {
    size_t n = 0;
    for (size_t l = 0; l < L; l++)
        if (a[l] != b[l]) {
            n++;
            *last = l;
        }
    return n;
}

static void prefix_slowly(const semid_expand_params *p, const int32_t *code, bool *taken) {
    for (size_t n_levels = L; n_levels > 0; n_levels--) {
        size_t n_items = 0;
        for (size_t i = 0; i < semid_inverted_codes(inverted); i++) {
            taken[i] = same_prefix(semid_inverted_code(inverted, i), code, n_levels);
            n_items += taken[i] ? bucket(i) : 0;
        }
        if (n_items >= p->n_candidates) return;
    }
}

static void expand_slowly(const semid_expand_params *p, const float *query, const int32_t *code,
                          bool *taken) {
    if (p->kind == SEMID_EXPAND_BEAM) {
        beam_slowly(query, p, taken);
        return;
    }
    if (p->kind == SEMID_EXPAND_PREFIX) {
        prefix_slowly(p, code, taken);
        return;
    }
    for (size_t i = 0; i < semid_inverted_codes(inverted); i++) {
        const int32_t *other = semid_inverted_code(inverted, i);
        size_t l = 0, n = n_different(code, other, &l);
        taken[i] =
            n == 0 || (n == 1 && p->kind == SEMID_EXPAND_HAMMING1) ||
            (n == 1 && p->kind == SEMID_EXPAND_NEIGHBORS && is_neighbor(p, l, code[l], other[l]));
    }
}

static void check(const semid_expand_params *p) {
    semid_expander *e;
    semid_expander_workspace *s;
    rng r;
    size_t n_codes = semid_inverted_codes(inverted);
    bool *expected = malloc(n_codes), *found = malloc(n_codes);
    assert_ok(semid_expand_check(p, cb, inverted, &err));
    assert_ok(semid_expander_new(NULL, &e, cb, inverted, p, &err));
    assert_ok(semid_expander_workspace_new(&s, e, &err));
    rng_init(&r, 77, 0);
    for (size_t q = 0; q < N_QUERIES; q++) {
        float query[DIM];
        int32_t code[L];
        const semid_code_range *ranges;
        for (size_t j = 0; j < DIM; j++) query[j] = (float)(2 * rng_normal(&r));
        assert_ok(semid_encode(NULL, cb, query, 1, code, &err));
        memset(found, 0, n_codes);
        size_t n = semid_expander_codes(e, query, code, s, &ranges);
        for (size_t i = 0; i < n; i++)
            for (size_t c = ranges[i].first; c < ranges[i].first + ranges[i].n; c++) {
                assert_false(found[c]); /* without overlap */
                found[c] = true;
            }
        expand_slowly(p, query, code, expected);
        assert_memory_equal(found, expected, n_codes);
    }
    free(expected);
    free(found);
    semid_expander_workspace_free(s);
    semid_expander_free(e);
}

/* The rows of all ranges, and how many there are where they do not fit. */
static void rows_of_a_query(void **state) {
    (void)state;
    semid_expand_params p = semid_expand_params_default();
    semid_expander *e;
    semid_expander_workspace *s;
    const semid_code_range *ranges;
    const float query[DIM] = {0};
    uint32_t rows[N], expected[N];
    assert_ok(semid_expander_new(NULL, &e, cb, inverted, &p, &err));
    assert_ok(semid_expander_workspace_new(&s, e, &err));
    size_t n_ranges = semid_expander_codes(e, query, NULL, s, &ranges), n = 0;
    assert_true(n_ranges > 1);
    for (size_t i = 0; i < n_ranges; i++) {
        size_t n_rows;
        const uint32_t *found = semid_inverted_rows(inverted, ranges[i], &n_rows);
        for (size_t j = 0; j < n_rows; j++) expected[n++] = found[j];
    }
    for (size_t capacity = 0; capacity <= n; capacity++) {
        memset(rows, 0xff, sizeof rows);
        assert_int_equal(semid_expander_rows(e, query, NULL, s, rows, capacity), n);
        assert_memory_equal(rows, expected, capacity * sizeof *rows);
        if (capacity < N) assert_int_equal(rows[capacity], UINT32_MAX);
    }
    semid_expander_workspace_free(s);
    semid_expander_free(e);
}

static void refuse(semid_expand_params p, const char *part) {
    semid_expander *e = NULL;
    assert_fails(semid_expander_new(NULL, &e, cb, inverted, &p, &err), SEMID_ERR_ARGUMENT, part);
    assert_null(e);
}

static void impossible_parameters(void **state) {
    (void)state;
    semid_codebook *vq;
    semid_expand_params hamming = {.kind = SEMID_EXPAND_HAMMING1};
    refuse((semid_expand_params){.kind = (semid_expand_kind)5}, "expected 0 to 4, found 5");
    refuse((semid_expand_params){.kind = SEMID_EXPAND_NEIGHBORS},
           "n_neighbors: expected 1 to 1024");
    refuse((semid_expand_params){.kind = SEMID_EXPAND_NEIGHBORS, .n_neighbors = 1025},
           "found 1025");
    refuse((semid_expand_params){.kind = SEMID_EXPAND_BEAM}, "beam_width: expected at least 1");
    refuse((semid_expand_params){.reserved = {1}}, "reserved");

    semid_inverted *tokens;
    int32_t code[] = {0, 1};
    const char *const ids[] = {"a", "b"};
    semid_codes codes = {.n_rows = 2, .n_levels = 1, .data = code};
    assert_ok(semid_inverted_build(test_path("vq.sid"), &codes, ids, &err));
    assert_ok(semid_inverted_open(&tokens, test_path("vq.sid"), &err));
    assert_ok(semid_codebook_new(NULL, &vq, 1, K, DIM, true, codewords, &err));
    assert_fails(semid_expand_check(&hamming, vq, tokens, &err), SEMID_ERR_ARGUMENT,
                 "expected codes of several levels");
    semid_codebook_free(vq);
    semid_inverted_close(tokens);
}

static void exact_and_hamming1(void **state) {
    (void)state;
    check(&(semid_expand_params){.kind = SEMID_EXPAND_EXACT});
    check(&(semid_expand_params){.kind = SEMID_EXPAND_HAMMING1});
}

static void prefix(void **state) {
    (void)state;
    for (size_t n = 1; n < 1000; n = 3 * n + 1)
        check(&(semid_expand_params){.kind = SEMID_EXPAND_PREFIX, .n_candidates = n});
}

static void neighbors(void **state) {
    (void)state;
    for (size_t n = 1; n <= K + 1; n++)
        check(&(semid_expand_params){.kind = SEMID_EXPAND_NEIGHBORS, .n_neighbors = n});
}

static void beam(void **state) {
    (void)state;
    const size_t widths[] = {1, 2, 3, 8, 64, 1000}, candidates[] = {1, 10, 100000};
    for (size_t w = 0; w < 6; w++)
        for (size_t c = 0; c < 3; c++)
            check(&(semid_expand_params){
                .kind = SEMID_EXPAND_BEAM, .beam_width = widths[w], .n_candidates = candidates[c]});
}

static void what_does_not_belong_together(void **state) {
    (void)state;
    semid_codebook *other;
    assert_ok(semid_codebook_new(NULL, &other, 2, K, DIM, false, codewords, &err));
    assert_fails(semid_expand_check(&(semid_expand_params){.kind = SEMID_EXPAND_EXACT}, other,
                                    inverted, &err),
                 SEMID_ERR_SHAPE,
                 "expected codes of 2 levels in the inverted index, as in the codebook, found 3");
    semid_codebook_free(other);
    assert_ok(semid_codebook_new(NULL, &other, L, K - 1, DIM, false, codewords, &err));
    assert_fails(semid_expand_check(&(semid_expand_params){.kind = SEMID_EXPAND_EXACT}, other,
                                    inverted, &err),
                 SEMID_ERR_SHAPE,
                 "expected code values below 8 in the inverted index, as in the codebook, found 8");
    semid_codebook_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_and_hamming1),
        cmocka_unit_test(prefix),
        cmocka_unit_test(neighbors),
        cmocka_unit_test(beam),
        cmocka_unit_test(rows_of_a_query),
        cmocka_unit_test(impossible_parameters),
        cmocka_unit_test(what_does_not_belong_together),
    };
    return cmocka_run_group_tests_name("expand", tests, set_up, tear_down);
}
