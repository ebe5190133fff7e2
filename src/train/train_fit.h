/* train/train_fit.h - the three methods of training behind one call. */
#ifndef TRAIN_TRAIN_FIT_H
#define TRAIN_TRAIN_FIT_H

#include "semid/codebook.h"
#include "train/train_data.h"
#include "train/train_params.h"

#include <jansson.h>

typedef struct train_shape {
    size_t n_levels, n_codewords;
} train_shape;

extern const char *const train_method_names[]; /* by train_method */

/* Train params->method on the rows. start: codewords to begin with, or NULL. Adds "epochs" to
 * `report` where the method has them. */
semid_status train_fit(semid_codebook **out, const train_params *params, train_shape shape,
                       const semid_codebook *start, const train_data *data, uint64_t seed,
                       json_t *report, semid_error *err);

#endif
