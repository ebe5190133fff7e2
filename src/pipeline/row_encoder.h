/* pipeline/row_encoder.h - codes of the rows of a file with finished codebooks, and their errors:
 * what `encode` writes, and `train` when it has trained. */
#ifndef PIPELINE_ROW_ENCODER_H
#define PIPELINE_ROW_ENCODER_H

#include "base/file.h"
#include "input/file_rows.h"
#include "semid/codebook.h"
#include "semid/codes.h"
#include "semid/model.h"

#include <jansson.h>

typedef struct encode_options {
    const semid_model *model; /* rows are quantized through it; NULL: as they are */
    size_t beam;              /* width; 1: greedy */
    bool balance;             /* all codewords are used about equally; not with a beam */
    bool unique;              /* no two rows share a code */
    bool latent_errors;       /* with a model: errors of the latents, not of the decoded vectors */
    size_t batch_rows;
    bool skip_bad_rows;   /* where rows are not checked yet: see file_rows_check_bad */
    const uint64_t *held; /* [n_held] rows to measure by themselves too, ascending */
    size_t n_held;
    /* codes.npy, into which codes are written as they are made, so that memory does not grow with
     * the number of rows; not with balance, unique or held rows. NULL: codes stay in memory. */
    const char *stream_to;
} encode_options;

/* What one way of choosing codes changed against the one before it. */
typedef struct encode_change {
    size_t n_moved;       /* rows with another code */
    size_t n_spilled;     /* unique: rows that left a full prefix */
    double before, after; /* mean squared error per dimension after the last level */
} encode_change;

/* Codes of rows, and their mean squared error per dimension after each level, [n_levels]. */
typedef struct encoded_rows {
    semid_codes codes; /* data NULL where they were streamed */
    double *mse;
} encoded_rows;

typedef struct encoded {
    encoded_rows all;  /* in the order of the file */
    encoded_rows held; /* those of options->held; zero when there are none */
    encode_change balance, unique;
    file_out stream; /* codes.npy, not committed yet */
} encoded;

/* Codes of all rows. These need not be checked: bad rows are found while encoding, so that plain
 * encoding reads a file once, and are listed in rows->bad afterwards.
 *
 * SEMID_ERR_DATA for bad rows (see file_rows_check_bad), and if there are fewer codes than rows
 * that are to be unique; SEMID_ERR_SHAPE if the dimensions differ. */
semid_status encode_rows(encoded *out, const semid_codebook *cb, file_rows *rows,
                         const encode_options *options, semid_error *err);

/* For options.unique, before long work: SEMID_ERR_DATA if there are fewer codes than rows. */
semid_status encode_check_unique(const file_rows *rows, size_t n_levels, size_t n_codewords,
                                 semid_error *err);

/* Writes codes.npy to `path` (where codes were streamed, to that path alone), and the list of kept
 * rows beside it (file_rows_save_kept). */
semid_status encoded_save(encoded *e, const file_rows *rows, const char *path, semid_error *err);

/* Adds "balance" and "unique" to `report` where they were asked for. */
semid_status encoded_report(const encoded *e, const encode_options *options, json_t *report,
                            semid_error *err);
void encoded_release(encoded *e);

#endif
