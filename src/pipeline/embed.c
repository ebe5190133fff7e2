#include "pipeline/embed.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "encoder/text_encoder.h"
#include "formats/embeddings.h"
#include "kernels/kernels.h"
#include "pipeline/embed_partial.h"
#include "semid/version.h"
#include "table/item_texts.h"

#include <string.h>

enum { COPY_ROWS = 4096 };

typedef struct job {
    const embed_params *params;
    text_encoder *e;
    item_texts *texts;
    embed_partial *partial;
    ids list;  /* of the items */
    ids batch; /* texts */
    float *x;  /* [batch_size, dim] */
    size_t n_rows, n_kept;
    text_encoder_counts counts;
    double compute_s;
} job;

static semid_status check_out(const char *path, semid_error *err) {
    static const char *const known[] = {"npy", "pt", "safetensors"};
    char extension[16];
    path_extension(path, extension);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(extension, known[i]) == 0) return SEMID_OK;
    FAIL(SEMID_ERR_ARGUMENT, "%s: expected a name that ends in .npy, .pt or .safetensors", path);
}

/* ---- what kept rows depend on besides their texts ---- */

static semid_status hash_file(uint64_t *hash, const char *dir, const char *name, semid_error *err) {
    char *path;
    file_map map = {0};
    TRY(path_join(&path, dir, name, err));
    semid_status status = path_exists(path) ? file_map_open(&map, path, err) : SEMID_OK;
    if (status == SEMID_OK) *hash = hash_bytes(*hash, map.data, map.n_bytes);
    file_map_close(&map);
    mem_free(path);
    return status;
}

static semid_status fingerprint(const job *j, uint64_t *out, semid_error *err) {
    static const char *const files[] = {"config.json",
                                        "tokenizer.json",
                                        "vocab.txt",
                                        "vocab.json",
                                        "merges.txt",
                                        "tokenizer_config.json",
                                        "config_sentence_transformers.json",
                                        "model.safetensors"};
    int64_t options[] = {j->params->max_len, text_encoder_pooling(j->e),
                         text_encoder_normalizes(j->e), j->params->dtype};
    uint64_t hash = hash_bytes(hash_bytes(0, semid_version(), strlen(semid_version())), options,
                               sizeof options);
    hash = hash_bytes(hash, text_encoder_prefix(j->e), strlen(text_encoder_prefix(j->e)) + 1);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        TRY(hash_file(&hash, j->params->model, files[i], err));
    *out = hash;
    return SEMID_OK;
}

/* ---- the work ---- */

static semid_status open_inputs(job *j, semid_error *err) {
    const embed_params *p = j->params;
    TRY(check_out(p->out, err));
    TRY(text_encoder_open(&j->e,
                          &(text_encoder_params){.model_dir = p->model,
                                                 .max_len = (size_t)p->max_len,
                                                 .pool = (pooling)p->pooling,
                                                 .normalize = p->normalize,
                                                 .kind = (precision)p->dtype,
                                                 .prefix = p->prefix},
                          err));
    TRY(item_texts_open(
        &j->texts,
        &(item_texts_params){
            .data = p->data, .id_col = p->id_col, .ts_col = p->ts_col, .text_cols = p->text_cols},
        err));
    j->n_rows = item_texts_rows(j->texts);
    TRY(item_texts_ids(j->texts, &j->list, err));
    TRY(mem_alloc(&j->x, (size_t)p->batch_size * text_encoder_dim(j->e), sizeof(float), err));
    uint64_t hash;
    TRY(fingerprint(j, &hash, err));
    return embed_partial_open(&j->partial, p->out, hash, text_encoder_dim(j->e), p->resume, err);
}

/* Whether the batch that starts at `row` is kept from an earlier run. */
static semid_status batch_is_kept(const job *j, size_t row, bool *kept, semid_error *err) {
    size_t n_same;
    TRY(embed_partial_match(j->partial, row, &j->batch, &n_same, err));
    *kept = n_same == j->batch.n_ids;
    return SEMID_OK;
}

static semid_status embed_batch(job *j, semid_error *err) {
    if (interrupted())
        FAIL(SEMID_ERR_INTERRUPTED, "interrupted; --resume goes on from %zu of %zu texts",
             embed_partial_rows(j->partial), j->n_rows);
    TRY(text_encoder_embed(j->e, &j->batch, j->x, &j->counts, err));
    return embed_partial_append(j->partial, &j->batch, j->x, err);
}

static semid_status next_batch(job *j, semid_error *err) {
    return item_texts_next(j->texts, (size_t)j->params->batch_size, &j->batch, err);
}

