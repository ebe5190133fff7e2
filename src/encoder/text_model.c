#include "encoder/text_model.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Every tensor is checked against config.json before anything of its size is allocated: the file is
 * untrusted. Weights are converted to float32 one matrix at a time, packed for the product of the
 * chosen precision, and the copy is freed, so that opening takes little more than the packed model.
 * Query, key and value become one product. The word embeddings, most of the file, are not copied:
 * a text reads its rows from the mapped file.
 *
 * All token types are 0, so the vector of type 0 is added to the position embeddings once, here. So
 * is MPNet's bias of the attention: from its table of buckets to a row of distances per head. */

const char *precision_name(precision kind) {
    static const char *const names[] = {"f32", "bf16", "int8"};
    return names[kind];
}

/* ---- tensors ---- */

/* What an architecture calls its tensors. */
typedef struct tensor_names {
    const char *prefix; /* where the file was saved with a task's head */
    const char *query, *key, *value, *attention_out, *attention_norm;
} tensor_names;

static const tensor_names names_of[] = {
    [ARCHITECTURE_BERT] = {"bert.", "attention.self.query", "attention.self.key",
                           "attention.self.value", "attention.output.dense",
                           "attention.output.LayerNorm"},
    [ARCHITECTURE_ROBERTA] = {"roberta.", "attention.self.query", "attention.self.key",
                              "attention.self.value", "attention.output.dense",
                              "attention.output.LayerNorm"},
    [ARCHITECTURE_MPNET] = {"mpnet.", "attention.attn.q", "attention.attn.k", "attention.attn.v",
                            "attention.attn.o", "attention.LayerNorm"},
};

typedef struct tensor_reader {
    const safetensors *file;
    const char *path;
    const tensor_names *names;
    const char *prefix; /* names->prefix or "" */
} tensor_reader;

enum { NAME_BYTES = 120, KEY_BYTES = 140, FULL_BYTES = 160 };

/* d1 = 0: one dimension. */
static semid_status find_tensor(const tensor_reader *r, const char *name, size_t d0, size_t d1,
                                array *out, semid_error *err) {
    char full[FULL_BYTES], found[ARRAY_SHAPE_TEXT_BYTES];
    size_t n_dims = d1 ? 2 : 1;
    array a;

    snprintf(full, sizeof full, "%s%s", r->prefix, name);
    TRY(safetensors_get(r->file, full, &a, err));
    if (a.type != DTYPE_F32 && a.type != DTYPE_F16 && a.type != DTYPE_BF16)
        FAIL(SEMID_ERR_UNSUPPORTED,
             "%s: tensor %s: expected float32, float16 or bfloat16, found %s", r->path, full,
             array_describe(&a, found));

    if (a.n_dims == n_dims && a.shape[0] == d0 && (n_dims == 1 || a.shape[1] == d1)) {
        *out = a;
        return SEMID_OK;
    }
    if (n_dims == 1)
        FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected [%zu] as config.json says, found %s",
             r->path, full, d0, array_describe(&a, found));
    FAIL(SEMID_ERR_SHAPE, "%s: tensor %s: expected [%zu, %zu] as config.json says, found %s",
         r->path, full, d0, d1, array_describe(&a, found));
}

/* A new float32 copy. */
static semid_status copy_tensor(const tensor_reader *r, const char *name, size_t d0, size_t d1,
                                float **out, semid_error *err) {
    array a;
    float *copy;
    TRY(find_tensor(r, name, d0, d1, &a, err));
    TRY(mem_alloc(&copy, array_elements(&a), sizeof(float), err));
    semid_status status = array_to_f32(&a, 0, array_elements(&a), copy, err);
    if (status == SEMID_OK)
        *out = copy;
    else
        mem_free(copy);
    return status;
}

/* Old checkpoints call the parameters of a normalisation gamma and beta. */
static semid_status read_norm(const tensor_reader *r, const char *name, size_t n, norm *out,
                              semid_error *err) {
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s%s.gamma", r->prefix, name);
    bool old = safetensors_has(r->file, key);
    snprintf(key, sizeof key, "%s.%s", name, old ? "gamma" : "weight");
    TRY(copy_tensor(r, key, n, 0, &out->gamma, err));
    snprintf(key, sizeof key, "%s.%s", name, old ? "beta" : "bias");
    return copy_tensor(r, key, n, 0, &out->beta, err);
}

/* ---- linear layers ---- */

/* The bytes of the weights of one output. */
static size_t packed_bytes(precision kind, size_t n_in) {
    if (kind == PRECISION_INT8) return gemm_i8_pad(n_in);
    if (kind == PRECISION_BF16) return gemm_bf16_pad(n_in) * sizeof(uint16_t);
    return n_in * sizeof(float);
}

