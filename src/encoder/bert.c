#include "encoder/bert.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

/* A worker takes whole texts of about this many tokens through all layers by itself: enough for the
 * weights to be reused from the caches, few enough for the activations to stay in them. */
enum { CHUNK_TOKENS = 256 };

/* Rows of activations are hidden rounded up to whole panels apart. */
typedef struct scratch {
    float *x;      /* [tokens, padded hidden] */
    float *mixed;  /* same: attention's result, then the output of each block */
    float *wide;   /* [tokens, max(3 padded hidden, padded intermediate)] */
    float *packed; /* one head's keys, or values */
    float *scores; /* [max_len, padded max_len] */
    float *head;   /* [max_len, padded head size] */
    void *narrow;  /* [tokens, padded input] the input of a product in low precision */
    float *low;    /* [tokens] of int8 inputs */
    float *step;   /* [tokens] */
} scratch;

struct bert_workspace {
    size_t max_len;
    int n_workers;
    scratch *workers;
};

/* ---- scratch space ---- */

static size_t narrow_bytes(precision kind, size_t n_in) {
    if (kind == PRECISION_INT8) return gemm_i8_pad(n_in);
    return kind == PRECISION_BF16 ? gemm_bf16_pad(n_in) * sizeof(uint16_t) : 0;
}

static semid_status scratch_init(scratch *s, const text_model *m, size_t max_len,
                                 semid_error *err) {
    const text_model_config *c = &m->config;
    size_t widest = c->hidden > c->intermediate ? c->hidden : c->intermediate;
    size_t tokens = max_len > CHUNK_TOKENS ? max_len : CHUNK_TOKENS, hidden = gemm_pad(c->hidden);
    size_t wide = gemm_pad(c->intermediate), head = c->hidden / c->n_heads;
    if (wide < 3 * hidden) wide = 3 * hidden;
    TRY(mem_alloc(&s->x, tokens * hidden, sizeof(float), err));
    TRY(mem_alloc(&s->mixed, tokens * hidden, sizeof(float), err));
    TRY(mem_alloc(&s->wide, tokens * wide, sizeof(float), err));
    TRY(mem_alloc(&s->packed, gemm_pad(max_len) * gemm_pad(head), sizeof(float), err));
    TRY(mem_alloc(&s->scores, max_len * gemm_pad(max_len), sizeof(float), err));
    TRY(mem_alloc(&s->head, max_len * gemm_pad(head), sizeof(float), err));
    if (m->kind == PRECISION_F32) return SEMID_OK;
    TRY(mem_alloc(&s->narrow, tokens, narrow_bytes(m->kind, widest), err));
    TRY(mem_alloc(&s->low, tokens, sizeof(float), err));
    return mem_alloc(&s->step, tokens, sizeof(float), err);
}

semid_status bert_workspace_new(bert_workspace **out, const text_model *m, size_t max_len,
                                semid_error *err) {
    bert_workspace *w;
    TRY(mem_calloc(&w, 1, sizeof *w, err));
    *w = (bert_workspace){.max_len = max_len, .n_workers = threads_get()};
    semid_status status = mem_calloc(&w->workers, (size_t)w->n_workers, sizeof *w->workers, err);
    for (int i = 0; status == SEMID_OK && i < w->n_workers; i++)
        status = scratch_init(&w->workers[i], m, max_len, err);
    if (status == SEMID_OK)
        *out = w;
    else
        bert_workspace_free(w);
    return status;
}

void bert_workspace_free(bert_workspace *w) {
    if (!w) return;
    for (int i = 0; w->workers && i < w->n_workers; i++) {
        scratch *s = &w->workers[i];
        mem_free(s->x);
        mem_free(s->mixed);
        mem_free(s->wide);
        mem_free(s->packed);
        mem_free(s->scores);
        mem_free(s->head);
        mem_free(s->narrow);
        mem_free(s->low);
        mem_free(s->step);
    }
    mem_free(w->workers);
    mem_free(w);
}

/* ---- layers ---- */

typedef struct pass {
    const text_model *m;
    const kernel_table *kernels;
    const packed_texts *texts;
    const size_t *chunks; /* [n_chunks + 1] into texts */
    bert_workspace *workspace;
    pooling pool;
    bool normalize;
    float *out;
} pass;

typedef struct matrix {
    size_t n;
    const float *x; /* [n, ?], stride apart */
    size_t stride;
} matrix;

static void apply_i8(const pass *p, const scratch *s, const linear *l, activation act, matrix in,
                     float *y) {
    size_t k = gemm_i8_pad(l->n_in);
    uint8_t *a = s->narrow;
    for (size_t i = 0; i < in.n; i++)
        p->kernels->quantize_u8(in.x + i * in.stride, l->n_in, a + i * k, &s->low[i], &s->step[i]);
    p->kernels->gemm_i8(&(gemm_i8_args){.m = in.n,
                                        .n = l->n_out,
                                        .k = k,
                                        .a = a,
                                        .low = s->low,
                                        .step = s->step,
                                        .b = l->packed,
                                        .scales = l->scales,
                                        .sums = l->sums,
                                        .bias = l->bias,
                                        .act = act,
                                        .c = y,
                                        .ldc = l->n_out});
}

