/* train/train_data.h - which rows training sees, and which it does not. */
#ifndef TRAIN_TRAIN_DATA_H
#define TRAIN_TRAIN_DATA_H

#include "codebook/row_source.h"
#include "input/vectors.h"
#include "semid/model.h"
#include "train/train_params.h"

typedef struct train_data {
    row_source rows; /* to train on: `owned`, in place in the file where training leaves it as it is
                    (RQ-KMeans works in it), or where memory is short read as they are needed */
    float *owned;    /* [n_rows, dim] */
    uint64_t *numbers;     /* [n_rows] of rows that are read, in the file; NULL: all rows */
    vectors_reader reader; /* of rows that are read */
    semid_rows from;       /* the same */
    size_t n_rows, dim;
    uint64_t *held; /* [n_held] usable rows kept from training, ascending */
    size_t n_held;
} train_data;

/* A seeded uniform sample of the usable rows of v, which must outlive *out; *out must stay where it
 * is. */
semid_status train_data_take(train_data *out, const vectors *v, const train_params *params,
                             uint64_t seed, semid_error *err);
/* With L and K known: can training keep to params->memory_limit? SEMID_ERR_USAGE if not.
 * at_hand: it needs the rows in memory. */
semid_status train_data_check_memory(const train_data *data, const train_params *params,
                                     size_t n_levels, size_t n_codewords, bool at_hand,
                                     semid_error *err);
/* The rows become their latents. */
semid_status train_data_project(train_data *data, const semid_model *model, semid_error *err);
/* All but the held rows. */
void train_data_drop_rows(train_data *data);
void train_data_release(train_data *data);

#endif
