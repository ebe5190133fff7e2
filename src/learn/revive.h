/* learn/revive.h - dead codewords move to random rows: in every batch, and once more at the end. */
#ifndef LEARN_REVIVE_H
#define LEARN_REVIVE_H

#include "base/rng.h"
#include "codebook/row_source.h"
#include "learn/level.h"

/* Between the assignment of a batch of n rows and the update of its codewords: find dead codewords
 * and draw a row for each. Its input to the level goes to w->seeds, the codeword's number to
 * w->revived. Returns how many. */
size_t revive_draw_seeds(const level_state *s, level_workspace *w, const level_rules *rules,
                         size_t n, rng *random);
/* After the update: codewords w->revived [n_seeds] become w->seeds. */
void revive_place_seeds(level_state *s, const level_workspace *w, const level_rules *rules,
                        size_t n_seeds);

/* After the last epoch: every codeword that is the nearest of no row moves to a random row that
 * shares its codeword with others, level by level, as far as the data allow. Adds to *n_revived.
 * The workspace lends its buffers. Memory: 4 n_levels bytes per row. */
semid_status revive_unused(level_state *levels, size_t n_levels, const row_source *rows,
                           level_workspace *w, rng *random, size_t *n_revived, semid_error *err);

#endif