static void apply_bf16(const pass *p, const scratch *s, const linear *l, activation act, matrix in,
                       float *y) {
    size_t k = gemm_bf16_pad(l->n_in);
    uint16_t *a = s->narrow;
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
}

static void apply_f32(const pass *p, const linear *l, activation act, matrix in, float *y) {
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

/* y [in.n, n_out] = act(in W + b) */
static void apply_linear(const pass *p, const scratch *s, const linear *l, activation act,
                         matrix in, float *y) {
    if (l->kind == PRECISION_INT8)
        apply_i8(p, s, l, act, in, y);
    else if (l->kind == PRECISION_BF16)
        apply_bf16(p, s, l, act, in, y);
    else
        apply_f32(p, l, act, in, y);
}

/* x <- norm(x + residual), rows of the padded width. */
static void apply_norm(const pass *p, const norm *n, size_t rows, float *x, const float *residual) {
    size_t hidden = p->m->config.hidden, stride = gemm_pad(hidden);
    for (size_t i = 0; i < rows; i++)
        p->kernels->layer_norm_f32(x + i * stride, residual + i * stride, n->gamma, n->beta, hidden,
                                   p->m->config.layer_norm_eps);
}

static void embed_tokens(const pass *p, const int32_t *tokens, size_t n, float *x) {
    const text_model *m = p->m;
    int32_t pad_id = m->config.pad_id;
    size_t hidden = m->config.hidden, stride = gemm_pad(hidden), next = (size_t)(pad_id + 1);
    for (size_t i = 0; i < n; i++) {
        float *row = x + i * stride;
        size_t place = tokens[i] == pad_id ? (size_t)pad_id : next++;
        /* cannot fail: the type of the tensor and the token were checked */
        array_to_f32(&m->words, (size_t)tokens[i] * hidden, hidden, row, NULL);
        p->kernels->layer_norm_f32(row, m->position_embeddings + place * hidden,
                                   m->embedding_norm.gamma, m->embedding_norm.beta, hidden,
                                   m->config.layer_norm_eps);
    }
}

/* What a head adds to the scores of n tokens with one another. */
static void add_distance_bias(const text_model *m, size_t head, size_t n, float *scores) {
    size_t max_tokens = text_model_config_max_tokens(&m->config), stride = gemm_pad(n);
    const float *row = m->distance_bias + head * (2 * max_tokens - 1);
    for (size_t i = 0; i < n; i++) {
        const float *bias = row + (max_tokens - 1 - i);
        for (size_t j = 0; j < n; j++) scores[i * stride + j] += bias[j];
    }
}

/* One head of one text: softmax(Q K' / sqrt d + bias) V. qkv and out are those of the whole text,
 * a row a token. */
static void attend(const pass *p, const scratch *s, size_t head, const float *qkv, size_t n,
                   float *out) {
    const text_model_config *c = &p->m->config;
    size_t d = c->hidden / c->n_heads, hidden = gemm_pad(c->hidden), stride = 3 * hidden;
    size_t padded = gemm_pad(n);
    qkv += head * d;
    out += head * d;
    gemm_pack_transposed(qkv + hidden, stride, n, d, s->packed);
    p->kernels->gemm_f32(&(gemm_args){.m = n,
                                      .n = padded,
                                      .k = d,
                                      .a = qkv,
                                      .lda = stride,
                                      .b = s->packed,
                                      .c = s->scores,
                                      .ldc = padded});
    if (p->m->distance_bias) add_distance_bias(p->m, head, n, s->scores);
    for (size_t i = 0; i < n; i++)
        p->kernels->softmax_f32(s->scores + i * padded, n, 1.0f / sqrtf((float)d));
    gemm_pack(qkv + 2 * hidden, stride, d, n, s->packed);
    p->kernels->gemm_f32(&(gemm_args){.m = n,
                                      .n = gemm_pad(d),
                                      .k = n,
                                      .a = s->scores,
                                      .lda = padded,
                                      .b = s->packed,
                                      .c = s->head,
                                      .ldc = gemm_pad(d)});
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * hidden, s->head + i * gemm_pad(d), d * sizeof(float));
}

static void self_attention(const pass *p, const scratch *s, size_t first_text, size_t n_texts) {
    const text_model_config *c = &p->m->config;
    const size_t *starts = p->texts->starts;
    size_t hidden = gemm_pad(c->hidden);
    for (size_t t = first_text; t < first_text + n_texts; t++) {
        size_t row = starts[t] - starts[first_text];
        for (size_t h = 0; h < c->n_heads; h++)
            attend(p, s, h, s->wide + row * 3 * hidden, starts[t + 1] - starts[t],
                   s->mixed + row * hidden);
    }
}

