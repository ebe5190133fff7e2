/* pipeline/encode.h - vectors to codes with a trained codebook, streamed: memory does not grow with
 * the number of rows. */
#ifndef PIPELINE_ENCODE_H
#define PIPELINE_ENCODE_H

#include "formats/embeddings.h"
#include "input/concat.h"
#include "pipeline/step.h"
#include "semid/codebook.h"
#include "semid/model.h"

typedef struct encode_params {
    const char *load, *in, *out;
    concat_params concat; /* beside `in` */
    int64_t batch_size;   /* rows */
    int64_t beam;         /* width; 1: greedy */
    bool balance, unique, skip_bad_rows;
} encode_params;

typedef struct encode_result {
    size_t n_rows;     /* encoded */
    size_t n_bad_rows; /* dropped: NaN or Inf */
    size_t first_bad_row;
    /* [L] mean squared norm of the residual after each level, of latents with a model; mem_free */
    double *level_errors;
} encode_result;

/* With a beam of this width, and through the model's encoder unless it is NULL, encode every row of
 * `in` into out_path (.npy, int32 [rows, L], whole or not at all), reading each row once. Rows with
 * NaN or Inf are SEMID_ERR_DATA, naming the first and how many, or with skip_bad_rows left out:
 * then the file beside out_path with the extension .rows.npy lists the rows of `in` that were kept.
 */
semid_status encode_stream(const semid_codebook *cb, const semid_model *model, const embeddings *in,
                           const char *out_path, size_t beam_width, size_t batch_rows,
                           bool skip_bad_rows, encode_result *result, semid_error *err);

semid_status step_encode(const encode_params *params, const step_context *ctx, json_t **report,
                         semid_error *err);

#endif
