/* pipeline/train_encode.h - codes of a whole file with a finished codebook, and their errors. */
#ifndef PIPELINE_TRAIN_ENCODE_H
#define PIPELINE_TRAIN_ENCODE_H

#include "input/vectors.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "semid/model.h"

#include <jansson.h>

/* What one way of choosing codes changed against the one before it. */
typedef struct encode_change {
    size_t n_moved;       /* rows with another code */
    size_t n_spilled;     /* unique: rows that left a full prefix */
    double before, after; /* mean squared error a dimension after the last level */
} encode_change;

/* Codes of rows, and their mean squared error a dimension after each level, [n_levels]. */
typedef struct encoded_rows {
    semid_codes codes;
    double *mse;
} encoded_rows;

typedef struct encoded {
    encoded_rows all;  /* usable rows, in order */
    encoded_rows held; /* of them, those that were held; zero when there are none */
    encode_change balance, unique;
    bool met_bad_row; /* of vectors that were not scanned: there is nothing else then */
} encoded;

/* How codes are chosen. */
typedef struct encode_choice {
    size_t beam;              /* width; 1: greedy */
    bool balance;             /* all codewords are used about equally; not with a beam */
    bool unique;              /* no two rows share a code */
    const semid_model *model; /* quantize and measure through it; NULL: rows as they are */
} encode_choice;

/* held [n_held]: rows to keep apart too, ascending. Rows of vectors that were not scanned are
 * looked at for NaN and Inf, which ends the work. SEMID_ERR_SHAPE if the dimensions differ. */
semid_status train_encode(encoded *out, const semid_codebook *cb, const vectors *v,
                          const encode_choice *choice, size_t batch_rows, const uint64_t *held,
                          size_t n_held, semid_error *err);

/* choice.unique: are there codes for all rows? To be known before long work. */
semid_status encode_check_unique(const vectors *v, size_t n_levels, size_t n_codewords,
                                 semid_error *err);

/* Adds "balance" and "unique" to `report` where they were asked for. */
semid_status encoded_report(const encoded *e, const encode_choice *choice, json_t *report,
                            semid_error *err);
void encoded_release(encoded *e);

#endif
