/* Gradients of the networks and of the quantizer between them, against finite differences of an
 * independent forward pass in double precision; AdamW against its formulas. */
#include "base/memory.h"
#include "learn/adamw.h"
#include "learn/rqvae_step.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { N = 37, DIM = 10, LATENT = 5, K = 7, L = 2, MAX_WIDTH = 32 };

static const mlp_shape encoder = {3, {DIM, 18, 9, LATENT}};

/* ---- a forward pass in double ---- */

static void forward(const mlp_shape *s, const double *params, const double *in, double *out) {
    double a[MAX_WIDTH], b[MAX_WIDTH];
    memcpy(a, in, s->sizes[0] * sizeof *a);
    for (size_t l = 0; l < s->n_layers; l++) {
        for (size_t o = 0; o < s->sizes[l + 1]; o++) {
            const double *w = params + mlp_weight_at(s, l) + o * gemm_pad(s->sizes[l]);
            b[o] = params[mlp_bias_at(s, l) + o];
            for (size_t j = 0; j < s->sizes[l]; j++) b[o] += w[j] * a[j];
            if (l + 1 < s->n_layers && b[o] < 0) b[o] = 0;
        }
        memcpy(a, b, sizeof a);
    }
    memcpy(out, a, s->sizes[s->n_layers] * sizeof *out);
}

/* ---- what stays fixed while a parameter moves: everything behind sg() ---- */

typedef struct fixed {
    bool rotate;
    double beta;
    double z[N][LATENT], q[N][LATENT], residual_in[N][L][LATENT]; /* sg(r_l) */
    double codes[N][L][LATENT];                                   /* e_l of each row */
} fixed;

/* z as the decoder sees it: z + sg(q - z), or sg(|q| / |z| R) z. */
static void pass(const fixed *f, size_t i, const double *z, double *out) {
    const double *z0 = f->z[i], *q = f->q[i];
    double zz = 0, qq = 0, za = 0, zs = 0, ss = 0;
    for (size_t j = 0; j < LATENT; j++) {
        zz += z0[j] * z0[j];
        qq += q[j] * q[j];
    }
    double nz = sqrt(zz), nq = sqrt(qq), sum[LATENT];
    for (size_t j = 0; j < LATENT; j++) {
        sum[j] = z0[j] / nz + q[j] / nq;
        ss += sum[j] * sum[j];
    }
    for (size_t j = 0; j < LATENT; j++) {
        za += z[j] * z0[j] / nz;
        zs += z[j] * sum[j] / sqrt(ss);
    }
    for (size_t j = 0; j < LATENT; j++)
        out[j] = f->rotate ? nq / nz * (z[j] - 2 * zs * sum[j] / sqrt(ss) + 2 * za * q[j] / nq)
                           : z[j] + q[j] - z0[j];
}

static double loss(const fixed *f, const double *params, const float *x) {
    const mlp_shape decoder = mlp_mirror(&encoder);
    const double *decoder_params = params + mlp_param_count(&encoder);
    double total = 0;
    for (size_t i = 0; i < N; i++) {
        double in[DIM], z[LATENT], mid[LATENT], out[DIM];
        for (size_t j = 0; j < DIM; j++) in[j] = (double)x[i * gemm_pad(DIM) + j];
        forward(&encoder, params, in, z);
        pass(f, i, z, mid);
        forward(&decoder, decoder_params, mid, out);
        for (size_t j = 0; j < DIM; j++) total += (in[j] - out[j]) * (in[j] - out[j]);
        for (size_t l = 0; l < L; l++)
            for (size_t j = 0; j < LATENT; j++) {
                double r = f->residual_in[i][l][j] + z[j] - f->z[i][j] - f->codes[i][l][j];
                total += f->beta * r * r;
            }
    }
    return total / N;
}

/* ---- the trainer ---- */

typedef struct set_up {
    semid_model *model;
    semid_rqvae_params p;
    rqvae_trainer t;
    double *params; /* in double */
    fixed f;
} set_up;

