/* eval/protocol.h - the offline protocol: for each test row the rank of the held-out item among the
 * candidates that a method's codes yield for the user. */
#ifndef EVAL_PROTOCOL_H
#define EVAL_PROTOCOL_H

#include "eval/catalogue.h"
#include "eval/faiss_search.h"
#include "eval/profile.h"
#include "eval/rank.h"
#include "eval/test_rows.h"
#include "semid/expand.h"
#include "semid/model.h"

typedef struct protocol_params {
    const device *device;
    profile_kind profile;
    size_t last_n;
    semid_expand_params expand; /* n_neighbors is set per method from the two below */
    size_t rq_neighbors, vq_neighbors;
    bool skip_empty;     /* a row without candidates is a miss; else the catalogue is searched */
    bool reference;      /* as the reference pipeline: quantize profiles, put the highest row first
                            among equal scores, count candidates that are not in the catalogue */
    bool mask_history;   /* items of the user's history are not ranked, except the held-out one */
    uint32_t rank_limit; /* ranks at or beyond it are RANK_NONE */
} protocol_params;

/* One method. */
typedef struct method_input {
    const semid_codebook *codebook;
    const semid_model *model; /* queries go through its encoder; NULL: none */
    const semid_inverted *index;
    bool raw_queries; /* trained on vectors that are not of unit length */
} method_input;

/* SEMID_ERR_SHAPE if the method does not fit the catalogue; errors of semid_expand_check. */
semid_status protocol_check(const protocol_params *params, const catalogue *items,
                            const method_input *method, semid_error *err);

/* What all methods share. */
typedef struct protocol {
    protocol_params params;
    const catalogue *items;
    const histories *histories;
    const test_rows *rows;
    const faiss_search *faiss; /* searched for rows without candidates; NULL: exact search */
    ranker exact, candidates;  /* over the catalogue; over the vectors that rank candidates */
    uint32_t *ceiling;         /* [rows->n] ranks in the whole catalogue */
    double ceiling_seconds;
} protocol;

/* Computes the ceiling. vectors [n_items, dim] rank the candidates; NULL: those of the catalogue.
 * All is borrowed. */
semid_status protocol_init(protocol *out, const protocol_params *params, const catalogue *items,
                           const histories *past, const test_rows *rows, const faiss_search *faiss,
                           const float *vectors, semid_error *err);
void protocol_release(protocol *p);

typedef struct method_result {
    size_t n_rows, n_levels;
    int32_t *codes;   /* [n_rows, n_levels] of the queries */
    uint32_t *n_cand; /* [n_rows] */
    uint32_t *ranks;  /* [n_rows], RANK_NONE from rank_limit on */
    uint8_t *empty;   /* [n_rows] 1: no candidates */
    size_t n_empty;
    size_t n_unindexed; /* catalogue items missing from the index */
    double seconds;     /* without the searches for rows without candidates */
} method_result;

/* For a method that protocol_check accepted. */
semid_status protocol_run(method_result *out, const protocol *p, const method_input *method,
                          semid_error *err);
void method_result_release(method_result *r);

#endif
