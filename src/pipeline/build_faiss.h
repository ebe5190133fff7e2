/* pipeline/build_faiss.h - the step `semid build-faiss`. */
#ifndef PIPELINE_BUILD_FAISS_H
#define PIPELINE_BUILD_FAISS_H

#include "input/concat.h"
#include "pipeline/step.h"

typedef struct build_faiss_params {
    const char *emb, *ids; /* ids NULL: those the embedding file carries */
    concat_params concat;  /* beside emb */
    const char *outdir;    /* gets index.faiss, ids.npy and index.meta.json */
    const char *factory;   /* FAISS factory string; the metric is the inner product */
    bool normalize;        /* rows to unit length first */
} build_faiss_params;

semid_status step_build_faiss(const build_faiss_params *params, const step_context *ctx,
                              json_t **report, semid_error *err);

#endif
