#include "pipeline/build_faiss.h"

#include "base/file.h"
#include "base/finite.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rng.h"
#include "eval/catalogue.h"
#include "formats/ids_file.h"
#include "pipeline/output_check.h"
#include "retrieval/faiss_library.h"

/* Vectors stream into the index block by block: beside the index there is one block of rows in
 * memory, and for indexes that cluster (IVF, PQ) the sample that FAISS learns from. Vectors of unit
 * length make the inner product the cosine; index.meta.json says whether they are. */

enum { BLOCK_ROWS = 16384, MAX_TRAINING_ROWS = 1 << 18 };

static void normalize_rows(float *x, size_t n, size_t dim) {
    for (size_t i = 0; i < n; i++) vector_normalize(x + i * dim, dim);
}

/* On a seeded sample of the rows. */
static semid_status train(const faiss_bridge *faiss, faiss_index *index, const embeddings *e,
                          bool normalize, uint64_t seed, semid_error *err) {
    size_t n_rows = embeddings_rows(e), dim = embeddings_dim(e), bad;
    size_t n = n_rows < MAX_TRAINING_ROWS ? n_rows : MAX_TRAINING_ROWS;
    semid_status status = SEMID_OK;
    uint64_t *rows = NULL;
    float *x = NULL;
    rng random;

    rng_init(&random, seed, RNG_FAISS_SAMPLE);
    TRY_GOTO(mem_alloc(&rows, n, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&x, n, dim * sizeof *x, err));
    rng_sample_sorted(&random, n_rows, n, rows);
    TRY_GOTO(embeddings_gather(e, rows, n, x, err));

    if (rows_not_finite(x, n, dim, &bad))
        FAIL_GOTO(SEMID_ERR_DATA, "%s: expected finite values, found NaN or Inf in row %llu",
                  embeddings_path(e), (unsigned long long)rows[bad]);
    if (normalize) normalize_rows(x, n, dim);

    log_info("training the index on %zu of %zu rows", n, n_rows);
    TRY_GOTO(faiss->train(index, x, n, err));
done:
    mem_free(rows);
    mem_free(x);
    return status;
}

static semid_status add_rows(const faiss_bridge *faiss, faiss_index *index, const embeddings *e,
                             bool normalize, semid_error *err) {
    size_t n_rows = embeddings_rows(e), dim = embeddings_dim(e);
    semid_status status = SEMID_OK;
    float *x;
    progress bar;
    TRY(mem_alloc(&x, BLOCK_ROWS, dim * sizeof *x, err));

    progress_begin(&bar, "build-faiss", "rows", n_rows);
    for (size_t row = 0; row < n_rows; row += BLOCK_ROWS) {
        size_t n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(embeddings_read(e, row, n, x, err));
        /* the index grows: pages of the file must not pile up beside it */
        embeddings_drop(e, row, row + n);
        TRY_GOTO(catalogue_check_rows(e, x, n, row, err));
        if (normalize) normalize_rows(x, n, dim);
        TRY_GOTO(faiss->add(index, x, n, err));
        progress_add(&bar, n);
    }
done:
    progress_end(&bar);
    mem_free(x);
    return status;
}

static semid_status save(const faiss_bridge *faiss, const faiss_index *index, const ids *list,
                         const build_faiss_params *params, json_t **out, semid_error *err) {
    semid_status status = SEMID_OK;
    char *index_path = NULL, *ids_path = NULL, *meta_path = NULL;
    json_t *meta = NULL;
    TRY_GOTO(path_join(&index_path, params->outdir, "index.faiss", err));
    TRY_GOTO(path_join(&ids_path, params->outdir, "ids.npy", err));
    TRY_GOTO(path_join(&meta_path, params->outdir, "index.meta.json", err));

    TRY_GOTO(faiss_file_save(faiss, index, index_path, err));
    TRY_GOTO(ids_save(list, ids_path, err));

    TRY_GOTO(json_made(&meta,
                       json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I}", "index", "index.faiss",
                                 "metric", "inner_product", "normalised", params->normalize,
                                 "factory", params->factory, "rows", (json_int_t)faiss->rows(index),
                                 "dim", (json_int_t)faiss->dim(index), "index_bytes",
                                 (json_int_t)file_bytes(index_path)),
                       err));
    TRY_GOTO(json_file_save(meta, meta_path, err));
    *out = json_incref(meta);
done:
    json_decref(meta);
    mem_free(index_path);
    mem_free(ids_path);
    mem_free(meta_path);
    return status;
}

semid_status step_build_faiss(const build_faiss_params *params, const step_context *ctx,
                              json_t **report, semid_error *err) {
    static const char *const outputs[] = {"index.faiss", "ids.npy", "index.meta.json", NULL};
    step_timer timer = step_begin();
    semid_status status = SEMID_OK;
    const faiss_bridge *faiss = NULL;
    faiss_index *index = NULL;
    embeddings *e = NULL;
    ids list = {0};
    json_t *meta = NULL;
    TRY(output_check_folder(params->outdir, outputs, err));

    TRY_GOTO(concat_open(&e, NULL, params->emb, &params->concat, NULL, err));
    TRY_GOTO(catalogue_ids_load(&list, e, params->ids, err));
    TRY_GOTO(faiss_library_load(&faiss, err));
    /* the third argument: inner product */
    status = faiss->create(&index, embeddings_dim(e), params->factory, true, err);
    if (status != SEMID_OK) TRY_GOTO(error_prefix(err, "--factory %s", params->factory));

    if (faiss->needs_training(index))
        TRY_GOTO(train(faiss, index, e, params->normalize, ctx->seed, err));
    TRY_GOTO(add_rows(faiss, index, e, params->normalize, err));
    TRY_GOTO(save(faiss, index, &list, params, &meta, err));

    TRY_GOTO(step_end(timer, meta, err));
    *report = meta;
    meta = NULL;
done:
    json_decref(meta);
    if (index) faiss->free(index);
    ids_release(&list);
    embeddings_close(e);
    return status;
}
