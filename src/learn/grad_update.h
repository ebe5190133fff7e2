/* learn/grad_update.h - codewords that follow the gradient of |sg(r) - e|^2 (semid/rqvae.h). */
#ifndef LEARN_GRAD_UPDATE_H
#define LEARN_GRAD_UPDATE_H

#include "base/rng.h"
#include "learn/adamw.h"
#include "learn/level.h"

typedef struct grad_state {
    const adamw_rules *adamw;
    size_t t;             /* step, from 1 */
    float *grads, *m, *v; /* [K, dim] */
} grad_state;

/* As ema_update, with AdamW instead of averages: usage is averaged all the same, and revived
 * codewords begin without moments. */
double grad_update(level_state *s, level_workspace *w, const level_rules *rules,
                   const grad_state *g, size_t n, rng *random, size_t *n_revived);

#endif
