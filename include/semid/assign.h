/*
 * semid/assign.h - codes for a whole catalogue at once, where items compete for codewords.
 *
 * Encoding item by item lets many items take the same code, and some codewords take more items than
 * others. The functions here change which codeword an item gets, never the codebook.
 *
 * Rows are read through a function (rows.h), so that a catalogue may lie on disk.
 */
#ifndef SEMID_ASSIGN_H
#define SEMID_ASSIGN_H

#include "semid/codebook.h"
#include "semid/rows.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Codes [n_rows, L] that use all codewords about equally, at little error: each level takes the
 * codeword with the least squared distance plus a price. Prices are found level by level on rows
 * that lie evenly spaced (256 a codeword, 128 MB at most; all rows where there are fewer), by dual
 * ascent until the perplexity of the level is 96 % of the most there can be, or does not rise any
 * more; equal rows keep equal codes. n_moved, or NULL: rows whose code differs from the one in
 * codes on entry (those of semid_encode).
 * SEMID_ERR_DATA (no rows), SEMID_ERR_NO_MEMORY, SEMID_ERR_INTERRUPTED, and what `read` returns.
 * Threads: the library's; the codes are the same at any number. Cost: encoding the rows once and
 * the sample some times; memory: the sample, 2 L K dim floats.
 */
SEMID_API semid_status semid_assign_balanced(const semid_codebook *cb, const semid_rows *rows,
                                             int32_t *codes, size_t *n_moved, semid_error *err);

typedef struct semid_unique_report {
    size_t n_moved;   /* rows whose code changed */
    size_t n_spilled; /* of them, rows that left their prefix (c_1 .. c_L-1), which was full */
} semid_unique_report;

/*
 * Make codes [n_rows, L] distinct at the least error. codes: those of semid_encode or
 * semid_encode_beam on entry.
 *
 * Last level: within each prefix, the rows get distinct codewords with the least sum of squared
 * errors (shortest augmenting paths, Jonker and Volgenant 1987; only prefixes in which rows share a
 * code are touched). Levels above: a codeword that holds more rows than there are codes below it
 * (K^(L - level)) gives up those that lose least by going to the nearest codeword with room left,
 * which are then encoded greedily from there on. Rows that are equal get their codes by falling
 * error in row order. Other codes on entry than those named are made distinct too, at an error that
 * need not be the least.
 * SEMID_ERR_DATA if n_rows > K^L or a code is not in [0, K), SEMID_ERR_UNSUPPORTED (n_rows >=
 * 2^32), SEMID_ERR_NO_MEMORY, SEMID_ERR_INTERRUPTED, and what `read` returns; codes are then
 * undefined. report may be NULL.
 * Threads: the library's; the codes are the same at any number. Cost: for the rows that share a
 * code and those they push about, one level of encoding; memory: 23 bytes a row, 52 more a row
 * of the largest prefix that is too full, and, for each thread, 4 MB and (K + 512) * (K + dim)
 * floats at most.
 */
SEMID_API semid_status semid_assign_unique(const semid_codebook *cb, const semid_rows *rows,
                                           int32_t *codes, semid_unique_report *report,
                                           semid_error *err);

#ifdef __cplusplus
}
#endif
#endif