/* Post-norm transformer layer over the tokens of a chunk, x in place. `wide` serves as query, key
 * and value, then as the attention block's output, then as the intermediate activations. */
static void run_layer(const pass *p, scratch *s, const text_model_layer *layer, size_t first_text,
                      size_t n_texts, size_t n) {
    size_t hidden = gemm_pad(p->m->config.hidden);
    matrix x = {n, s->x, hidden}, mixed = {n, s->mixed, hidden}, up = {n, s->wide, layer->up.n_out};
    apply_linear(p, s, &layer->qkv, ACTIVATION_NONE, x, s->wide);
    self_attention(p, s, first_text, n_texts);
    apply_linear(p, s, &layer->attention_out, ACTIVATION_NONE, mixed, s->wide);
    apply_norm(p, &layer->attention_norm, n, s->x, s->wide);
    apply_linear(p, s, &layer->up, p->m->config.act, x, s->wide);
    apply_linear(p, s, &layer->down, ACTIVATION_NONE, up, s->mixed);
    apply_norm(p, &layer->output_norm, n, s->x, s->mixed);
}

/* ---- pooling ---- */

static void mean_rows(const float *x, size_t stride, size_t n, size_t dim, float *out) {
    memset(out, 0, dim * sizeof *out);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < dim; j++) out[j] += x[i * stride + j];
    float scale = 1.0f / (float)n;
    for (size_t j = 0; j < dim; j++) out[j] *= scale;
}

static void normalize_row(float *x, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) sum += (double)x[j] * (double)x[j];
    float scale = (float)(1 / fmax(sqrt(sum), 1e-12));
    for (size_t j = 0; j < dim; j++) x[j] *= scale;
}

/* x: the n token vectors of one text. */
static void pool_text(const pass *p, const scratch *s, const float *x, size_t n, float *out) {
    size_t dim = p->m->config.hidden, stride = gemm_pad(dim);
    if (p->pool == POOLING_MEAN) {
        mean_rows(x, stride, n, dim, out);
    } else if (p->pool == POOLING_CLS) {
        memcpy(out, x, dim * sizeof *out);
    } else {
        apply_f32(p, &p->m->pooler, ACTIVATION_TANH, (matrix){1, x, stride}, s->wide);
        memcpy(out, s->wide, dim * sizeof *out);
    }
    if (p->normalize) normalize_row(out, dim);
}

/* ---- chunks ---- */

static void run_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)begin, (void)end;
    const pass *p = user;
    const packed_texts *texts = p->texts;
    const text_model_config *c = &p->m->config;
    scratch *s = &p->workspace->workers[threads_worker()];
    size_t first = p->chunks[chunk], last = p->chunks[chunk + 1], stride = gemm_pad(c->hidden);
    const size_t *starts = texts->starts;
    for (size_t t = first; t < last; t++)
        embed_tokens(p, texts->tokens + starts[t], starts[t + 1] - starts[t],
                     s->x + (starts[t] - starts[first]) * stride);
    for (size_t i = 0; i < c->n_layers; i++)
        run_layer(p, s, &p->m->layers[i], first, last - first, starts[last] - starts[first]);
    for (size_t t = first; t < last; t++)
        pool_text(p, s, s->x + (starts[t] - starts[first]) * stride, starts[t + 1] - starts[t],
                  p->out + t * c->hidden);
}

/* Fill chunks [n_texts + 1] greedily; returns how many. */
static size_t cut_chunks(const packed_texts *texts, size_t *chunks) {
    size_t n = 0;
    chunks[0] = 0;
    for (size_t t = 1; t < texts->n_texts; t++)
        if (texts->starts[t + 1] - texts->starts[chunks[n]] > CHUNK_TOKENS) chunks[++n] = t;
    if (texts->n_texts > 0) chunks[++n] = texts->n_texts;
    return n;
}

static semid_status check_texts(const text_model *m, const bert_workspace *w,
                                const packed_texts *texts, semid_error *err) {
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
    return SEMID_OK;
}

semid_status bert_embed(const text_model *m, bert_workspace *w, const packed_texts *texts,
                        pooling pool, bool normalize, float *out, semid_error *err) {
    TRY(check_texts(m, w, texts, err));
    if (pool == POOLING_POOLER && m->pooler.n_out == 0)
        FAIL(SEMID_ERR_UNSUPPORTED, "the model has no pooler: expected tensor pooler.dense.weight");
    size_t *chunks;
    TRY(mem_alloc(&chunks, texts->n_texts + 1, sizeof *chunks, err));
    pass p = {.m = m,
              .kernels = kernels(),
              .texts = texts,
              .chunks = chunks,
              .workspace = w,
              .pool = pool,
              .normalize = normalize,
              .out = out};
    parallel_chunks(cut_chunks(texts, chunks), 1, run_chunk, &p);
    mem_free(chunks);
    return SEMID_OK;
}
