/* learn/rqvae_step.h - one training step of networks and codebooks: forward, gradients, update.
 * The formulas are in semid/rqvae.h. */
#ifndef LEARN_RQVAE_STEP_H
#define LEARN_RQVAE_STEP_H

#include "codebook/model.h"
#include "learn/adamw.h"
#include "learn/codebook_trainer.h"
#include "semid/rqvae.h"

typedef struct rqvae_trainer {
    semid_model *model;         /* borrowed */
    codebook_trainer codebooks; /* of latents */
    bool rotate, codes_by_gradient;
    adamw_rules adamw;
    size_t n_steps;         /* done */
    float *grads, *m, *v;   /* [model->n_params] */
    float *code_grads;      /* [K, latent] of one level, if codes_by_gradient */
    float *code_m, *code_v; /* [n_levels, K, latent] */
    mlp_tape encoder_tape, decoder_tape;
    float *x;      /* [max_rows, gemm_pad(dim)] the batch, scaled */
    float *commit; /* [max_rows, latent] sum over levels of r_l - e_l */
    double *sums;  /* of chunks */
} rqvae_trainer;

/* Sums over the rows of an epoch: squared distances of scaled vectors. */
typedef struct rqvae_sums {
    double recon, commit;
    size_t n_revived;
} rqvae_sums;

/* For a training on n_rows rows; the levels are not started yet. params are borrowed. Zeroed
 * trainers may be released; the model stays. */
semid_status rqvae_trainer_init(rqvae_trainer *t, semid_model *model,
                                const semid_rqvae_params *params, size_t n_rows, semid_error *err);
void rqvae_trainer_release(rqvae_trainer *t);

/* Gradients of the batch t->x [n] into t->grads; with `quantize` the codewords move on the way.
 * Adds to *sums. SEMID_ERR_DATA if latents are not finite. */
semid_status rqvae_gradients(rqvae_trainer *t, size_t n, bool quantize, rqvae_sums *sums,
                             semid_error *err);

/* The networks take a step along t->grads. */
void rqvae_update(rqvae_trainer *t);

#endif
