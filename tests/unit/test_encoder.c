/* The prepared encoder against the calls that it prepares: the same bytes, from any thread. */
#include "semid/encoder.h"

#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "codebook/model.h"
#include "support/support.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { N = 700, DIM = 100, LATENT = 40, HIDDEN = 53, L = 3, K = 70, N_THREADS = 8 };

static semid_error err;
static float x[N * DIM];
static semid_codebook *wide, *narrow; /* of vectors, of latents */
static semid_model *model;

static void fill(float *out, size_t n, uint64_t seed) {
    rng r;
    rng_init(&r, seed, 0);
    for (size_t i = 0; i < n; i++) out[i] = (float)rng_normal(&r);
}

static semid_codebook *make_codebook(size_t dim) {
    float *codewords;
    semid_codebook *cb;
    assert_ok(mem_alloc(&codewords, L * K, dim * sizeof *codewords, &err));
    fill(codewords, L * K * dim, dim);
    assert_ok(semid_codebook_new(NULL, &cb, L, K, dim, false, codewords, &err));
    mem_free(codewords);
    return cb;
}

static int set_up(void **state) {
    (void)state;
    const mlp_shape shape = {.n_layers = 2, .sizes = {DIM, HIDDEN, LATENT}};
    fill(x, N * DIM, 1);
    wide = make_codebook(DIM);
    narrow = make_codebook(LATENT);
    assert_ok(model_new(&model, &shape, false, &err));
    fill(model->mean, DIM, 2);
    model->scale = 0.5F;
    for (size_t l = 0; l < 2; l++) {
        size_t in = shape.sizes[l], out = shape.sizes[l + 1];
        float *weights = model->params + mlp_weight_at(&shape, l);
        for (size_t o = 0; o < out; o++) fill(weights + o * gemm_pad(in), in, 100 * l + o);
        fill(model->params + mlp_bias_at(&shape, l), out, 3 + l);
    }
    model_refresh(model);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    semid_codebook_free(wide);
    semid_codebook_free(narrow);
    semid_model_free(model);
    return 0;
}

static void expect(int32_t *codes, const semid_model *m, size_t beam) {
    static float z[N * LATENT];
    if (m) assert_ok(semid_model_project(NULL, m, x, N, z, &err));
    assert_ok(semid_encode_beam(NULL, m ? narrow : wide, m ? z : x, N, beam, codes, &err));
}

static semid_encoder *make(const semid_model *m, size_t beam, size_t max_concurrent,
                           semid_context *context) {
    semid_encoder *e;
    semid_encoder_params p = semid_encoder_params_default();
    p.beam = beam;
    p.max_concurrent = max_concurrent;
    p.context = context;
    assert_ok(semid_encoder_new(&e, m ? narrow : wide, m, &p, &err));
    return e;
}

static const size_t beams[] = {1, 2, 7, 100};

static void codes_are_those_of_encoding(void **state) {
    (void)state;
    static int32_t expected[N * L], codes[N * L];
    for (size_t b = 0; b < 4; b++)
        for (int with_model = 0; with_model < 2; with_model++) {
            const semid_model *m = with_model ? model : NULL;
            expect(expected, m, beams[b]);
            semid_encoder *e = make(m, beams[b], 0, NULL);
            assert_int_equal(semid_encoder_dim(e), DIM);
            assert_int_equal(semid_encoder_levels(e), L);
            assert_true(semid_encoder_model(e) == m);
            assert_true(semid_encoder_codebook(e) == (m ? narrow : wide));
            for (size_t n = 1; n < N; n = n * 3 + 1)
                for (size_t row = 0; row < N; row += n) {
                    size_t take = N - row < n ? N - row : n;
                    assert_ok(semid_encoder_encode(e, x + row * DIM, take, codes + row * L, &err));
                }
            assert_memory_equal(codes, expected, sizeof codes);
            memset(codes, 0, sizeof codes);
            assert_ok(semid_encoder_encode(e, x, N, codes, &err));
            assert_memory_equal(codes, expected, sizeof codes);
            assert_ok(semid_encoder_encode(e, x, 0, codes, &err));
            semid_encoder_free(e);
        }
}

/* ---- threads ---- */

typedef struct caller {
    semid_encoder *e;
    const int32_t *expected;
    size_t first;
    bool differs;
} caller;

static void *call(void *user) {
    caller *c = user;
    int32_t codes[100 * L];
    for (size_t i = 0; i < 25; i++) {
        size_t row = (c->first + i * 37) % (N - 100), n = 1 + i * 7 % 100;
        if (semid_encoder_encode(c->e, x + row * DIM, n, codes, NULL) != SEMID_OK)
            c->differs = true;
        if (memcmp(codes, c->expected + row * L, n * L * sizeof *codes) != 0) c->differs = true;
    }
    return NULL;
}

