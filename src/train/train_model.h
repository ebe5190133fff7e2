/* train/train_model.h - training with networks around the quantizer (--hidden). */
#ifndef TRAIN_TRAIN_MODEL_H
#define TRAIN_TRAIN_MODEL_H

#include "semid/model.h"
#include "semid/rqvae.h"
#include "train/train_fit.h"

/* Options that contradict each other: STATUS_USAGE. */
semid_status train_model_check(const train_params *params, semid_error *err);

/* No networks but principal components: they are not trained, and go with any method. */
bool train_model_is_linear(const semid_model *model);

/* The model of --load (NULL: there is none) fits what --hidden and --latent say, if they say
 * anything. */
semid_status train_model_check_start(const train_params *params, const semid_model *start,
                                     semid_error *err);

/* What the networks, or the linear map `start`, need in memory: latent and n_weights of *out. */
void train_model_memory(train_memory *out, const train_params *params, const semid_model *start,
                        size_t dim);

/* As train_fit; start and start_codebook (both or none) are those of --load. */
semid_status train_model_fit(semid_codebook **codebook, semid_model **model,
                             const train_params *params, train_shape shape,
                             const semid_model *start, const semid_codebook *start_codebook,
                             const train_data *data, uint64_t seed, json_t *report,
                             semid_error *err);

/* Writes model.safetensors into the folder; without a model removes it, because codebooks.npz must
 * not lie beside one that it does not belong to. Removes the checkpoint, which is of no more use.
 */
semid_status train_model_save(const char *dir, const semid_model *model,
                              const semid_codebook *codebook, semid_error *err);

#endif
