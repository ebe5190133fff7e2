/* retrieval/expand.h - from a query to the codes whose items are its candidates. */
#ifndef RETRIEVAL_EXPAND_H
#define RETRIEVAL_EXPAND_H

#include "base/error.h"
#include "semid/codebook.h"
#include "semid/inverted.h"

typedef enum expand_kind {
    EXPAND_EXACT,     /* the query's code alone */
    EXPAND_HAMMING1,  /* and every code that differs at one level */
    EXPAND_PREFIX,    /* levels are dropped from the end until there are enough items; one stays */
    EXPAND_NEIGHBORS, /* at one level at a time, one of the codewords nearest to the chosen one */
    EXPAND_BEAM       /* the nearest existing codes, searched level by level */
} expand_kind;

enum { EXPAND_MAX_NEIGHBORS = 1024 };

typedef struct expand_params {
    expand_kind kind;
    size_t n_neighbors;  /* codewords a level, the chosen one included; 1 to the most above */
    size_t n_candidates; /* items that are enough: prefix, beam */
    size_t beam_width;
} expand_params;

/* SEMID_ERR_SHAPE if index and codebook do not belong together; SEMID_ERR_USAGE for hamming1 on the
 * single tokens of a VQ. */
semid_status expand_check(expand_kind kind, const semid_codebook *cb, const semid_inverted *index,
                          semid_error *err);

/* Of a pair that was checked. Read-only once made; borrows the codebook and the index. */
typedef struct expander expander;
semid_status expander_new(expander **out, const semid_codebook *cb, const semid_inverted *index,
                          const expand_params *params, semid_error *err);
void expander_free(expander *e);

/* What one thread works in. */
typedef struct expand_scratch expand_scratch;
semid_status expand_scratch_new(expand_scratch **out, const expander *e, semid_error *err);
void expand_scratch_free(expand_scratch *s);

/* Ranges of codes without overlap, in scratch; their number is returned. query [dim] in the space
 * of the codebook, code [levels] its greedy code. */
size_t expand_query(const expander *e, const float *query, const int32_t *code, expand_scratch *s,
                    const semid_code_range **ranges);

#endif
