#include "encoder/bert.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* Texts are packed: the tokens of a chunk of whole texts follow each other in one matrix, a row per
 * token, and no row stands for padding. Linear layers and norms run over all rows of a chunk at
 * once; attention runs per text and head. A worker takes a chunk through all layers by itself, in
 * buffers that stay in its caches, so workers never wait for each other.
 *
 * Every row of a product depends on its own row of A alone (gemm.h), and so do norms and softmax:
 * the vector of a text is the same bytes whatever chunk it is in. Rows are padded to whole panels;
 * the padding of the weights is zero, so it stays zero.
 *
 * Post-norm layers as in BERT (Devlin et al. 2019); RoBERTa differs in how positions are counted,
 * MPNet (Song et al. 2020) in a bias per head and distance. Low precision: the rows of A are
 * narrowed just before each product with weights; everything else stays in float32. */

/* Tokens per chunk: enough for the weights to be reused from the caches, few enough for the
 * activations to stay in them. */
enum { CHUNK_TOKENS = 256 };

/* What a worker computes in. Rows of activations are hidden rounded up to whole panels apart. */
typedef struct worker_buffers {
    float *x;      /* [tokens, padded hidden] */
    float *mixed;  /* same: attention's result, then the output of each block */
    float *wide;   /* [tokens, max(3 padded hidden, padded intermediate)] */
    float *packed; /* the keys of one head, or its values */
    float *scores; /* [max_len, padded max_len] */
    float *head;   /* [max_len, padded head size] */
    void *narrow;  /* [tokens, padded input] the input of a product in low precision */
    float *low;    /* [tokens] of int8 inputs */
    float *step;   /* [tokens] */
} worker_buffers;

struct bert_workspace {
    size_t max_len;
    int n_workers;
    worker_buffers *workers;
};

/* ---- workspace ---- */

semid_status bert_workspace_new(bert_workspace **out, const text_model *m, size_t max_len,
                                semid_error *err) {
    const text_model_config *c = &m->config;
    size_t tokens = max_len > CHUNK_TOKENS ? max_len : CHUNK_TOKENS, hidden = gemm_pad(c->hidden);
    size_t wide = gemm_pad(c->intermediate), head = gemm_pad(c->hidden / c->n_heads);
    if (wide < 3 * hidden) wide = 3 * hidden;
    size_t widest = c->hidden > c->intermediate ? c->hidden : c->intermediate;
    size_t narrow_bytes =
        m->kind == PRECISION_INT8 ? gemm_i8_pad(widest) : gemm_bf16_pad(widest) * sizeof(uint16_t);

    bert_workspace *w;
    semid_status status = SEMID_OK;
    TRY(mem_calloc(&w, 1, sizeof *w, err));
    *w = (bert_workspace){.max_len = max_len, .n_workers = threads_get()};
    TRY_GOTO(mem_calloc(&w->workers, (size_t)w->n_workers, sizeof *w->workers, err));
    for (int i = 0; i < w->n_workers; i++) {
        worker_buffers *b = &w->workers[i];
        TRY_GOTO(mem_alloc(&b->x, tokens * hidden, sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->mixed, tokens * hidden, sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->wide, tokens * wide, sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->packed, gemm_pad(max_len) * head, sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->scores, max_len * gemm_pad(max_len), sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->head, max_len * head, sizeof(float), err));

        if (m->kind == PRECISION_F32) continue;
        TRY_GOTO(mem_alloc(&b->narrow, tokens, narrow_bytes, err));
        TRY_GOTO(mem_alloc(&b->low, tokens, sizeof(float), err));
        TRY_GOTO(mem_alloc(&b->step, tokens, sizeof(float), err));
    }
    *out = w;

done:
    if (status != SEMID_OK) bert_workspace_free(w);
    return status;
}

