/* pipeline/train_encode.h - codes of a whole file with a finished codebook, and their quality. */
#ifndef PIPELINE_TRAIN_ENCODE_H
#define PIPELINE_TRAIN_ENCODE_H

#include "pipeline/vectors.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "semid/model.h"
#include "semid/quality.h"

typedef struct encoded {
    semid_codes codes; /* of the usable rows, in order */
    semid_quality quality;
    semid_quality held_quality; /* of the held rows alone; zero when there are none */
} encoded;

/* How codes are chosen. */
typedef struct encode_choice {
    size_t beam;              /* width; 1: greedy */
    const semid_model *model; /* quantize and measure through it; NULL: rows as they are */
} encode_choice;

/* held [n_held]: rows to measure by themselves too, ascending. SEMID_ERR_SHAPE if the dimensions
 * differ. */
semid_status train_encode(encoded *out, const semid_codebook *cb, const vectors *v,
                          const encode_choice *choice, size_t batch_rows, const uint64_t *held,
                          size_t n_held, semid_error *err);
void encoded_release(encoded *e);

#endif
