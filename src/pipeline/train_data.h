/* pipeline/train_data.h - which rows training sees, and which it does not. */
#ifndef PIPELINE_TRAIN_DATA_H
#define PIPELINE_TRAIN_DATA_H

#include "pipeline/train.h"
#include "pipeline/vectors.h"
#include "semid/model.h"

typedef struct train_data {
    const float *x; /* [n_rows, dim]: `owned`, or in place in the file if training leaves it as it
                       is: RQ-KMeans works in it */
    float *owned;
    size_t n_rows, dim;
    uint64_t *held; /* [n_held] usable rows kept from training, ascending */
    size_t n_held;
} train_data;

/* A seeded uniform sample of the usable rows of v, which must outlive *out. */
semid_status train_data_take(train_data *out, const vectors *v, const train_params *params,
                             uint64_t seed, semid_error *err);
/* The rows become their latents. */
semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err);
void train_data_release(train_data *data);

#endif
