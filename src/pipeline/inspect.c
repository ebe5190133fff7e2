#include "pipeline/inspect.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/memory.h"
#include "pipeline/health.h"
#include "pipeline/inspect_prefix.h"
#include "semid/codebook.h"
#include "semid/quality.h"

static semid_status load_folder(const char *dir, semid_codebook **cb, semid_codes *codes,
                                json_t **metrics, semid_error *err) {
    semid_status status = SEMID_OK;
    char *books = NULL, *rows = NULL, *figures = NULL;
    TRY_GOTO(path_join(&books, dir, "codebooks.npz", err));
    TRY_GOTO(path_join(&rows, dir, "codes.npy", err));
    TRY_GOTO(path_join(&figures, dir, "metrics.json", err));
    TRY_GOTO(semid_codebook_load(NULL, cb, books, err));
    TRY_GOTO(semid_codes_load(codes, rows, err));
    if (path_exists(figures)) TRY_GOTO(json_file_load(metrics, figures, err));
    if (codes->n_levels != semid_codebook_levels(*cb))
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected [N, %zu] codes as %s has levels, found [%zu, %zu]",
                  rows, semid_codebook_levels(*cb), books, codes->n_rows, codes->n_levels);
done:
    mem_free(books);
    mem_free(rows);
    mem_free(figures);
    return status;
}

/* Errors need the vectors, which are not here: those that training measured, if they are there. */
static void take_errors(semid_quality *q, const json_t *metrics) {
    const json_t *levels = json_object_get(metrics, "levels");
    for (size_t l = 0; json_array_size(levels) == q->n_levels && l < q->n_levels; l++) {
        const json_t *level = json_array_get(levels, l), *mse = json_object_get(level, "mse");
        const json_t *explained = json_object_get(level, "explained_ratio");
        if (json_is_number(mse)) q->levels[l].mse = json_number_value(mse);
        if (json_is_number(explained)) q->levels[l].explained_ratio = json_number_value(explained);
    }
}

static semid_status report_health(json_t *report, const char *dir, const semid_codebook *cb,
                                  const semid_codes *codes, const json_t *metrics,
                                  semid_error *err) {
    semid_quality q;
    semid_status status =
        semid_quality_measure(NULL, &q, codes, semid_codebook_codewords(cb), NULL, 0, err);
    if (status != SEMID_OK) return error_prefix(err, "%s", dir);
    take_errors(&q, metrics);
    const char *method = json_string_value(json_object_get(metrics, "method"));
    json_t *shape = json_pack("{s:s, s:s?, s:I, s:I, s:I}", "folder", dir, "method", method, "L",
                              (json_int_t)q.n_levels, "K", (json_int_t)q.n_codewords, "dim",
                              (json_int_t)semid_codebook_dim(cb));
    int failed = !shape || json_object_update(report, shape) != 0;
    json_decref(shape);
    if (!failed) status = health_add(report, &q, err);
    semid_quality_release(&q);
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    return status;
}

semid_status step_inspect(const inspect_params *params, const step_context *ctx, json_t **report,
                          semid_error *err) {
    (void)ctx;
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    semid_codebook *cb = NULL;
    semid_codes codes = {0};
    json_t *metrics = NULL, *result = json_object();
    if (!result) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the report");
    TRY_GOTO(load_folder(params->dir, &cb, &codes, &metrics, err));
    TRY_GOTO(report_health(result, params->dir, cb, &codes, metrics, err));
    if (params->prefix)
        TRY_GOTO(inspect_prefix(result, params, &codes, semid_codebook_codewords(cb), err));
    TRY_GOTO(step_end(timer, result, err));
    *report = result;
    result = NULL;
done:
    json_decref(result);
    json_decref(metrics);
    semid_codes_release(&codes);
    semid_codebook_free(cb);
    return status;
}