static void make(set_up *s, bool rotate, bool by_gradient) {
    semid_error err;
    rng random;
    rng_init(&random, 5, 5);
    *s = (set_up){.f = {.rotate = rotate, .beta = 0.3}};
    assert_ok(model_new(&s->model, &encoder, true, &err));
    s->p = semid_rqvae_params_default();
    s->p.quantizer.n_levels = L;
    s->p.quantizer.n_codewords = K;
    s->p.quantizer.batch_rows = N;
    s->p.quantizer.beta = s->f.beta;
    s->p.quantizer.decay = 0.9;
    s->p.quantizer.dead_share = 0;
    s->p.gradient = rotate ? SEMID_GRADIENT_ROTATION : SEMID_GRADIENT_STE;
    s->p.update = by_gradient ? SEMID_UPDATE_GRAD : SEMID_UPDATE_EMA;
    s->p.weight_decay = 0;
    assert_ok(rqvae_trainer_init(&s->t, s->model, &s->p, N, &err));
    mlp_shape decoder = mlp_mirror(&encoder);
    const mlp_shape *nets[] = {&encoder, &decoder};
    float *params = s->model->params;
    for (size_t n = 0; n < 2; params += mlp_param_count(nets[n++]))
        for (size_t l = 0; l < nets[n]->n_layers; l++)
            for (size_t o = 0; o < nets[n]->sizes[l + 1]; o++) {
                params[mlp_bias_at(nets[n], l) + o] = (float)(0.2 * rng_normal(&random));
                for (size_t j = 0; j < nets[n]->sizes[l]; j++)
                    params[mlp_weight_at(nets[n], l) + o * gemm_pad(nets[n]->sizes[l]) + j] =
                        (float)(0.5 * rng_normal(&random));
            }
    model_refresh(s->model);
    memset(s->t.x, 0, N * gemm_pad(DIM) * sizeof(float));
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < DIM; j++) s->t.x[i * gemm_pad(DIM) + j] = (float)rng_normal(&random);
    for (size_t l = 0; l < L; l++) {
        float codewords[K * LATENT];
        for (size_t i = 0; i < K * LATENT; i++) codewords[i] = (float)rng_normal(&random);
        level_state *level = &s->t.codebooks.levels[l];
        assert_ok(level_init(level, K, LATENT, codewords, false, &err));
        for (size_t k = 0; k < K; k++) level_set_usage(level, k, N * (1.0 / K));
    }
    assert_ok(mem_alloc(&s->params, s->model->n_params, sizeof(double), &err));
    for (size_t i = 0; i < s->model->n_params; i++) s->params[i] = (double)s->model->params[i];
}

static void clean(set_up *s) {
    rqvae_trainer_release(&s->t);
    semid_model_free(s->model);
    mem_free(s->params);
}

/* Nearest codewords and residuals of every row, in double. */
static void fix(set_up *s) {
    fixed *f = &s->f;
    for (size_t i = 0; i < N; i++) {
        double in[DIM], r[LATENT];
        for (size_t j = 0; j < DIM; j++) in[j] = (double)s->t.x[i * gemm_pad(DIM) + j];
        forward(&encoder, s->params, in, f->z[i]);
        memcpy(r, f->z[i], sizeof r);
        for (size_t l = 0; l < L; l++) {
            size_t best = 0;
            double least = INFINITY;
            for (size_t k = 0; k < K; k++) {
                double d = 0;
                for (size_t j = 0; j < LATENT; j++) {
                    double e = r[j] - (double)s->t.codebooks.levels[l].codewords[k * LATENT + j];
                    d += e * e;
                }
                if (d < least) best = k;
                if (d < least) least = d;
            }
            memcpy(f->residual_in[i][l], r, sizeof r);
            for (size_t j = 0; j < LATENT; j++) {
                f->codes[i][l][j] = (double)s->t.codebooks.levels[l].codewords[best * LATENT + j];
                r[j] -= f->codes[i][l][j];
                f->q[i][j] += f->codes[i][l][j];
            }
        }
    }
}

