#include "encoder/text_encoder.h"

#include "base/finite.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "encoder/bert.h"
#include "encoder/tokenizer.h"
#include "kernels/kernels.h"

#include <string.h>

/* A batch of texts goes through in three steps: workers tokenize each text into a list of its own,
 * the lists are packed one after the other, and bert_embed runs over the packed tokens. All buffers
 * belong to the encoder and are reused, so that batches after the first allocate next to nothing;
 * hence one call at a time per encoder.
 *
 * Truncation: one token more than allowed is requested. A text that fills it was cut, and loses its
 * last token before what goes after every text. */

/* Tokens of one text; several workers fill an array of these. */
typedef struct tokenized_text {
    token_ids tokens;
    bool truncated;
    semid_status status;
} tokenized_text;

struct text_encoder {
    text_model *m;
    tokenizer *words;
    bert_workspace *workspace;
    size_t max_len;
    pooling pool;
    bool normalize;
    const char *prefix;
    /* reused between calls */
    tokenized_text *texts;
    size_t n_texts;
    int32_t *tokens;
    size_t tokens_capacity;
    size_t *starts;
    size_t starts_capacity;
};

/* ---- opening ---- */

semid_status text_encoder_open(text_encoder **out, const text_encoder_params *params,
                               semid_error *err) {
    text_encoder *e = NULL;
    semid_status status = SEMID_OK;

    TRY(mem_calloc(&e, 1, sizeof *e, err));
    TRY_GOTO(text_model_open(&e->m, params->model_dir, params->kind, err));
    TRY_GOTO(tokenizer_open(&e->words, params->model_dir, err));

    const text_model_config *c = &e->m->config;
    e->max_len = params->max_len;
    e->prefix = params->prefix ? params->prefix : c->prompt;
    e->pool = params->pool == POOLING_AUTO ? c->pool : params->pool;
    e->normalize =
        params->normalize == TRISTATE_UNSET ? c->normalize : params->normalize == TRISTATE_YES;

    /* the tokenizer, the model and the parameters must go together: checked before buffers for
     * max_len are allocated */
    size_t least = tokenizer_n_before(e->words) + tokenizer_n_after(e->words) + 1;
    size_t most = text_model_config_max_tokens(c), n_words = tokenizer_vocab_size(e->words);
    if (e->max_len < least || e->max_len > most)
        FAIL_GOTO(SEMID_ERR_ARGUMENT,
                  "max-len: expected %zu to %zu, the model's positions, found %zu", least, most,
                  e->max_len);
    if (e->pool == POOLING_POOLER && e->m->pooler.n_out == 0)
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED,
                  "%s: no pooler in this model: expected tensor "
                  "pooler.dense.weight; use mean or cls",
                  params->model_dir);
    if (n_words > c->n_words)
        FAIL_GOTO(SEMID_ERR_SHAPE,
                  "%s: the tokenizer has %zu tokens, expected at most the %zu of config.json",
                  params->model_dir, n_words, c->n_words);

    if (c->max_seq_length && e->max_len > c->max_seq_length)
        log_warn("max-len %zu is above the %zu tokens this model was made for", e->max_len,
                 c->max_seq_length);
    if (params->kind == PRECISION_BF16 && !kernels()->bf16_native)
        log_warn(
            "bf16: the instructions in use (%s) have no bfloat16 product (AVX512_BF16 is one); "
            "float32 stands in for it, slower than --dtype f32; int8 is the fast one here",
            kernels()->tier);

    TRY_GOTO(bert_workspace_new(&e->workspace, e->m, e->max_len, err));
    *out = e;

done:
    if (status != SEMID_OK) text_encoder_close(e);
    return status;
}

void text_encoder_close(text_encoder *e) {
    if (!e) return;

    for (size_t i = 0; i < e->n_texts; i++) token_ids_release(&e->texts[i].tokens);
    mem_free(e->texts);
    mem_free(e->tokens);
    mem_free(e->starts);

    bert_workspace_free(e->workspace);
    tokenizer_close(e->words);
    text_model_close(e->m);
    mem_free(e);
}

