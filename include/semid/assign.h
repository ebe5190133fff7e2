/*
 * semid/assign.h - codes for a whole catalogue at once, where items compete for codewords.
 *
 * Encoding item by item lets many items take the same code, and some codewords take more items than
 * others. The functions here change which codeword an item gets, never the codebook.
 *
 * Rows are read through semid_rows (rows.h), so that a catalogue need not fit into memory: `read`
 * is called from several threads at once, for the same rows more than once.
 *
 * Threads may share the codebook; only one call at a time may use the same codes. Codes are the
 * same at any number of threads.
 */
#ifndef SEMID_ASSIGN_H
#define SEMID_ASSIGN_H

#include "semid/codebook.h"
#include "semid/context.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Codes [n_rows, L] that use all codewords about equally, at little error: each level takes the
 * codeword with the least squared distance plus a price. Prices are found level by level on evenly
 * spaced rows (256 per codeword, 128 MB at most; all rows if there are fewer), by dual ascent until
 * the perplexity of the level is 96 % of the highest possible, or for 64 rounds. Equal rows keep
 * equal codes. On entry, codes are those of semid_encode; n_moved, or NULL: the number of rows
 * whose code has changed. SEMID_ERR_DATA (no rows), SEMID_ERR_NO_MEMORY, SEMID_ERR_INTERRUPTED, and
 * what `read` returns. Cost: encoding all rows once, and the sample at most 65 times. Memory: the
 * sample and 2 L K dim floats.
 */
SEMID_API semid_status semid_assign_balanced(semid_context *context, const semid_codebook *cb,
                                             const semid_rows *rows, int32_t *codes,
                                             size_t *n_moved, semid_error *err);

typedef struct semid_unique_report {
    size_t n_moved;   /* rows whose code changed */
    size_t n_spilled; /* of them, rows that left their prefix (c_1 .. c_L-1), which was too full */
    uint64_t reserved[8];
} semid_unique_report;

/*
 * Make codes [n_rows, L] distinct at little error. On entry, codes are those of semid_encode or
 * semid_encode_beam; any other codes are made distinct too, perhaps at more error.
 *
 * Last level: within each prefix, the rows get distinct codewords at the least sum of squared
 * errors (shortest augmenting paths, Jonker and Volgenant 1987); only prefixes in which rows share
 * a code are changed. Levels l = 1 .. L-1: if more rows take a codeword than there are codes under
 * it (K^(L - l)), those whose error rises least move to the nearest codeword with space, and their
 * later levels are encoded greedily. Of equal rows, the earlier gets the code of less error.
 *
 * SEMID_ERR_DATA (n_rows > K^L, or a code value is not in [0, K)), SEMID_ERR_UNSUPPORTED (n_rows >=
 * 2^32), SEMID_ERR_NO_MEMORY, SEMID_ERR_INTERRUPTED, and what `read` returns; codes are then
 * undefined. report may be NULL.
 * Cost: one level of encoding for the rows that share a code and those that they displace. Memory:
 * 23 bytes per row, 52 more per row of the largest prefix that is too full, and, for each thread,
 * 4 MB and (K + 512) * (K + dim) floats at most.
 */
SEMID_API semid_status semid_assign_unique(semid_context *context, const semid_codebook *cb,
                                           const semid_rows *rows, int32_t *codes,
                                           semid_unique_report *report, semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
