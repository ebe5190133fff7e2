/* assign/unique_match.h - the second stage of semid_assign_unique: within each prefix, distinct
 * codewords at the last level. */
#ifndef ASSIGN_UNIQUE_MATCH_H
#define ASSIGN_UNIQUE_MATCH_H

#include "assign/unique_state.h"

/* From so many rows on a prefix is dense: its rows compete for so many codewords that shortlists
 * would not suffice, and all costs are computed at once. */
enum { UNIQUE_DENSE_ROWS = 96 };

/* Last codes that are distinct within each prefix, at the least sum of errors and prices. On entry
 * rows are sorted, and no prefix holds more than K rows. */
semid_status unique_match(unique_state *u, semid_error *err);

#endif