void bert_workspace_free(bert_workspace *w) {
    if (!w) return;

    for (int i = 0; w->workers && i < w->n_workers; i++) {
        worker_buffers *b = &w->workers[i];
        mem_free(b->x);
        mem_free(b->mixed);
        mem_free(b->wide);
        mem_free(b->packed);
        mem_free(b->scores);
        mem_free(b->head);
        mem_free(b->narrow);
        mem_free(b->low);
        mem_free(b->step);
    }

    mem_free(w->workers);
    mem_free(w);
}

/* ---- layers ---- */

/* One call of bert_embed, as the workers share it. */
typedef struct forward_pass {
    const text_model *m;
    const kernel_table *kernels;
    const packed_texts *texts;
    const size_t *chunks; /* [n_chunks + 1] into texts */
    bert_workspace *workspace;
    pooling pool;
    bool normalize;
    float *out;
} forward_pass;

typedef struct row_matrix {
    size_t n;
    const float *x; /* [n, ?], stride apart */
    size_t stride;
} row_matrix;

static void apply_f32(const forward_pass *p, const linear *l, activation act, row_matrix in,
                      float *y) {
    p->kernels->gemm_f32(&(gemm_args){.m = in.n,
                                      .n = l->n_out,
                                      .k = l->n_in,
                                      .a = in.x,
                                      .lda = in.stride,
                                      .b = l->packed,
                                      .bias = l->bias,
                                      .act = act,
                                      .c = y,
                                      .ldc = l->n_out});
}

/* y [in.n, n_out] = act(in W + b) in the precision of W. */
static void apply_linear(const forward_pass *p, const worker_buffers *b, const linear *l,
                         activation act, row_matrix in, float *y) {
    if (l->kind == PRECISION_INT8) {
        size_t k = gemm_i8_pad(l->n_in);
        uint8_t *a = b->narrow;
        for (size_t i = 0; i < in.n; i++)
            p->kernels->quantize_u8(in.x + i * in.stride, l->n_in, a + i * k, &b->low[i],
                                    &b->step[i]);
        p->kernels->gemm_i8(&(gemm_i8_args){.m = in.n,
                                            .n = l->n_out,
                                            .k = k,
                                            .a = a,
                                            .low = b->low,
                                            .step = b->step,
                                            .b = l->packed,
                                            .scales = l->scales,
                                            .sums = l->sums,
                                            .bias = l->bias,
                                            .act = act,
                                            .c = y,
                                            .ldc = l->n_out});
        return;
    }

    if (l->kind == PRECISION_BF16) {
        size_t k = gemm_bf16_pad(l->n_in);
        uint16_t *a = b->narrow;
        for (size_t i = 0; i < in.n; i++)
            p->kernels->round_bf16(in.x + i * in.stride, l->n_in, a + i * k);
        p->kernels->gemm_bf16(&(gemm_bf16_args){.m = in.n,
                                                .n = l->n_out,
                                                .k = k,
                                                .a = a,
                                                .b = l->packed,
                                                .bias = l->bias,
                                                .act = act,
                                                .c = y,
                                                .ldc = l->n_out});
        return;
    }

    apply_f32(p, l, act, in, y);
}

/* x <- norm(x + residual), rows of the padded width. */
static void apply_norm(const forward_pass *p, const norm *n, size_t rows, float *x,
                       const float *residual) {
    size_t hidden = p->m->config.hidden, stride = gemm_pad(hidden);
    for (size_t i = 0; i < rows; i++)
        p->kernels->layer_norm_f32(x + i * stride, residual + i * stride, n->gamma, n->beta, hidden,
                                   p->m->config.layer_norm_eps);
}

/* Word + position (+ type 0, which is part of the position's vector), normalised. */
static void embed_tokens(const forward_pass *p, const int32_t *tokens, size_t n, float *x) {
    const text_model *m = p->m;
    int32_t pad_id = m->config.pad_id;
    size_t hidden = m->config.hidden, stride = gemm_pad(hidden), next = (size_t)(pad_id + 1);

    for (size_t i = 0; i < n; i++) {
        float *row = x + i * stride;
        size_t position = tokens[i] == pad_id ? (size_t)pad_id : next++;
        /* cannot fail: the type of the tensor and the token were checked */
        array_to_f32(&m->words, (size_t)tokens[i] * hidden, hidden, row, NULL);
        p->kernels->layer_norm_f32(row, m->position_embeddings + position * hidden,
                                   m->embedding_norm.gamma, m->embedding_norm.beta, hidden,
                                   m->config.layer_norm_eps);
    }
}

