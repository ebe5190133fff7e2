/* assign/unique_spill.h - the first stage of semid_assign_unique: rows leave codewords that hold
 * more of them than there are codes below. */
#ifndef ASSIGN_UNIQUE_SPILL_H
#define ASSIGN_UNIQUE_SPILL_H

#include "assign/unique_state.h"

/* Afterwards no codeword of the level holds more rows of one prefix than its capacity, the number
 * of codes below it. The deeper codes of rows that moved are greedy again; their shortlists, gaps
 * and errors are those of the new codes. On entry rows are sorted, and no prefix holds more rows
 * than there are codes below it; on return both hold for the next level. */
semid_status unique_spill(unique_state *u, size_t level, semid_error *err);

#endif
