#include "pipeline/embed.h"

#include "base/file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "encoder/text_encoder.h"
#include "formats/embeddings.h"
#include "formats/embeddings_write.h"
#include "formats/ids_file.h"
#include "kernels/kernels.h"
#include "pipeline/embed_partial.h"
#include "pipeline/output_check.h"
#include "semid/version.h"
#include "table/item_texts.h"

#include <string.h>

/* Embedding a catalogue takes hours, so no finished row is ever computed twice: each batch goes to
 * OUT.partial with hashes of its texts before the next one is begun. A later run with --resume
 * passes over the texts again, which costs little, as long as they are the same, cuts the partial
 * file after them, and goes on from there. At the end the rows are copied into the output, whose
 * format may not be one that grows.
 *
 * Rows depend on the texts, the model and the options: the partial file also carries a fingerprint
 * of the last two. */

enum { COPY_ROWS = 4096 };

typedef struct embed_state {
    const embed_params *params;
    text_encoder *encoder;
    item_texts *texts;
    embed_partial *partial;
    ids list;  /* of the items */
    ids batch; /* texts */
    float *x;  /* [batch_size, dim] */
    size_t n_rows, n_kept;
    text_encoder_counts counts;
    double compute_s;
} embed_state;

/* Of the model's files and the options that vectors depend on. */
static semid_status fingerprint(const embed_state *s, uint64_t *out, semid_error *err) {
    static const char *const names[] = {"config.json",
                                        "tokenizer.json",
                                        "vocab.txt",
                                        "vocab.json",
                                        "merges.txt",
                                        "tokenizer_config.json",
                                        "config_sentence_transformers.json",
                                        "model.safetensors"};
    const char *version = semid_version(), *prefix = text_encoder_prefix(s->encoder);
    int64_t options[] = {s->params->max_len, text_encoder_pooling(s->encoder),
                         text_encoder_normalizes(s->encoder), s->params->dtype};
    /* the version: a later one may compute other last bits */
    uint64_t hash = hash_bytes(0, version, strlen(version));
    hash = hash_bytes(hash, options, sizeof options);
    hash = hash_bytes(hash, prefix, strlen(prefix) + 1);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path;
        file_map map = {0};
        TRY(path_join(&path, s->params->model, names[i], err));
        semid_status status = path_exists(path) ? file_map_open(&map, path, err) : SEMID_OK;
        if (status == SEMID_OK) hash = hash_bytes(hash, map.data, map.n_bytes);
        file_map_close(&map);
        mem_free(path);
        TRY(status);
    }
    *out = hash;
    return SEMID_OK;
}

static semid_status open_inputs(embed_state *s, semid_error *err) {
    const embed_params *p = s->params;
    text_encoder_params encoder = {.model_dir = p->model,
                                   .max_len = (size_t)p->max_len,
                                   .pool = (pooling)p->pooling,
                                   .normalize = p->normalize,
                                   .kind = (precision)p->dtype,
                                   .prefix = p->prefix};
    item_texts_params texts = {
        .data = p->data, .id_col = p->id_col, .ts_col = p->ts_col, .text_cols = p->text_cols};

    TRY(text_encoder_open(&s->encoder, &encoder, err));
    TRY(item_texts_open(&s->texts, &texts, err));
    s->n_rows = item_texts_rows(s->texts);
    TRY(item_texts_ids(s->texts, &s->list, err));

    size_t dim = text_encoder_dim(s->encoder);
    uint64_t hash;
    TRY(mem_alloc(&s->x, (size_t)p->batch_size * dim, sizeof(float), err));
    TRY(fingerprint(s, &hash, err));
    return embed_partial_open(&s->partial, p->out, hash, dim, p->resume, err);
}

/* ---- batches ---- */

static semid_status next_batch(embed_state *s, semid_error *err) {
    return item_texts_next(s->texts, (size_t)s->params->batch_size, &s->batch, err);
}

