/* learn/ema_revive.h - dead codewords move to random rows of the batch. */
#ifndef LEARN_EMA_REVIVE_H
#define LEARN_EMA_REVIVE_H

#include "learn/ema.h"

/* Between the assignment of a batch of n rows and the update of its codewords: find the dead ones
 * and draw a row for each; its level input goes to b->seeds, its number to b->revived. Returns how
 * many. */
size_t ema_draw_seeds(const ema_level *s, ema_batch *b, const ema_rules *rules, size_t n,
                      rng *random);

/* Row r [dim] is worth a codeword of its own if c, its codeword, does not meet it already. */
bool ema_is_missed(const float *r, const float *c, size_t dim);

#endif
