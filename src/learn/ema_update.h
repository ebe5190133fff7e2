/* learn/ema_update.h - codewords that are moving averages of their rows (semid/ema.h). */
#ifndef LEARN_EMA_UPDATE_H
#define LEARN_EMA_UPDATE_H

#include "base/rng.h"
#include "learn/level.h"

/* After level_assign: move the codewords by the rows w->r [n, dim] and leave the residuals there
 * (of the codewords before the update); revive dead codewords. Returns the sum of the residuals'
 * squares and adds to *n_revived. */
double ema_update(level_state *s, level_workspace *w, const level_rules *rules, size_t n,
                  rng *random, size_t *n_revived);

#endif