static void gradients_are_those_of_the_loss(bool rotate) {
    semid_error err;
    set_up s;
    rqvae_sums sums = {0};
    make(&s, rotate, false);
    fix(&s);
    assert_ok(rqvae_gradients(&s.t, N, true, &sums, &err));
    double largest = 0;
    for (size_t i = 0; i < s.model->n_params; i++)
        largest = fmax(largest, fabs((double)s.t.grads[i]));
    assert_true(largest > 0.1);
    for (size_t i = 0; i < s.model->n_params; i++) {
        const double h = 1e-6;
        double at = s.params[i];
        if (at == 0) { /* padding, or as good as it: no gradient, so that it stays */
            assert_true(s.t.grads[i] == 0);
            continue;
        }
        s.params[i] = at + h;
        double up = loss(&s.f, s.params, s.t.x);
        s.params[i] = at - h;
        double down = loss(&s.f, s.params, s.t.x);
        s.params[i] = at;
        double expected = (up - down) / (2 * h);
        if (fabs(expected - (double)s.t.grads[i]) > 1e-5 * largest)
            fail_msg("parameter %zu: expected %.9g, found %.9g", i, expected, (double)s.t.grads[i]);
    }
    assert_true(fabs((sums.recon + s.f.beta * sums.commit) / N / loss(&s.f, s.params, s.t.x) - 1) <
                1e-5);
    clean(&s);
}

static void straight_through(void **state) {
    (void)state;
    gradients_are_those_of_the_loss(false);
}

static void rotated(void **state) {
    (void)state;
    gradients_are_those_of_the_loss(true);
}

/* Codewords: the gradient of 1/N sum |sg(r) - e|^2 is 2/N sum (e - r) over the rows of each. */
static void codewords_by_gradient(void **state) {
    (void)state;
    semid_error err;
    set_up s;
    rqvae_sums sums = {0};
    make(&s, false, true);
    fix(&s);
    float before[K * LATENT];
    memcpy(before, s.t.codebooks.levels[L - 1].codewords, sizeof before);
    assert_ok(rqvae_gradients(&s.t, N, true, &sums, &err));
    for (size_t k = 0; k < K; k++)
        for (size_t j = 0; j < LATENT; j++) {
            double expected = 0;
            for (size_t i = 0; i < N; i++) {
                bool mine = true;
                for (size_t d = 0; d < LATENT; d++)
                    mine &= s.f.codes[i][L - 1][d] == (double)before[k * LATENT + d];
                if (mine)
                    expected += 2.0 / N * (s.f.codes[i][L - 1][j] - s.f.residual_in[i][L - 1][j]);
            }
            assert_true(fabs(expected - (double)s.t.code_grads[k * LATENT + j]) < 1e-6);
            double step = expected == 0 ? 0 : 1e-3 * expected / fabs(expected); /* the first */
            assert_true(fabs((double)s.t.codebooks.levels[L - 1].codewords[k * LATENT + j] -
                             (double)before[k * LATENT + j] + step) < 1e-6);
        }
    clean(&s);
}

static void infinite_latents_are_refused(void **state) {
    (void)state;
    semid_error err;
    set_up s;
    rqvae_sums sums = {0};
    make(&s, false, false);
    s.model->params[mlp_bias_at(&encoder, 2)] = INFINITY;
    assert_fails(rqvae_gradients(&s.t, N, true, &sums, &err), SEMID_ERR_DATA,
                 "lower the learning rate");
    clean(&s);
}

static void adamw_follows_its_formulas(void **state) {
    (void)state;
    const adamw_rules rules = {0.01, 0.1, 0.9, 0.99, 1e-6};
    float p = 0.5f, m = 0, v = 0;
    double want = 0.5, wm = 0, wv = 0;
    for (size_t t = 1; t <= 50; t++) {
        float g = (float)(sin((double)t) + 0.3);
        adamw_step(&rules, t, &p, &g, &m, &v, 1);
        want -= rules.lr * rules.weight_decay * want;
        wm = 0.9 * wm + 0.1 * (double)g;
        wv = 0.99 * wv + 0.01 * (double)g * (double)g;
        want -= rules.lr * wm / (1 - pow(0.9, (double)t)) /
                (sqrt(wv / (1 - pow(0.99, (double)t))) + 1e-6);
        assert_true(fabs((double)p - want) < 1e-6);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight_through), cmocka_unit_test(rotated),
        cmocka_unit_test(codewords_by_gradient), cmocka_unit_test(infinite_latents_are_refused),
        cmocka_unit_test(adamw_follows_its_formulas)};
    return cmocka_run_group_tests_name("mlp", tests, NULL, NULL);
}