/* One head of one text: softmax(Q K' / sqrt d + bias) V. qkv and out are those of the whole text,
 * a row per token. */
static void attend(const forward_pass *p, const worker_buffers *b, size_t head, const float *qkv,
                   size_t n, float *out) {
    const text_model_config *c = &p->m->config;
    size_t d = c->hidden / c->n_heads, hidden = gemm_pad(c->hidden), stride = 3 * hidden;
    size_t padded = gemm_pad(n);
    qkv += head * d;
    out += head * d;

    gemm_pack_transposed(qkv + hidden, stride, n, d, b->packed);
    p->kernels->gemm_f32(&(gemm_args){.m = n,
                                      .n = padded,
                                      .k = d,
                                      .a = qkv,
                                      .lda = stride,
                                      .b = b->packed,
                                      .c = b->scores,
                                      .ldc = padded});

    /* The bias is a row of distances; that of query i starts at the distance -i. */
    if (p->m->distance_bias) {
        size_t max_tokens = text_model_config_max_tokens(c);
        const float *row = p->m->distance_bias + head * (2 * max_tokens - 1);
        for (size_t i = 0; i < n; i++) {
            const float *bias = row + (max_tokens - 1 - i);
            for (size_t j = 0; j < n; j++) b->scores[i * padded + j] += bias[j];
        }
    }
    for (size_t i = 0; i < n; i++)
        p->kernels->softmax_f32(b->scores + i * padded, n, 1.0f / sqrtf((float)d));

    gemm_pack(qkv + 2 * hidden, stride, d, n, b->packed);
    p->kernels->gemm_f32(&(gemm_args){.m = n,
                                      .n = gemm_pad(d),
                                      .k = n,
                                      .a = b->scores,
                                      .lda = padded,
                                      .b = b->packed,
                                      .c = b->head,
                                      .ldc = gemm_pad(d)});
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * hidden, b->head + i * gemm_pad(d), d * sizeof(float));
}

/* A layer over the texts [first, last), whose tokens are the n rows of x, in place. `wide` serves
 * as query, key and value, then as the attention block's output, then as the intermediate
 * activations. */
static void run_layer(const forward_pass *p, worker_buffers *b, const text_model_layer *layer,
                      size_t first, size_t last) {
    const text_model_config *c = &p->m->config;
    const size_t *starts = p->texts->starts;
    size_t hidden = gemm_pad(c->hidden), n = starts[last] - starts[first];
    row_matrix x = {n, b->x, hidden}, mixed = {n, b->mixed, hidden};
    row_matrix up = {n, b->wide, layer->up.n_out};

    apply_linear(p, b, &layer->qkv, ACTIVATION_NONE, x, b->wide);
    /* tokens attend to their own text alone */
    for (size_t t = first; t < last; t++) {
        size_t row = starts[t] - starts[first];
        for (size_t h = 0; h < c->n_heads; h++)
            attend(p, b, h, b->wide + row * 3 * hidden, starts[t + 1] - starts[t],
                   b->mixed + row * hidden);
    }
    apply_linear(p, b, &layer->attention_out, ACTIVATION_NONE, mixed, b->wide);
    apply_norm(p, &layer->attention_norm, n, b->x, b->wide);

    apply_linear(p, b, &layer->up, c->act, x, b->wide);
    apply_linear(p, b, &layer->down, ACTIVATION_NONE, up, b->mixed);
    apply_norm(p, &layer->output_norm, n, b->x, b->mixed);
}

/* ---- pooling ---- */

