/* train/train_params.h - what `semid train` is asked for. */
#ifndef TRAIN_TRAIN_PARAMS_H
#define TRAIN_TRAIN_PARAMS_H

#include "base/string_list.h"
#include "input/concat.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum train_method { TRAIN_RQKMEANS, TRAIN_RQVAE, TRAIN_VQVAE } train_method;

typedef struct train_params {
    const char *in, *out, *init, *load, *encode;
    concat_params concat;  /* beside `in` */
    int method;            /* train_method */
    int64_t L, K;          /* 0: those of init or load, else see choose_shape in train.c */
    int64_t max_train;     /* 0: all rows */
    uint64_t memory_limit; /* bytes; 0: most of the memory of the machine */
    double holdout;        /* share of the rows that training does not see */
    int64_t iters;         /* rqkmeans */
    double tol;            /* rqkmeans */
    bool shrink;           /* rqkmeans */
    int64_t pca;           /* dimensions of principal components; 0: vectors as they are */
    bool pca_whiten;
    int64_t epochs; /* rqvae, vqvae, as the rest; -1: see the help */
    int64_t batch_size, dist_chunk;
    double beta, decay, entropy_reg;
    string_list hidden;            /* widths; none: no networks. With it, as the next: */
    int64_t latent;                /* 0: 32 */
    int gradient, codebook_update; /* semid_gradient, semid_codebook_update */
    double lr, weight_decay, checkpoint_seconds;
    bool resume;
    int64_t encode_batch_size, beam;
    bool balance, unique, train, allow_fewer, skip_bad_rows;
} train_params;

#endif
