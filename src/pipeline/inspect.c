#include "pipeline/inspect.h"

#include "base/file.h"
#include "base/json_file.h"
#include "base/json_report.h"
#include "base/memory.h"
#include "pipeline/health.h"
#include "pipeline/inspect_prefix.h"
#include "semid/codebook.h"
#include "semid/quality.h"

/* Figures about codes are computed from codes.npy. Figures about errors need the vectors, which are
 * not in the folder: those that training measured are taken from metrics.json, and are null without
 * it. */

typedef struct method_folder {
    semid_codebook *codebook;
    semid_codes codes;
    json_t *metrics; /* NULL: there is no metrics.json */
} method_folder;

static semid_status load_folder(method_folder *f, const char *dir, semid_error *err) {
    semid_status status = SEMID_OK;
    char *codebooks = NULL, *codes = NULL, *metrics = NULL;
    TRY_GOTO(path_join(&codebooks, dir, "codebooks.npz", err));
    TRY_GOTO(path_join(&codes, dir, "codes.npy", err));
    TRY_GOTO(path_join(&metrics, dir, "metrics.json", err));

    TRY_GOTO(semid_codebook_load(NULL, &f->codebook, codebooks, err));
    TRY_GOTO(semid_codes_load(&f->codes, codes, err));
    if (path_exists(metrics)) TRY_GOTO(json_file_load(&f->metrics, metrics, err));

    size_t L = semid_codebook_levels(f->codebook);
    if (f->codes.n_levels != L)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected [N, %zu] codes as %s has levels, found [%zu, %zu]",
                  codes, L, codebooks, f->codes.n_rows, f->codes.n_levels);
done:
    mem_free(codebooks);
    mem_free(codes);
    mem_free(metrics);
    return status;
}

static semid_status report_health(json_t *report, const char *dir, const method_folder *f,
                                  semid_error *err) {
    semid_quality q;
    size_t K = semid_codebook_codewords(f->codebook);
    semid_status status = semid_quality_measure(NULL, &q, &f->codes, K, NULL, 0, err);
    if (status != SEMID_OK) return error_prefix(err, "%s", dir);

    /* the errors that training measured, where it measured any */
    const json_t *levels = json_object_get(f->metrics, "levels");
    for (size_t l = 0; json_array_size(levels) == q.n_levels && l < q.n_levels; l++) {
        const json_t *level = json_array_get(levels, l), *mse = json_object_get(level, "mse");
        const json_t *explained = json_object_get(level, "explained_ratio");
        if (json_is_number(mse)) q.levels[l].mse = json_number_value(mse);
        if (json_is_number(explained)) q.levels[l].explained_ratio = json_number_value(explained);
    }

    TRY_GOTO(json_merge(report,
                        json_pack("{s:s, s:s?, s:I, s:I, s:I}", "folder", dir, "method",
                                  json_string_value(json_object_get(f->metrics, "method")), "L",
                                  (json_int_t)q.n_levels, "K", (json_int_t)q.n_codewords, "dim",
                                  (json_int_t)semid_codebook_dim(f->codebook)),
                        err));
    TRY_GOTO(health_add(report, &q, err));
done:
    semid_quality_release(&q);
    return status;
}

semid_status step_inspect(const inspect_params *params, const step_context *ctx, json_t **report,
                          semid_error *err) {
    (void)ctx;
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    method_folder folder = {0};
    json_t *result;
    TRY(json_made(&result, json_object(), err));

    TRY_GOTO(load_folder(&folder, params->dir, err));
    TRY_GOTO(report_health(result, params->dir, &folder, err));
    if (params->prefix) {
        prefix_params prefix = {.dir = params->dir,
                                .items = params->items,
                                .prefix = params->prefix,
                                .ids = params->ids,
                                .id_col = params->id_col,
                                .title_col = params->title_col,
                                .limit = (size_t)params->limit};
        TRY_GOTO(inspect_prefix(result, &prefix, &folder.codes,
                                semid_codebook_codewords(folder.codebook), err));
    }

    TRY_GOTO(step_end(timer, result, err));
    *report = json_incref(result);
done:
    json_decref(result);
    json_decref(folder.metrics);
    semid_codes_release(&folder.codes);
    semid_codebook_free(folder.codebook);
    return status;
}