static semid_status embed_all(embed_state *s, semid_error *err) {
    /* pass over the batches that an earlier run finished */
    TRY(next_batch(s, err));
    while (s->batch.n_ids > 0) {
        size_t n_same;
        TRY(embed_partial_match(s->partial, s->n_kept, &s->batch, &n_same, err));
        if (n_same < s->batch.n_ids) break;
        s->n_kept += n_same;
        TRY(next_batch(s, err));
    }
    TRY(embed_partial_cut(s->partial, s->n_kept, err));

    progress bar;
    double start_s = clock_seconds();
    semid_status status = SEMID_OK;
    progress_begin(&bar, "embed", "texts", s->n_rows - s->n_kept);
    bar.state.part_unit = "tokens";
    while (s->batch.n_ids > 0) {
        if (interrupted())
            FAIL_GOTO(SEMID_ERR_INTERRUPTED, "interrupted; --resume goes on from %zu of %zu texts",
                      embed_partial_rows(s->partial), s->n_rows);
        TRY_GOTO(text_encoder_embed(s->encoder, &s->batch, s->x, &s->counts, err));
        TRY_GOTO(embed_partial_append(s->partial, &s->batch, s->x, err));

        bar.state.n_parts = s->counts.n_tokens;
        progress_add(&bar, s->batch.n_ids);
        TRY_GOTO(next_batch(s, err));
    }
done:
    progress_end(&bar);
    s->compute_s = clock_seconds() - start_s;
    return status;
}

/* ---- output ---- */

static semid_status write_out(embed_state *s, const char *ids_path, semid_error *err) {
    size_t dim = text_encoder_dim(s->encoder), n;
    semid_status status;
    embeddings_writer *w = NULL;
    float *x = NULL;
    TRY_GOTO(embeddings_writer_open(&w, s->params->out, s->n_rows, dim, &s->list, err));
    TRY_GOTO(mem_alloc(&x, COPY_ROWS * dim, sizeof(float), err));

    for (size_t row = 0; row < s->n_rows; row += n) {
        n = s->n_rows - row < COPY_ROWS ? s->n_rows - row : COPY_ROWS;
        TRY_GOTO(embed_partial_read(s->partial, row, n, x, err));
        TRY_GOTO(embeddings_writer_append(w, x, n, err));
    }

    /* The vectors get their name last: where they are, their ids are too, and the partial file has
     * done its work. */
    TRY_GOTO(ids_save(&s->list, ids_path, err));
    TRY_GOTO(embeddings_writer_commit(w, err));
    embed_partial_remove(s->partial);
done:
    embeddings_writer_free(w);
    mem_free(x);
    return status;
}

semid_status step_embed(const embed_params *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    (void)ctx;
    static const char *const extensions[] = {"npy", "pt", "safetensors", NULL};
    step_timer timer = step_begin();
    embed_state s = {.params = params};
    json_t *figures = NULL;
    char *ids_path = NULL;
    semid_status status = SEMID_OK;
    TRY(output_check_file(params->out, extensions, err));
    TRY_GOTO(path_replace_extension(&ids_path, params->out, ".ids.npy", err));
    TRY_GOTO(output_check_file(ids_path, NULL, err));

    TRY_GOTO(open_inputs(&s, err));
    TRY_GOTO(embed_all(&s, err));
    TRY_GOTO(write_out(&s, ids_path, err));

    double seconds = s.compute_s > 0 ? s.compute_s : 1; /* all kept: the rates are 0 */
    TRY_GOTO(json_made(
        &figures,
        json_pack(
            "{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:f}",
            "out", params->out, "ids", ids_path, "rows", (json_int_t)s.n_rows, "dim",
            (json_int_t)text_encoder_dim(s.encoder), "dtype",
            precision_name((precision)params->dtype), "isa", kernels()->tier, "pooling",
            pooling_name(text_encoder_pooling(s.encoder)), "normalized",
            text_encoder_normalizes(s.encoder), "prefix", text_encoder_prefix(s.encoder), "max_len",
            (json_int_t)params->max_len, "rows_kept", (json_int_t)s.n_kept, "tokens",
            (json_int_t)s.counts.n_tokens, "truncated", (json_int_t)s.counts.n_truncated,
            "empty_texts", (json_int_t)item_texts_empty(s.texts), "texts_per_s",
            (double)(s.n_rows - s.n_kept) / seconds, "tokens_per_s",
            (double)s.counts.n_tokens / seconds),
        err));
    TRY_GOTO(step_end(timer, figures, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(figures);
    mem_free(ids_path);
    embed_partial_close(s.partial);
    mem_free(s.x);
    ids_release(&s.batch);
    ids_release(&s.list);
    item_texts_close(s.texts);
    text_encoder_close(s.encoder);
    return status;
}
