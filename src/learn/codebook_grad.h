/* learn/codebook_grad.h - codewords that follow the gradient of |sg(r) - e|^2. */
#ifndef LEARN_CODEBOOK_GRAD_H
#define LEARN_CODEBOOK_GRAD_H

#include "learn/adamw.h"
#include "learn/ema.h"

typedef struct codebook_grad {
    const adamw_rules *adamw;
    size_t t;             /* step, from 1 */
    float *grads, *m, *v; /* [K, dim] */
} codebook_grad;

/* ema_update with AdamW instead of averages: usage is averaged all the same and dead codewords are
 * revived, without their moments. */
double codebook_grad_update(ema_level *s, ema_batch *b, const ema_rules *rules,
                            const codebook_grad *g, size_t n, rng *random, size_t *n_revived);

#endif
