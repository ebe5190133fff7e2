/* Latency of a request: one row and 64 rows to codes, by the calls for batches and by a prepared
 * encoder (semid/encoder.h), without and with a model and a beam. */
#include "bench/bench.h"
#include "codebook/model.h"
#include "semid/encoder.h"

#include <stdio.h>

enum { DIM = 384, LATENT = 32, LEVELS = 4, K = 256, MANY = 64, BEAM = 8, POOL = 4096 };

typedef struct request {
    const semid_codebook *codebook;
    const semid_model *model; /* or NULL */
    semid_encoder *encoder;   /* NULL: the calls for batches */
    size_t n_rows, beam, next;
    const float *x; /* [POOL, DIM] */
    float *latents;
    int32_t *codes;
} request;

static void run_request(void *user) {
    request *q = user;
    semid_error err;
    const float *rows = q->x + q->next * DIM; /* other rows each time */
    q->next = (q->next + q->n_rows) % POOL;
    if (q->encoder) {
        bench_must(semid_encoder_encode(q->encoder, rows, q->n_rows, q->codes, &err), &err);
        return;
    }
    if (q->model) {
        bench_must(semid_model_project(NULL, q->model, rows, q->n_rows, q->latents, &err), &err);
        rows = q->latents;
    }
    bench_must(semid_encode_beam(NULL, q->codebook, rows, q->n_rows, q->beam, q->codes, &err),
               &err);
}

static semid_codebook *make_codebook(size_t dim) {
    semid_error err;
    semid_codebook *cb;
    float *codewords = bench_alloc(LEVELS * K * dim, sizeof(float));
    bench_fill_normal(codewords, LEVELS * K * dim, 7);
    bench_must(semid_codebook_new(NULL, &cb, LEVELS, K, dim, false, codewords, &err), &err);
    return cb;
}

static semid_model *make_model(void) {
    semid_error err;
    semid_model *model;
    const mlp_shape shape = {.n_layers = 4, .sizes = {DIM, 512, 256, 128, LATENT}};
    bench_must(model_new(&model, &shape, false, &err), &err);
    for (size_t l = 0; l < shape.n_layers; l++) { /* multiples of the padding */
        float *weights = model->params + mlp_weight_at(&shape, l);
        bench_fill_normal(weights, shape.sizes[l] * shape.sizes[l + 1], (unsigned)(9 + l));
    }
    model_refresh(model);
    return model;
}

int main(int argc, char **argv) {
    enum { N_CASES = 16 };
    static request requests[N_CASES];
    static char names[N_CASES][64];
    bench_case cases[N_CASES];
    bench_options options = bench_begin("encode", "", argc, argv);
    float *x = bench_alloc((size_t)POOL * DIM, sizeof(float));
    float *latents = bench_alloc((size_t)MANY * LATENT, sizeof(float));
    int32_t *codes = bench_alloc((size_t)MANY * LEVELS, sizeof(int32_t));
    bench_fill_normal(x, (size_t)POOL * DIM, 1);
    const semid_codebook *wide = make_codebook(DIM), *narrow = make_codebook(LATENT);
    const semid_model *model = make_model();

    for (size_t i = 0; i < N_CASES; i++) {
        bool is_prepared = i % 2, is_many = i / 2 % 2, has_beam = i / 4 % 2, has_model = i / 8;
        request *q = &requests[i];
        *q = (request){.codebook = has_model ? narrow : wide,
                       .model = has_model ? model : NULL,
                       .n_rows = is_many ? MANY : 1,
                       .beam = has_beam ? BEAM : 1,
                       .x = x,
                       .latents = latents,
                       .codes = codes};
        if (is_prepared) {
            semid_error err;
            semid_encoder_params p = semid_encoder_params_default();
            p.beam = q->beam;
            bench_must(semid_encoder_new(&q->encoder, q->codebook, q->model, &p, &err), &err);
        }
        snprintf(names[i], sizeof names[i], "%s%s, %zu rows, %s", has_model ? "model, " : "",
                 has_beam ? "beam 8" : "greedy", q->n_rows, is_prepared ? "prepared" : "batch");
        cases[i] = (bench_case){names[i], (double)q->n_rows, "rows", run_request, q};
    }
    bench_cases(&options, cases, N_CASES);
    return 0;
}