/* Pass over what is kept; on return the batch is the first to compute, or empty. */
static semid_status skip_kept(job *j, semid_error *err) {
    bool kept = true;
    TRY(next_batch(j, err));
    while (j->batch.n_ids > 0) {
        TRY(batch_is_kept(j, j->n_kept, &kept, err));
        if (!kept) break;
        j->n_kept += j->batch.n_ids;
        TRY(next_batch(j, err));
    }
    return embed_partial_cut(j->partial, j->n_kept, err);
}

static semid_status embed_rest(job *j, semid_error *err) {
    progress bar;
    double start_s = clock_seconds();
    semid_status status = SEMID_OK;
    progress_begin(&bar, "embed", "texts", j->n_rows - j->n_kept);
    bar.state.part_unit = "tokens";
    while (j->batch.n_ids > 0) {
        TRY_GOTO(embed_batch(j, err));
        bar.state.n_parts = j->counts.n_tokens;
        progress_add(&bar, j->batch.n_ids);
        TRY_GOTO(next_batch(j, err));
    }
done:
    progress_end(&bar);
    j->compute_s = clock_seconds() - start_s;
    return status;
}

static semid_status write_rows(const job *j, embeddings_writer *w, semid_error *err) {
    size_t dim = text_encoder_dim(j->e), n;
    float *x;
    TRY(mem_alloc(&x, COPY_ROWS * dim, sizeof(float), err));
    semid_status status = SEMID_OK;
    for (size_t row = 0; row < j->n_rows; row += n) {
        n = j->n_rows - row < COPY_ROWS ? j->n_rows - row : COPY_ROWS;
        TRY_GOTO(embed_partial_read(j->partial, row, n, x, err));
        TRY_GOTO(embeddings_writer_append(w, x, n, err));
    }
done:
    mem_free(x);
    return status;
}

static semid_status write_out(job *j, const char *ids_path, semid_error *err) {
    embeddings_writer *w;
    TRY(embeddings_writer_open(&w, j->params->out, j->n_rows, text_encoder_dim(j->e), &j->list,
                               err));
    semid_status status = write_rows(j, w, err);
    if (status == SEMID_OK) status = ids_save(&j->list, ids_path, err);
    if (status == SEMID_OK) status = embeddings_writer_commit(w, err);
    embeddings_writer_free(w);
    if (status == SEMID_OK) embed_partial_remove(j->partial);
    return status;
}

static semid_status make_report(const job *j, const char *ids_path, json_t **out,
                                semid_error *err) {
    double seconds = j->compute_s > 0 ? j->compute_s : 1;
    json_t *report = json_pack(
        "{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "out",
        j->params->out, "ids", ids_path, "rows", (json_int_t)j->n_rows, "dim",
        (json_int_t)text_encoder_dim(j->e), "dtype", precision_name((precision)j->params->dtype),
        "isa", kernels()->tier, "pooling", pooling_name(text_encoder_pooling(j->e)), "normalized",
        text_encoder_normalizes(j->e), "prefix", text_encoder_prefix(j->e), "max_len",
        (json_int_t)j->params->max_len, "rows_kept", (json_int_t)j->n_kept, "tokens",
        (json_int_t)j->counts.n_tokens, "truncated", (json_int_t)j->counts.n_truncated,
        "empty_texts", (json_int_t)item_texts_empty(j->texts), "texts_per_s",
        (double)(j->n_rows - j->n_kept) / seconds, "tokens_per_s",
        (double)j->counts.n_tokens / seconds);
    if (!report) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    *out = report;
    return SEMID_OK;
}

static void job_release(job *j) {
    embed_partial_close(j->partial);
    mem_free(j->x);
    ids_release(&j->batch);
    ids_release(&j->list);
    item_texts_close(j->texts);
    text_encoder_close(j->e);
}

semid_status step_embed(const embed_params *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    job j = {.params = params};
    json_t *figures = NULL;
    char *ids_path = NULL;
    semid_status status = SEMID_OK;
    TRY_GOTO(open_inputs(&j, err));
    TRY_GOTO(path_replace_extension(&ids_path, params->out, ".ids.npy", err));
    TRY_GOTO(skip_kept(&j, err));
    TRY_GOTO(embed_rest(&j, err));
    TRY_GOTO(write_out(&j, ids_path, err));
    TRY_GOTO(make_report(&j, ids_path, &figures, err));
    TRY_GOTO(step_end(timer, figures, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(figures);
    mem_free(ids_path);
    job_release(&j);
    return status;
}
