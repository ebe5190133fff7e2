/* codebook/model.h - what the library needs of a model besides semid/model.h. */
#ifndef CODEBOOK_MODEL_H
#define CODEBOOK_MODEL_H

#include "base/error.h"
#include "codebook/mlp.h"
#include "semid/model.h"

struct semid_model {
    mlp encoder, decoder; /* mirrored */
    size_t n_params;
    float *params; /* [n_params] encoder, then decoder */
    float *mean;   /* [dim] */
    float scale;
};

/* With all numbers zero and scale 1. trains: with what gradients need (mlp.h). */
semid_status model_new(semid_model **out, const mlp_shape *encoder, bool trains, semid_error *err);
/* One layer each way, without ReLU: z = encode_weights (x - mean), y = mean + decode_weights z;
 * encode_weights [latent, dim], decode_weights [dim, latent]. */
semid_status model_new_linear(semid_model **out, size_t dim, size_t latent, const float *mean,
                              const float *encode_weights, const float *decode_weights,
                              semid_error *err);
/* Call it after params changed. */
void model_refresh(semid_model *model);
/* The part of params that is the decoder's. */
float *model_decoder_params(const semid_model *model);

/* One row [dim] as the encoder network takes it, [gemm_pad(dim)]. */
void model_scale_row(const semid_model *model, const float *x, float *out);

/* semid_model_project for a block of finite rows, on the calling thread: workspace
 * [model_block_floats]. */
enum { MODEL_BLOCK_ROWS = 96 };
size_t model_block_floats(const semid_model *model);
void model_project_block(const semid_model *model, const float *x, size_t n, float *z,
                         float *workspace);
/* SEMID_ERR_DATA if there are rows whose outputs left float32. */
semid_status model_not_finite(size_t n_bad, size_t first_bad, semid_error *err);

/* The checksum of its codebook that a model's file carries. */
uint32_t model_codebook_mark(const semid_codebook *codebook);

#endif
