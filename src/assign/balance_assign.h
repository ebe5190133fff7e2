/* assign/balance_assign.h - semid_assign_balanced for callers that go on with its prices. */
#ifndef ASSIGN_BALANCE_ASSIGN_H
#define ASSIGN_BALANCE_ASSIGN_H

#include "semid/assign.h"

/* *prices [L, K] are the caller's, released with mem_free: codes are the nearest codewords under
 * them. */
semid_status balance_assign(const semid_codebook *cb, const semid_rows *rows, int32_t *codes,
                            float **prices, size_t *n_moved, semid_error *err);

#endif