/* Room for n_parts products of the same size side by side, each padded by itself. */
static semid_status linear_init(linear *l, precision kind, size_t n_in, size_t n_out,
                                size_t n_parts, semid_error *err) {
    size_t padded = gemm_pad(n_out) * n_parts;
    l->kind = kind;
    TRY(mem_alloc(&l->packed, padded, packed_bytes(kind, n_in), err));
    TRY(mem_calloc(&l->bias, padded, sizeof(float), err));
    l->n_in = n_in;
    l->n_out = padded;

    if (kind != PRECISION_INT8) return SEMID_OK;
    TRY(mem_alloc(&l->scales, padded, sizeof(float), err));
    return mem_alloc(&l->sums, padded, sizeof(float), err);
}

/* Weight [n_out, n_in] and bias of one of the products. */
static semid_status linear_read_part(linear *l, const tensor_reader *r, const char *name,
                                     size_t n_out, size_t part, semid_error *err) {
    char key[KEY_BYTES];
    size_t first = part * gemm_pad(n_out), k = l->n_in;
    float *weight = NULL;
    array bias;

    snprintf(key, sizeof key, "%s.bias", name);
    TRY(find_tensor(r, key, n_out, 0, &bias, err));
    TRY(array_to_f32(&bias, 0, n_out, l->bias + first, err));
    snprintf(key, sizeof key, "%s.weight", name);
    TRY(copy_tensor(r, key, n_out, k, &weight, err));

    unsigned char *packed = (unsigned char *)l->packed + first * packed_bytes(l->kind, k);
    if (l->kind == PRECISION_INT8)
        gemm_pack_i8(weight, k, n_out, k, (int8_t *)packed, l->scales + first, l->sums + first);
    else if (l->kind == PRECISION_BF16)
        gemm_pack_bf16(weight, k, n_out, k, (uint16_t *)(void *)packed);
    else
        gemm_pack_transposed(weight, k, n_out, k, (float *)(void *)packed);
    mem_free(weight);
    return SEMID_OK;
}

static semid_status linear_read(linear *l, const tensor_reader *r, const char *name, precision kind,
                                size_t n_in, size_t n_out, semid_error *err) {
    array a;
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s.weight", name);
    TRY(find_tensor(r, key, n_out, n_in, &a, err)); /* before anything of that size is allocated */
    TRY(linear_init(l, kind, n_in, n_out, 1, err));
    return linear_read_part(l, r, name, n_out, 0, err);
}

static void linear_release(linear *l) {
    mem_free(l->packed);
    mem_free(l->bias);
    mem_free(l->scales);
    mem_free(l->sums);
}

static void norm_release(norm *n) {
    mem_free(n->gamma);
    mem_free(n->beta);
}

/* ---- embeddings ---- */

static semid_status read_embeddings(text_model *m, const tensor_reader *r, semid_error *err) {
    const text_model_config *c = &m->config;
    TRY(find_tensor(r, "embeddings.word_embeddings.weight", c->n_words, c->hidden, &m->words, err));
    TRY(copy_tensor(r, "embeddings.position_embeddings.weight", c->n_positions, c->hidden,
                    &m->position_embeddings, err));

    /* the token type of everything is 0, so its vector can go with the position's */
    if (c->n_types > 0) {
        float *type0 = NULL;
        TRY(copy_tensor(r, "embeddings.token_type_embeddings.weight", c->n_types, c->hidden, &type0,
                        err));
        for (size_t i = 0; i < c->n_positions; i++)
            for (size_t j = 0; j < c->hidden; j++)
                m->position_embeddings[i * c->hidden + j] += type0[j];
        mem_free(type0);
    }
    return read_norm(r, "embeddings.LayerNorm", c->hidden, &m->embedding_norm, err);
}

enum { N_BUCKETS = 32, HALF = N_BUCKETS / 2, EXACT = HALF / 2, MAX_DISTANCE = 128 };

/* The bucket, as in T5 (Raffel et al. 2020) and MPNet (Song et al. 2020), of a key that stands
 * `distance` tokens after its query. Half of the buckets are for keys after it. Of each half, the
 * first half holds one distance per bucket; the rest divide the distances up to MAX_DISTANCE evenly
 * on a logarithmic scale, and the last bucket also holds everything beyond. */
static size_t relative_bucket(ptrdiff_t distance) {
    size_t n = distance < 0 ? (size_t)-distance : (size_t)distance, bucket = n;

    /* In float32, as the models were trained: at powers of two, rounding decides. */
    if (n >= EXACT) {
        float ratio = logf((float)n / EXACT) / (float)log((double)MAX_DISTANCE / EXACT);
        bucket = EXACT + (size_t)(ratio * (HALF - EXACT));
        if (bucket >= HALF) bucket = HALF - 1;
    }
    return distance > 0 ? HALF + bucket : bucket;
}

