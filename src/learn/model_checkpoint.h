/* learn/model_checkpoint.h - the state of training between two epochs, as a file. */
#ifndef LEARN_MODEL_CHECKPOINT_H
#define LEARN_MODEL_CHECKPOINT_H

#include "learn/model_step.h"

typedef struct checkpoint {
    const char *path;
    char *run; /* what was trained how, as JSON: must be equal to go on. mem_free */
    model_trainer *trainer;
    semid_model_epoch *epochs; /* [n_done] */
    size_t n_done;             /* epochs */
    bool quantizes;            /* codewords have started */
} checkpoint;

/* c->run for this training. */
semid_status checkpoint_describe(checkpoint *c, const semid_model_params *p, const float *x,
                                 size_t n, size_t dim, semid_error *err);

semid_status checkpoint_save(const checkpoint *c, semid_error *err);

/* Into the trainer, whose levels are initialised if the file has codewords; n_done, quantizes and
 * epochs (room for max_epochs) are filled. SEMID_ERR_DATA if it is of another training. */
semid_status checkpoint_load(checkpoint *c, size_t max_epochs, size_t n_codewords,
                             semid_error *err);

#endif
