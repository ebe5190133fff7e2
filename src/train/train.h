/* train/train.h - learn codebooks from vectors, encode the catalogue, measure both. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "pipeline/step.h"
#include "train/train_params.h"

/* Writes codebooks.npz, codes.npy, metrics.json (the report) and, with networks,
 * model.safetensors into `out`, and, where rows were
 * left out, codes.rows.npy: the numbers of those that have codes. */
semid_status step_train(const train_params *params, const step_context *ctx, json_t **report,
                        semid_error *err);

#endif
