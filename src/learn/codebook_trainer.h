/* learn/codebook_trainer.h - what all trainings of codebooks by batches share: the levels, their
 * start, the course of an epoch and its figures. Its users are the moving averages on vectors
 * (ema.c) and the networks around them (rqvae.c). */
#ifndef LEARN_CODEBOOK_TRAINER_H
#define LEARN_CODEBOOK_TRAINER_H

#include "base/log.h"
#include "base/rng.h"
#include "codebook/row_source.h"
#include "learn/grad_update.h"
#include "learn/level.h"
#include "semid/ema.h"

typedef struct codebook_trainer {
    const semid_ema_params *params; /* borrowed */
    size_t n_rows, n_batches;       /* of an epoch */
    size_t dim;                     /* of the codewords */
    level_state *levels;            /* [n_levels], zeroed until they are started */
    level_workspace workspace;
    level_rules rules;
    uint64_t *usage; /* [n_levels, K] rows of each codeword in this epoch */
    rng random;      /* of revivals and, for the users, of the order of rows */
} codebook_trainer;

/* SEMID_ERR_ARGUMENT, SEMID_ERR_DATA or SEMID_ERR_UNSUPPORTED if n_rows rows cannot be trained on
 * with these. Does not look at params->init. */
semid_status codebook_trainer_check(const semid_ema_params *params, size_t n_rows, size_t dim,
                                    semid_error *err);
/* loss_dim: dimensions that the loss is a mean over, those of the vectors before any network. Sets
 * everything but random. Zeroed trainers may be released. */
semid_status codebook_trainer_init(codebook_trainer *t, const semid_ema_params *params,
                                   size_t n_rows, size_t dim, size_t loss_dim, semid_error *err);
void codebook_trainer_release(codebook_trainer *t);

/* ---- start ---- */

/* Brief k-means, level by level, on x [n, dim], which then holds the residuals. Codewords that the
 * data have no distinct rows for repeat the first one. */
semid_status codebook_trainer_kmeans(const codebook_trainer *t, float *x, size_t n,
                                     semid_codebook **out, semid_error *err);
/* Count the codes that the rows x [n, dim] have in `start`: what levels_start begins with. Adds to
 * t->usage, which codebook_trainer_clear_usage() sets to 0. */
void codebook_trainer_clear_usage(codebook_trainer *t);
semid_status codebook_trainer_count(codebook_trainer *t, const semid_codebook *start,
                                    const float *x, size_t n, semid_error *err);
/* The levels get the codewords of `start`, and the usage of the n rows that were counted, scaled to
 * a batch. */
semid_status codebook_trainer_start(codebook_trainer *t, const semid_codebook *start, size_t n,
                                    semid_error *err);

/* ---- epochs ---- */

/* One epoch: clears the usage and calls train_batch for the positions [first, first + n) of each
 * batch in turn. Rows are dealt evenly to the batches. */
typedef semid_status (*train_batch_fn)(void *user, size_t first, size_t n, semid_error *err);
semid_status codebook_trainer_epoch(codebook_trainer *t, train_batch_fn train_batch, void *user,
                                    progress *shown, semid_error *err);

/* For train_batch: the rows workspace.r [n, dim] pass level l. Its codewords move, by moving
 * averages or (unless by_gradient is NULL) by gradient; the residuals of those before the move stay
 * in workspace.r. Returns the sum of their squares; adds to the usage and to *n_revived. */
double codebook_trainer_level(codebook_trainer *t, size_t l, size_t n,
                              const grad_state *by_gradient, size_t *n_revived);

/* Entropy in nats of n counts of t->usage from the one at `first` on, as shares of all rows. */
double codebook_trainer_entropy(const codebook_trainer *t, size_t first, size_t n);
/* recon + beta commit - entropy_reg entropy. */
double codebook_trainer_loss(const codebook_trainer *t, double recon, double commit,
                             double entropy);

/* ---- result ---- */

semid_status codebook_trainer_codebook(const codebook_trainer *t, semid_codebook **out,
                                       semid_error *err);

#endif
