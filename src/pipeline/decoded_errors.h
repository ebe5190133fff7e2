/* pipeline/decoded_errors.h - errors of the codes of a model, measured where its vectors are: the
 * error after each level of the decoded vectors, comparable with quantizers without networks. */
#ifndef PIPELINE_DECODED_ERRORS_H
#define PIPELINE_DECODED_ERRORS_H

#include "base/error.h"
#include "semid/model.h"

typedef struct decoded_errors {
    const semid_model *model;
    const semid_codebook *cb;
    float *sums;    /* [max_rows, latent] of the codewords of the levels so far */
    float *decoded; /* [max_rows, dim] */
} decoded_errors;

/* Zeroed ones may be released. */
semid_status decoded_errors_init(decoded_errors *d, const semid_model *model,
                                 const semid_codebook *cb, size_t max_rows, semid_error *err);
void decoded_errors_release(decoded_errors *d);

/* x [n, dim] and their codes [n, L] -> squared errors [n, L] after each level from `first` on;
 * those of lower levels stay as they are. */
semid_status decoded_errors_measure(decoded_errors *d, const float *x, const int32_t *codes,
                                    size_t n, size_t first, float *errors, semid_error *err);

#endif
