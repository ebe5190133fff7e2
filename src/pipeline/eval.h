/* pipeline/eval.h - the step `semid eval`: how well candidates found by semantic IDs contain the
 * item that a user took next. */
#ifndef PIPELINE_EVAL_H
#define PIPELINE_EVAL_H

#include "input/concat.h"
#include "pipeline/step.h"

typedef enum eval_on_empty { EVAL_ON_EMPTY_FULL, EVAL_ON_EMPTY_SKIP } eval_on_empty;

typedef struct eval_params {
    const char *train, *valid, *test;    /* valid may be NULL */
    const char *items_emb, *items_ids;   /* items_ids NULL: those the embedding file carries */
    concat_params concat;                /* beside items_emb */
    const char *faiss_index, *faiss_ids; /* ids NULL: ids.npy beside the index */
    string_list methods;                 /* folders in outputs_dir */
    const char *outputs_dir;
    const char *out;  /* .csv; the report goes beside it as .json */
    const char *rows; /* .csv of every evaluated row; may be NULL */
    int expand;       /* semid_expand_kind */
    int64_t expand_rq_m, expand_vq_t, candidates, beam;
    int on_empty; /* eval_on_empty */
    bool reference, use_faiss_rerank, mask_history;
    int64_t max_test; /* 0: all */
    int profile;      /* profile_kind */
    int64_t last_n;
    string_list topk;
} eval_params;

semid_status step_eval(const eval_params *params, const step_context *ctx, json_t **report,
                       semid_error *err);

#endif