/* A row of biases per head, from the table of buckets. */
static semid_status read_distance_bias(text_model *m, const tensor_reader *r, semid_error *err) {
    const text_model_config *c = &m->config;
    float *table;
    size_t n = text_model_config_max_tokens(c), row = 2 * n - 1;
    float scale = sqrtf((float)(c->hidden / c->n_heads));

    TRY(copy_tensor(r, "encoder.relative_attention_bias.weight", N_BUCKETS, c->n_heads, &table,
                    err));
    semid_status status = mem_alloc(&m->distance_bias, c->n_heads * row, sizeof(float), err);
    for (size_t i = 0; status == SEMID_OK && i < row; i++) {
        size_t bucket = relative_bucket((ptrdiff_t)i - (ptrdiff_t)(n - 1));
        for (size_t h = 0; h < c->n_heads; h++)
            m->distance_bias[h * row + i] = table[bucket * c->n_heads + h] * scale;
    }
    mem_free(table);
    return status;
}

/* ---- the model ---- */

static semid_status read_layer(text_model_layer *layer, const tensor_reader *r, size_t i,
                               precision kind, const text_model_config *c, semid_error *err) {
    const char *qkv[] = {r->names->query, r->names->key, r->names->value};
    char base[64], name[NAME_BYTES];
    array a;

    snprintf(base, sizeof base, "encoder.layer.%zu", i);
    snprintf(name, sizeof name, "%s.%s.weight", base, qkv[0]);
    TRY(find_tensor(r, name, c->hidden, c->hidden, &a, err));
    TRY(linear_init(&layer->qkv, kind, c->hidden, c->hidden, 3, err));
    for (size_t part = 0; part < 3; part++) {
        snprintf(name, sizeof name, "%s.%s", base, qkv[part]);
        TRY(linear_read_part(&layer->qkv, r, name, c->hidden, part, err));
    }

    snprintf(name, sizeof name, "%s.%s", base, r->names->attention_out);
    TRY(linear_read(&layer->attention_out, r, name, kind, c->hidden, c->hidden, err));
    snprintf(name, sizeof name, "%s.%s", base, r->names->attention_norm);
    TRY(read_norm(r, name, c->hidden, &layer->attention_norm, err));

    snprintf(name, sizeof name, "%s.intermediate.dense", base);
    TRY(linear_read(&layer->up, r, name, kind, c->hidden, c->intermediate, err));
    snprintf(name, sizeof name, "%s.output.dense", base);
    TRY(linear_read(&layer->down, r, name, kind, c->intermediate, c->hidden, err));
    snprintf(name, sizeof name, "%s.output.LayerNorm", base);
    return read_norm(r, name, c->hidden, &layer->output_norm, err);
}

semid_status text_model_open(text_model **out, const char *model_dir, precision kind,
                             semid_error *err) {
    text_model *m = NULL;
    char *whole = NULL, *index = NULL, key[KEY_BYTES];
    semid_status status = SEMID_OK;

    TRY(mem_calloc(&m, 1, sizeof *m, err));
    m->kind = kind;
    TRY_GOTO(text_model_config_load(&m->config, model_dir, err));

    /* one file, or the index of its parts; an error of neither names the first */
    TRY_GOTO(path_join(&whole, model_dir, "model.safetensors", err));
    TRY_GOTO(path_join(&index, model_dir, "model.safetensors.index.json", err));
    const char *path = !path_exists(whole) && path_exists(index) ? index : whole;
    TRY_GOTO(safetensors_open(&m->file, path, err));

    const text_model_config *c = &m->config;
    tensor_reader r = {.file = m->file, .path = path, .names = &names_of[c->arch], .prefix = ""};
    snprintf(key, sizeof key, "%sembeddings.word_embeddings.weight", r.names->prefix);
    if (safetensors_has(m->file, key)) r.prefix = r.names->prefix;

    TRY_GOTO(read_embeddings(m, &r, err));
    if (c->arch == ARCHITECTURE_MPNET) TRY_GOTO(read_distance_bias(m, &r, err));
    TRY_GOTO(mem_calloc(&m->layers, c->n_layers, sizeof *m->layers, err));
    for (size_t i = 0; i < c->n_layers; i++)
        TRY_GOTO(read_layer(&m->layers[i], &r, i, kind, c, err));
    snprintf(key, sizeof key, "%spooler.dense.weight", r.prefix);
    if (safetensors_has(m->file, key))
        TRY_GOTO(
            linear_read(&m->pooler, &r, "pooler.dense", PRECISION_F32, c->hidden, c->hidden, err));

    safetensors_drop_pages(m->file); /* what is needed was copied; words are read as they come */
    *out = m;

done:
    if (status != SEMID_OK) text_model_close(m);
    mem_free(whole);
    mem_free(index);
    return status;
}

void text_model_close(text_model *m) {
    if (!m) return;

    for (size_t i = 0; m->layers && i < m->config.n_layers; i++) {
        text_model_layer *layer = &m->layers[i];
        linear_release(&layer->qkv);
        linear_release(&layer->attention_out);
        linear_release(&layer->up);
        linear_release(&layer->down);
        norm_release(&layer->attention_norm);
        norm_release(&layer->output_norm);
    }

    linear_release(&m->pooler);
    norm_release(&m->embedding_norm);
    mem_free(m->layers);
    mem_free(m->position_embeddings);
    mem_free(m->distance_bias);
    safetensors_close(m->file);
    text_model_config_release(&m->config);
    mem_free(m);
}
