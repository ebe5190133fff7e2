#include "codebook/mlp.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <string.h>

/* Every product is one of the gemm kernel (kernels/gemm.h), which takes B packed panel by panel:
 *
 *     forward            y  = x W^T + b      B = W^T, packed when the parameters are set
 *     gradient of x      gx = gy W           B = W, likewise, if the network is trained
 *     gradient of W      gW = gy^T x         B = x, packed per layer and batch
 *
 * Forward and the gradient of x run in parallel over rows, the gradient of W over its outputs, so
 * that no two threads add to the same number and sums have one order at any number of threads.
 * Gradients of biases are summed in double. ReLU is undone by its output: nothing passes where that
 * is 0 (Goodfellow, Bengio, Courville 2016, 6.5). 2 operations per weight and row forward, 4 back.
 */

enum { ROWS_PER_CHUNK = 96, PANELS_PER_CHUNK = 4, OUTPUTS_PER_CHUNK = 24 };

/* ---- shapes ---- */

mlp_shape mlp_mirror(const mlp_shape *shape) {
    mlp_shape out = {.n_layers = shape->n_layers};
    for (size_t l = 0; l <= shape->n_layers; l++) out.sizes[l] = shape->sizes[shape->n_layers - l];
    return out;
}

static size_t weight_count(const mlp_shape *s, size_t l) {
    return s->sizes[l + 1] * gemm_pad(s->sizes[l]);
}

size_t mlp_weight_at(const mlp_shape *shape, size_t layer) {
    size_t at = 0;
    for (size_t l = 0; l < layer; l++) at += weight_count(shape, l) + gemm_pad(shape->sizes[l + 1]);
    return at;
}

size_t mlp_bias_at(const mlp_shape *shape, size_t layer) {
    return mlp_weight_at(shape, layer) + weight_count(shape, layer);
}

size_t mlp_param_count(const mlp_shape *shape) {
    return mlp_weight_at(shape, shape->n_layers);
}

size_t mlp_widest(const mlp_shape *shape) {
    size_t widest = 0;
    for (size_t l = 0; l <= shape->n_layers; l++)
        if (gemm_pad(shape->sizes[l]) > widest) widest = gemm_pad(shape->sizes[l]);
    return widest;
}

/* ---- life ---- */

semid_status mlp_init(mlp *m, const mlp_shape *shape, bool trains, semid_error *err) {
    semid_status status = SEMID_OK;
    *m = (mlp){.shape = *shape};
    for (size_t l = 0; l < shape->n_layers; l++) {
        size_t in = shape->sizes[l], out = shape->sizes[l + 1];
        TRY_GOTO(mem_alloc(&m->packed[l], in, gemm_pad(out) * sizeof(float), err));
        if (trains) TRY_GOTO(mem_alloc(&m->packed_t[l], out, gemm_pad(in) * sizeof(float), err));
    }
done:
    if (status != SEMID_OK) mlp_release(m);
    return status;
}

void mlp_release(mlp *m) {
    for (size_t l = 0; l < m->shape.n_layers; l++) {
        mem_free(m->packed[l]);
        mem_free(m->packed_t[l]);
    }
    *m = (mlp){0};
}

semid_status mlp_tape_init(mlp_tape *t, const mlp_shape *shape, size_t max_rows, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t row_bytes = mlp_widest(shape) * sizeof(float);
    *t = (mlp_tape){.max_rows = max_rows};
    for (size_t l = 1; l <= shape->n_layers; l++)
        TRY_GOTO(mem_alloc(&t->acts[l], max_rows, gemm_pad(shape->sizes[l]) * sizeof(float), err));
    for (size_t i = 0; i < 2; i++) TRY_GOTO(mem_alloc(&t->grads[i], max_rows, row_bytes, err));
    TRY_GOTO(mem_alloc(&t->transposed, max_rows, row_bytes, err));
    TRY_GOTO(mem_alloc(&t->packed_acts, max_rows, row_bytes, err));
done:
    if (status != SEMID_OK) mlp_tape_release(t);
    return status;
}

void mlp_tape_release(mlp_tape *t) {
    for (size_t l = 1; l <= MLP_MAX_LAYERS; l++) mem_free(t->acts[l]);
    for (size_t i = 0; i < 2; i++) mem_free(t->grads[i]);
    mem_free(t->transposed);
    mem_free(t->packed_acts);
    *t = (mlp_tape){0};
}

/* ---- packing, panel by panel ---- */

typedef struct pack_task {
    const float *src;
    size_t ld, n, k; /* the packed matrix is [k, n] */
    bool transposed;
    float *out;
} pack_task;

static void pack_panels(void *user, size_t chunk, size_t begin, size_t end) {
    const pack_task *t = user;
    (void)chunk;
    size_t first = begin * GEMM_PANEL, last = end * GEMM_PANEL < t->n ? end * GEMM_PANEL : t->n;
    float *out = t->out + first * t->k;
    if (t->transposed)
        gemm_pack_transposed(t->src + first * t->ld, t->ld, last - first, t->k, out);
    else
        gemm_pack(t->src + first, t->ld, last - first, t->k, out);
}

static void pack(pack_task t) {
    parallel_chunks(chunk_count(t.n, GEMM_PANEL), PANELS_PER_CHUNK, pack_panels, &t);
}

void mlp_set(mlp *m, const float *params) {
    const mlp_shape *s = &m->shape;
    m->params = params;
    for (size_t l = 0; l < s->n_layers; l++) {
        size_t in = s->sizes[l], out = s->sizes[l + 1];
        const float *weights = params + mlp_weight_at(s, l);
        pack((pack_task){weights, gemm_pad(in), out, in, true, m->packed[l]});
        if (m->packed_t[l])
            pack((pack_task){weights, gemm_pad(in), in, out, false, m->packed_t[l]});
    }
}

