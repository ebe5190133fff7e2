/* learn/rqvae_checkpoint.h - the state of training between two epochs, as a file. */
#ifndef LEARN_RQVAE_CHECKPOINT_H
#define LEARN_RQVAE_CHECKPOINT_H

#include "learn/rqvae_step.h"

typedef struct rqvae_checkpoint {
    const char *path;
    char *run; /* parameters and data of the training, as JSON: must be equal to resume. mem_free */
    rqvae_trainer *trainer;
    semid_rqvae_epoch *epochs; /* [n_done] */
    size_t n_done;             /* epochs */
    bool quantizes;            /* the codewords have started */
} rqvae_checkpoint;

/* c->run for this training. Reads all rows once, for their checksum. */
semid_status rqvae_checkpoint_describe(rqvae_checkpoint *c, const semid_rqvae_params *p,
                                       const row_source *rows, semid_error *err);

/* Whole or not at all. */
semid_status rqvae_checkpoint_save(const rqvae_checkpoint *c, semid_error *err);

/* Into the trainer, whose levels are initialised if the file has codewords; n_done, quantizes and
 * epochs (room for all epochs of the training) are filled. SEMID_ERR_DATA if the file is of another
 * training. */
semid_status rqvae_checkpoint_load(rqvae_checkpoint *c, semid_error *err);

#endif
