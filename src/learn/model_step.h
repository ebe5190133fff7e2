/* learn/model_step.h - one training step of networks and codebooks: forward, gradients, update.
 * The formulas are in semid/model.h. */
#ifndef LEARN_MODEL_STEP_H
#define LEARN_MODEL_STEP_H

#include "learn/adamw.h"
#include "learn/ema.h"
#include "codebook/model.h"

typedef struct model_trainer {
    semid_model *model;
    bool rotate, codes_by_gradient;
    double beta;
    adamw_rules adamw;
    size_t n_steps;       /* done */
    float *grads, *m, *v; /* [model->n_params] */
    size_t n_levels;
    ema_level *levels;      /* [n_levels], zeroed until training quantizes */
    float *code_grads;      /* [K, latent] of one level, if codes_by_gradient */
    float *code_m, *code_v; /* [n_levels, K, latent] */
    ema_rules rules;
    ema_batch batch;
    uint64_t *usage; /* [n_levels, K] rows of each codeword since the caller cleared it */
    rng random;
    mlp_tape encoder_tape, decoder_tape;
    float *x;      /* [max_rows, gemm_pad(dim)] scaled */
    float *commit; /* [max_rows, latent] sum over levels of r_l - e_l */
    double *sums;  /* of chunks */
} model_trainer;

/* What a batch adds up to, squared distances of scaled vectors summed over rows. */
typedef struct model_sums {
    double recon, commit;
    size_t n_revived;
} model_sums;

/* Room for batches of max_rows; model, batch, levels and rules are the caller's to set. */
semid_status model_trainer_init(model_trainer *t, semid_model *model, size_t n_levels,
                                size_t n_codewords, size_t max_rows, semid_error *err);
void model_trainer_release(model_trainer *t); /* the model stays */

/* Gradients of the batch in t->x [n] in t->grads; updates the codewords on the way when
 * `quantize`. SEMID_ERR_DATA if latents are not finite. */
semid_status model_gradients(model_trainer *t, size_t n, bool quantize, model_sums *sums,
                             semid_error *err);

/* The networks' update from t->grads; the next step. */
void model_update(model_trainer *t);

#endif
