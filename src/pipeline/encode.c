#include "pipeline/encode.h"

#include "base/json_report.h"
#include "base/log.h"
#include "pipeline/health.h"
#include "pipeline/output_check.h"
#include "pipeline/row_encoder.h"

/* Loads the codebooks, and the model beside them if there is one, lets row_encoder do the work, and
 * reports. Plain codes are streamed: memory does not grow with the number of rows. Where rows
 * compete for codes (--balance, --unique), codes are kept in memory until all are known. */

semid_status step_encode(const encode_params *params, const step_context *ctx, json_t **report,
                         semid_error *err) {
    (void)ctx;
    step_timer timer = step_begin();
    semid_status status;
    semid_codebook *cb = NULL;
    semid_model *model = NULL;
    embeddings *file = NULL;
    file_rows rows = {0};
    encoded result = {0};
    json_t *made = NULL;
    bool compete = params->balance || params->unique;
    if (params->balance && params->beam > 1)
        FAIL(STATUS_USAGE, "--balance and --beam: expected one of them, found both");
    TRY(output_check_file(params->out, (const char *const[]){"npy", NULL}, err));

    TRY_GOTO(json_made(&made, json_object(), err));
    TRY_GOTO(semid_codebook_load(NULL, &cb, params->load, err));
    TRY_GOTO(semid_model_beside(NULL, &model, params->load, cb, err));
    double start_s = clock_seconds();
    TRY_GOTO(concat_open(&file, NULL, params->in, &params->concat, params->load, err));
    rows = file_rows_of(file);

    /* Streamed rows are measured where they are quantized, which is cheaper: a model's latents. */
    encode_options options = {.model = model,
                              .beam = (size_t)params->beam,
                              .balance = params->balance,
                              .unique = params->unique,
                              .latent_errors = model && !compete,
                              .batch_rows = (size_t)params->batch_size,
                              .skip_bad_rows = params->skip_bad_rows,
                              .stream_to = compete ? NULL : params->out};
    TRY_GOTO(encode_rows(&result, cb, &rows, &options, err));
    TRY_GOTO(encoded_report(&result, &options, made, err));
    TRY_GOTO(encoded_save(&result, &rows, params->out, err));

    size_t n_rows = result.all.codes.n_rows, L = semid_codebook_levels(cb);
    double seconds = clock_seconds() - start_s;
    json_t *mse = json_array();
    for (size_t l = 0; l < L; l++) json_array_append_new(mse, health_figure(result.all.mse[l]));
    TRY_GOTO(
        json_merge(made,
                   json_pack("{s:I, s:I, s:I, s:I, s:I, s:o, s:f}", "rows", (json_int_t)n_rows,
                             "bad_rows", (json_int_t)rows.n_bad, "levels", (json_int_t)L,
                             "codewords", (json_int_t)semid_codebook_codewords(cb), "dim",
                             (json_int_t)rows.dim, options.latent_errors ? "latent_mse" : "mse",
                             mse, "rows_per_second", seconds > 0 ? (double)n_rows / seconds : 0.0),
                   err));

    TRY_GOTO(step_end(timer, made, err));
    *report = made;
    made = NULL;
done:
    json_decref(made);
    encoded_release(&result);
    file_rows_close(&rows);
    semid_model_free(model);
    semid_codebook_free(cb);
    return status;
}
