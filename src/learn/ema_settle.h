/* learn/ema_settle.h - the last step of training: no codeword is left without rows. */
#ifndef LEARN_EMA_SETTLE_H
#define LEARN_EMA_SETTLE_H

#include "codebook/row_source.h"
#include "learn/ema.h"

/* Codewords that were revived in the last batches may have come to lie where no row is nearest, and
 * others may have lost their rows to them. Level by level, with the levels above as they are now,
 * every codeword that no row is nearest to moves onto a random row that others share
 * their codeword with. Adds to *n_revived. `b` lends its space. */
semid_status ema_settle(ema_level *levels, size_t n_levels, const row_source *rows, ema_batch *b,
                        rng *random, size_t *n_revived, semid_error *err);

#endif