/* ---- forward ---- */

/* y = act(W x + b) for n rows. */
static void apply_layer(const mlp *m, size_t l, const float *x, size_t n, float *y) {
    const mlp_shape *s = &m->shape;
    gemm_args g = {.m = n,
                   .n = gemm_pad(s->sizes[l + 1]),
                   .k = s->sizes[l],
                   .a = x,
                   .lda = gemm_pad(s->sizes[l]),
                   .b = m->packed[l],
                   .bias = m->params + mlp_bias_at(s, l),
                   .act = l + 1 < s->n_layers ? ACTIVATION_RELU : ACTIVATION_NONE,
                   .c = y,
                   .ldc = gemm_pad(s->sizes[l + 1])};
    kernels()->gemm_f32(&g);
}

void mlp_apply(const mlp *m, const float *x, size_t n, float *y, float *scratch) {
    size_t half = n * mlp_widest(&m->shape);
    for (size_t l = 0; l < m->shape.n_layers; l++) {
        float *out = l + 1 == m->shape.n_layers ? y : scratch + l % 2 * half;
        apply_layer(m, l, x, n, out);
        x = out;
    }
}

typedef struct forward_task {
    const mlp *m;
    mlp_tape *tape;
} forward_task;

static void forward_rows(void *user, size_t chunk, size_t begin, size_t end) {
    const forward_task *t = user;
    const mlp_shape *s = &t->m->shape;
    (void)chunk;
    for (size_t l = 0; l < s->n_layers; l++)
        apply_layer(t->m, l, t->tape->acts[l] + begin * gemm_pad(s->sizes[l]), end - begin,
                    t->tape->acts[l + 1] + begin * gemm_pad(s->sizes[l + 1]));
}

void mlp_forward(const mlp *m, mlp_tape *t, size_t n) {
    forward_task task = {m, t};
    parallel_chunks(n, ROWS_PER_CHUNK, forward_rows, &task);
}

/* ---- backward ---- */

typedef struct backward_task {
    const mlp *m;
    mlp_tape *tape;
    size_t layer, n, in, out; /* in, out: padded */
    const float *grad;        /* [n, out] by this layer's output, before its activation */
    float *grad_in;           /* [n, in] by its input */
    float *weight_grads, *bias_grads;
} backward_task;

/* The gradient of W: rows of grad^T, transposed here, times packed x. */
static void weight_rows(void *user, size_t chunk, size_t begin, size_t end) {
    const backward_task *t = user;
    size_t n_outputs = end - begin;
    float *rows = t->tape->transposed + begin * t->n;
    double sums[OUTPUTS_PER_CHUNK] = {0};
    (void)chunk;

    for (size_t i = 0; i < t->n; i++)
        for (size_t o = 0; o < n_outputs; o++) {
            float g = t->grad[i * t->out + begin + o];
            rows[o * t->n + i] = g;
            sums[o] += (double)g;
        }
    for (size_t o = 0; o < n_outputs; o++) t->bias_grads[begin + o] = (float)sums[o];

    gemm_args g = {.m = n_outputs,
                   .n = t->in,
                   .k = t->n,
                   .a = rows,
                   .lda = t->n,
                   .b = t->tape->packed_acts,
                   .c = t->weight_grads + begin * t->in,
                   .ldc = t->in};
    kernels()->gemm_f32(&g);
}

/* The gradient of x, grad W; through a ReLU nothing passes where its output is 0. */
static void input_rows(void *user, size_t chunk, size_t begin, size_t end) {
    const backward_task *t = user;
    (void)chunk;
    gemm_args g = {.m = end - begin,
                   .n = t->in,
                   .k = t->m->shape.sizes[t->layer + 1],
                   .a = t->grad + begin * t->out,
                   .lda = t->out,
                   .b = t->m->packed_t[t->layer],
                   .c = t->grad_in + begin * t->in,
                   .ldc = t->in};
    kernels()->gemm_f32(&g);
    if (t->layer == 0) return;

    const float *act = t->tape->acts[t->layer];
    for (size_t i = begin * t->in; i < end * t->in; i++)
        t->grad_in[i] = act[i] > 0 ? t->grad_in[i] : 0;
}

void mlp_backward(const mlp *m, mlp_tape *t, size_t n, float *grads, float *input_grad) {
    const mlp_shape *s = &m->shape;
    float *grad = t->grads[0], *next = t->grads[1];
    for (size_t l = s->n_layers; l-- > 0;) {
        size_t in = gemm_pad(s->sizes[l]), bias = mlp_bias_at(s, l);
        backward_task task = {.m = m,
                              .tape = t,
                              .layer = l,
                              .n = n,
                              .in = in,
                              .out = gemm_pad(s->sizes[l + 1]),
                              .grad = grad,
                              .grad_in = l > 0 ? next : input_grad,
                              .weight_grads = grads + mlp_weight_at(s, l),
                              .bias_grads = grads + bias};

        pack((pack_task){t->acts[l], in, s->sizes[l], n, false, t->packed_acts});
        memset(grads + bias, 0, task.out * sizeof(float));
        parallel_chunks(s->sizes[l + 1], OUTPUTS_PER_CHUNK, weight_rows, &task);
        if (task.grad_in) parallel_chunks(n, ROWS_PER_CHUNK, input_rows, &task);

        float *used = grad;
        grad = next;
        next = used;
    }
}
