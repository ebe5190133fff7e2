/* pipeline/encode.h - the step `semid encode`: vectors to codes with trained codebooks. */
#ifndef PIPELINE_ENCODE_H
#define PIPELINE_ENCODE_H

#include "input/concat.h"
#include "pipeline/step.h"

typedef struct encode_params {
    const char *load, *in, *out;
    concat_params concat; /* beside `in` */
    int64_t batch_size;   /* rows */
    int64_t beam;         /* width; 1: greedy */
    bool balance, unique, skip_bad_rows;
} encode_params;

/* Writes codes to `out` (.npy, int32 [rows, L], whole or not at all). Unless rows compete for codes
 * (balance, unique), each row is read once and memory does not grow with their number. Rows with
 * NaN or Inf are SEMID_ERR_DATA, or with skip_bad_rows left out: then the file beside `out` with
 * the extension .rows.npy lists the rows of `in` that were kept. */
semid_status step_encode(const encode_params *params, const step_context *ctx, json_t **report,
                         semid_error *err);

#endif