static void call_from_all(semid_encoder *e, const int32_t *expected) {
    pthread_t threads[N_THREADS];
    caller callers[N_THREADS];
    for (size_t i = 0; i < N_THREADS; i++) {
        callers[i] = (caller){.e = e, .expected = expected, .first = i * 11};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (size_t i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(callers[i].differs);
    }
}

/* Fewer workspaces than callers, as many, more; with and without workers. */
static void threads_share_it_and_wait_for_their_turn(void **state) {
    (void)state;
    static int32_t expected[N * L];
    const size_t room[] = {1, 3, N_THREADS, 20};
    semid_context_params serial = semid_context_params_default();
    semid_context *one, *four;
    serial.n_threads = 1;
    assert_ok(semid_context_new(&one, &serial, &err));
    serial.n_threads = 4;
    assert_ok(semid_context_new(&four, &serial, &err));
    for (size_t i = 0; i < 4; i++)
        for (size_t b = 0; b < 2; b++)
            for (int with_model = 0; with_model < 2; with_model++) {
                const semid_model *m = with_model ? model : NULL;
                semid_encoder *e = make(m, 1 + 5 * b, room[i], i % 2 ? one : four);
                expect(expected, m, 1 + 5 * b);
                call_from_all(e, expected);
                semid_encoder_free(e);
            }
    semid_context_free(one);
    semid_context_free(four);
}

/* With the next allocation set to fail, calls succeed and it is still the next. */
static void calls_allocate_nothing(void **state) {
    (void)state;
    static int32_t expected[N * L], codes[N * L];
    void *p = NULL;
    for (size_t b = 0; b < 3; b++)
        for (int with_model = 0; with_model < 2; with_model++) {
            const semid_model *m = with_model ? model : NULL;
            semid_encoder *e = make(m, beams[b], 2, NULL);
            expect(expected, m, beams[b]); /* also starts the workers */
            mem_fail_after(1);
            for (size_t i = 0; i < 20; i++)
                assert_ok(semid_encoder_encode(e, x + i * DIM, 1, codes + i * L, &err));
            assert_ok(semid_encoder_encode(e, x, N, codes, &err));
            call_from_all(e, expected);
            assert_fails(mem_alloc(&p, 1, 1, &err), SEMID_ERR_NO_MEMORY, "out of memory");
            assert_memory_equal(codes, expected, sizeof codes);
            semid_encoder_free(e);
        }
}

/* ---- failures ---- */

static void bad_rows_are_named(void **state) {
    (void)state;
    static float rows[N * DIM];
    int32_t codes[N * L];
    for (size_t b = 0; b < 3; b++) {
        semid_encoder *e = make(model, beams[b], 0, NULL);
        memcpy(rows, x, sizeof rows);
        rows[650 * DIM + 2] = 3e38F; /* finite, but not through the model */
        rows[333 * DIM] = -3e38F;
        assert_fails(semid_encoder_encode(e, rows, N, codes, &err), SEMID_ERR_DATA,
                     "found 2 rows that they do not, first row 333");
        rows[400 * DIM + 99] = NAN;
        assert_fails(semid_encoder_encode(e, rows, N, codes, &err), SEMID_ERR_DATA,
                     "NaN or Inf in 1 rows, first in row 400");
        assert_ok(semid_encoder_encode(e, rows, 300, codes, &err));
        semid_encoder_free(e);
    }
}

static void bad_parameters_are_refused(void **state) {
    (void)state;
    semid_encoder *e = NULL;
    semid_encoder_params p = semid_encoder_params_default();
    p.beam = 0;
    assert_fails(semid_encoder_new(&e, wide, NULL, &p, &err), SEMID_ERR_ARGUMENT,
                 "expected a width of 1 to 1024, found 0");
    p.beam = 1025;
    assert_fails(semid_encoder_new(&e, wide, NULL, &p, &err), SEMID_ERR_ARGUMENT, "found 1025");
    p.beam = 1;
    p.max_concurrent = 5000;
    assert_fails(semid_encoder_new(&e, wide, NULL, &p, &err), SEMID_ERR_ARGUMENT,
                 "max_concurrent: expected 0 to 4096, found 5000");
    p.max_concurrent = 1;
    p.reserved[2] = 1;
    assert_fails(semid_encoder_new(&e, wide, NULL, &p, &err), SEMID_ERR_ARGUMENT, "reserved");
    assert_fails(semid_encoder_new(&e, wide, model, NULL, &err), SEMID_ERR_SHAPE,
                 "dimension 100 as the codewords have, found 40");
    assert_null(e);
    semid_encoder_free(NULL);
}

static void files_are_opened_with_the_model_beside_them(void **state) {
    (void)state;
    static int32_t expected[N * L], codes[N * L];
    semid_encoder *e;
    expect(expected, model, 1);
    assert_ok(semid_codebook_save(narrow, test_path("codebooks.npz"), &err));
    assert_ok(semid_model_save(model, test_path("model.safetensors"), narrow, &err));
    assert_ok(semid_encoder_open(&e, test_path("codebooks.npz"), NULL, &err));
    assert_ok(semid_encoder_encode(e, x, N, codes, &err));
    assert_memory_equal(codes, expected, sizeof codes);
    semid_encoder_free(e);

    assert_fails(semid_encoder_open(&e, test_path("none.npz"), NULL, &err), SEMID_ERR_IO, "none");
    for (long nth = 1;; nth++) {
        mem_fail_after(nth);
        semid_encoder_params p = semid_encoder_params_default();
        p.beam = 2;
        semid_status status = semid_encoder_open(&e, test_path("codebooks.npz"), &p, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    semid_encoder_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_those_of_encoding),
        cmocka_unit_test(threads_share_it_and_wait_for_their_turn),
        cmocka_unit_test(calls_allocate_nothing),
        cmocka_unit_test(bad_rows_are_named),
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(files_are_opened_with_the_model_beside_them),
    };
    return cmocka_run_group_tests_name("encoder", tests, set_up, tear_down);
}