/* x: the n token vectors of one text. */
static void pool_text(const forward_pass *p, const worker_buffers *b, const float *x, size_t n,
                      float *out) {
    size_t dim = p->m->config.hidden, stride = gemm_pad(dim);

    if (p->pool == POOLING_MEAN) {
        memset(out, 0, dim * sizeof *out);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < dim; j++) out[j] += x[i * stride + j];
        float scale = 1.0f / (float)n;
        for (size_t j = 0; j < dim; j++) out[j] *= scale;
    } else if (p->pool == POOLING_CLS) {
        memcpy(out, x, dim * sizeof *out);
    } else {
        apply_f32(p, &p->m->pooler, ACTIVATION_TANH, (row_matrix){1, x, stride}, b->wide);
        memcpy(out, b->wide, dim * sizeof *out);
    }

    /* L2 norm, with PyTorch's lower bound of the length */
    if (p->normalize) {
        double sum = 0;
        for (size_t j = 0; j < dim; j++) sum += (double)out[j] * (double)out[j];
        float scale = (float)(1 / fmax(sqrt(sum), 1e-12));
        for (size_t j = 0; j < dim; j++) out[j] *= scale;
    }
}

/* ---- chunks ---- */

static void run_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)begin, (void)end;
    const forward_pass *p = user;
    const packed_texts *texts = p->texts;
    const text_model_config *c = &p->m->config;
    worker_buffers *b = &p->workspace->workers[threads_worker()];
    size_t first = p->chunks[chunk], last = p->chunks[chunk + 1], stride = gemm_pad(c->hidden);
    const size_t *starts = texts->starts;

    for (size_t t = first; t < last; t++)
        embed_tokens(p, texts->tokens + starts[t], starts[t + 1] - starts[t],
                     b->x + (starts[t] - starts[first]) * stride);

    for (size_t i = 0; i < c->n_layers; i++) run_layer(p, b, &p->m->layers[i], first, last);

    for (size_t t = first; t < last; t++)
        pool_text(p, b, b->x + (starts[t] - starts[first]) * stride, starts[t + 1] - starts[t],
                  p->out + t * c->hidden);
}

semid_status bert_embed(const text_model *m, bert_workspace *w, const packed_texts *texts,
                        pooling pool, bool normalize, float *out, semid_error *err) {
    for (size_t t = 0; t < texts->n_texts; t++) {
        size_t n = texts->starts[t + 1] - texts->starts[t];
        if (n < 1 || n > w->max_len)
            FAIL(SEMID_ERR_ARGUMENT, "text %zu: expected 1 to %zu tokens, found %zu", t, w->max_len,
                 n);
    }
    for (size_t i = texts->starts[0]; i < texts->starts[texts->n_texts]; i++)
        if (texts->tokens[i] < 0 || (size_t)texts->tokens[i] >= m->config.n_words)
            FAIL(SEMID_ERR_DATA, "token id %d: expected 0 to %zu, the model's vocabulary",
                 (int)texts->tokens[i], m->config.n_words - 1);
    if (pool == POOLING_POOLER && m->pooler.n_out == 0)
        FAIL(SEMID_ERR_UNSUPPORTED, "the model has no pooler: expected tensor pooler.dense.weight");

    /* fill chunks greedily: a text that is longer than a chunk gets one of its own */
    size_t *chunks, n_chunks = 0;
    TRY(mem_alloc(&chunks, texts->n_texts + 1, sizeof *chunks, err));
    chunks[0] = 0;
    for (size_t t = 1; t < texts->n_texts; t++)
        if (texts->starts[t + 1] - texts->starts[chunks[n_chunks]] > CHUNK_TOKENS)
            chunks[++n_chunks] = t;
    if (texts->n_texts > 0) chunks[++n_chunks] = texts->n_texts;

    forward_pass p = {.m = m,
                      .kernels = kernels(),
                      .texts = texts,
                      .chunks = chunks,
                      .workspace = w,
                      .pool = pool,
                      .normalize = normalize,
                      .out = out};
    parallel_chunks(n_chunks, 1, run_chunk, &p);
    mem_free(chunks);
    return SEMID_OK;
}
