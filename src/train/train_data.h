/* train/train_data.h - which rows training sees, and which it does not. */
#ifndef TRAIN_TRAIN_DATA_H
#define TRAIN_TRAIN_DATA_H

#include "codebook/row_source.h"
#include "input/file_rows.h"
#include "semid/model.h"
#include "train/train_params.h"

typedef struct train_data {
    row_source rows; /* to train on: `owned`; or in place in the file, where training leaves them as
                        they are; or where memory is short read from `sample` as they are needed */
    float *owned;    /* [n_rows, dim] */
    file_rows sample;
    semid_rows from; /* the callback of `sample`; read NULL where rows are in memory */
    size_t n_rows, dim;
    uint64_t *held; /* [n_held] usable rows kept from training, ascending */
    size_t n_held;
} train_data;

/* A seeded uniform sample of the rows, which must be checked and outlive *out; *out must stay where
 * it is. */
semid_status train_data_take(train_data *out, const file_rows *rows, const train_params *params,
                             uint64_t seed, semid_error *err);

/* What a training keeps in memory besides what is read of its rows. */
typedef struct train_memory {
    size_t n_levels, n_codewords;
    size_t latent; /* of networks or a linear map, whose latents are kept for all rows; 0: none */
    size_t n_weights; /* of networks; 0: none */
} train_memory;

/* Can training keep to params->memory_limit? STATUS_USAGE if not. */
semid_status train_data_check_memory(const train_data *data, const train_params *params,
                                     const train_memory *memory, semid_error *err);

/* The rows become their latents, which are in memory. */
semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err);

/* All but the held rows. */
void train_data_drop_rows(train_data *data);
void train_data_release(train_data *data);

#endif