size_t text_encoder_dim(const text_encoder *e) {
    return e->m->config.hidden;
}

pooling text_encoder_pooling(const text_encoder *e) {
    return e->pool;
}

bool text_encoder_normalizes(const text_encoder *e) {
    return e->normalize;
}

const char *text_encoder_prefix(const text_encoder *e) {
    return e->prefix;
}

/* ---- tokens ---- */

static semid_status tokenize(const text_encoder *e, const char *text, size_t n_bytes,
                             tokenized_text *out) {
    size_t n_prefix = strlen(e->prefix), n_after = tokenizer_n_after(e->words);
    token_ids *t = &out->tokens;
    char *prefixed = NULL;
    semid_status status = SEMID_OK;

    if (n_prefix > 0) {
        TRY(mem_alloc(&prefixed, n_prefix + n_bytes, 1, NULL));
        memcpy(prefixed, e->prefix, n_prefix);
        memcpy(prefixed + n_prefix, text, n_bytes);
        text = prefixed;
    }
    TRY_GOTO(tokenizer_encode(e->words, text, n_prefix + n_bytes, e->max_len + 1, t, NULL));

    out->truncated = t->n_ids > e->max_len;
    if (out->truncated) {
        int32_t *after = t->ids + t->n_ids - n_after;
        memmove(after - 1, after, n_after * sizeof *after);
        t->n_ids--;
    }

done:
    mem_free(prefixed);
    return status;
}

typedef struct tokenize_task {
    text_encoder *e;
    const ids *texts;
} tokenize_task;

static void tokenize_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    tokenize_task *task = user;
    for (size_t i = begin; i < end; i++) {
        size_t n_bytes;
        const char *text = ids_get(task->texts, i, &n_bytes);
        tokenized_text *out = &task->e->texts[i];
        out->status = tokenize(task->e, text, n_bytes, out);
    }
}

semid_status text_encoder_embed(text_encoder *e, const ids *texts, float *out,
                                text_encoder_counts *counts, semid_error *err) {
    size_t n = texts->n_ids, bad;
    if (n > e->n_texts) {
        TRY(mem_resize(&e->texts, e->n_texts, n, sizeof *e->texts, err));
        memset(e->texts + e->n_texts, 0, (n - e->n_texts) * sizeof *e->texts);
        e->n_texts = n;
    }

    parallel_chunks(n, 16, tokenize_chunk, &(tokenize_task){e, texts});

    /* all tokens, one text after the other */
    TRY(mem_reserve(&e->starts, &e->starts_capacity, n + 1, sizeof *e->starts, err));
    e->starts[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (e->texts[i].status != SEMID_OK)
            FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the tokens of a text");
        e->starts[i + 1] = e->starts[i] + e->texts[i].tokens.n_ids;
        counts->n_truncated += e->texts[i].truncated;
    }
    counts->n_tokens += e->starts[n];
    TRY(mem_reserve(&e->tokens, &e->tokens_capacity, e->starts[n], sizeof *e->tokens, err));
    for (size_t i = 0; i < n; i++)
        memcpy(e->tokens + e->starts[i], e->texts[i].tokens.ids,
               e->texts[i].tokens.n_ids * sizeof *e->tokens);

    packed_texts packed = {.n_texts = n, .starts = e->starts, .tokens = e->tokens};
    TRY(bert_embed(e->m, e->workspace, &packed, e->pool, e->normalize, out, err));

    if (rows_not_finite(out, n, text_encoder_dim(e), &bad) > 0)
        FAIL(SEMID_ERR_DATA, "the model gives a vector that is not finite for the text \"%.60s\"",
             ids_get(texts, bad, NULL));
    return SEMID_OK;
}
