/*
 * semid/encoder.h - vectors to codes in a service: prepared once, shared by threads.
 *
 * An encoder (not the network of that name in model.h) holds all that is needed to encode with a
 * codebook and its model, if any. semid_encoder_encode allocates nothing. Its codes are exactly
 * those of semid_encode or semid_encode_beam for the vectors or, with a model, for the result of
 * semid_model_project.
 *
 *     semid_encoder *encoder;
 *     if (semid_encoder_open(&encoder, "codebooks.npz", NULL, &err) != SEMID_OK) ...
 *     semid_encoder_encode(encoder, vector, 1, code, &err);
 *
 * Threads: any number may call semid_encoder_encode with the same encoder at the same time. A call
 * for few rows runs on the calling thread; a call for many also uses the workers of the encoder's
 * context. After fork() a child may use an encoder in which no call was running.
 */
#ifndef SEMID_ENCODER_H
#define SEMID_ENCODER_H

#include "semid/codebook.h"
#include "semid/context.h"
#include "semid/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct semid_encoder semid_encoder;

typedef struct semid_encoder_params {
    size_t beam; /* width: 1 (greedy) to SEMID_BEAM_MAX */
    /* Threads (callers and workers) that may encode at once, up to 4096; each has a workspace of
     * its own. Further ones wait. 0: as many as the context has threads, which keeps all cores
     * busy. Greedy encoding without a model needs no workspace and never waits. */
    size_t max_concurrent;
    semid_context *context; /* borrowed, must outlive the encoder; NULL: that of the process */
    uint64_t reserved[8];   /* zero */
} semid_encoder_params;

/* Greedy, max_concurrent 0, the context of the process. */
SEMID_API semid_encoder_params semid_encoder_params_default(void);

/*
 * codebook and model (or NULL) are borrowed and must outlive the encoder. params may be NULL for
 * the defaults. *out is the caller's, released with semid_encoder_free.
 * SEMID_ERR_ARGUMENT (parameters out of range), SEMID_ERR_SHAPE (latents of the model and codewords
 * differ in dimension), SEMID_ERR_NO_MEMORY.
 * Memory: with a beam, a copy of the codewords, and per workspace max(beam, 96) * (K + 2 d) floats;
 * with a model, per workspace 96 * (4 * widest layer + latent) floats.
 */
SEMID_API semid_status semid_encoder_new(semid_encoder **out, const semid_codebook *codebook,
                                         const semid_model *model,
                                         const semid_encoder_params *params, semid_error *err);

/*
 * Load `codebooks.npz` and, if there is one, the `model.safetensors` beside it; both belong to the
 * encoder. Errors as of semid_codebook_load, semid_model_beside and semid_encoder_new.
 */
SEMID_API semid_status semid_encoder_open(semid_encoder **out, const char *codebook_path,
                                          const semid_encoder_params *params, semid_error *err);

/* Dimension of its input vectors, and levels of the codes. */
SEMID_API size_t semid_encoder_dim(const semid_encoder *encoder);
SEMID_API size_t semid_encoder_levels(const semid_encoder *encoder);
/* Borrowed. The model is NULL if there is none. */
SEMID_API const semid_codebook *semid_encoder_codebook(const semid_encoder *encoder);
SEMID_API const semid_model *semid_encoder_model(const semid_encoder *encoder);

/*
 * x [n, dim] -> codes [n, levels]. SEMID_ERR_DATA if a row holds NaN or Inf or overflows float32 in
 * the model, naming the first; codes are then undefined. No other failure. Stack: 256 KB. Cost:
 * that of semid_encode, semid_encode_beam and semid_model_project.
 */
SEMID_API semid_status semid_encoder_encode(semid_encoder *encoder, const float *x, size_t n,
                                            int32_t *codes, semid_error *err);

/* No call may be running. */
SEMID_API void semid_encoder_free(semid_encoder *encoder);

#ifdef __cplusplus
}
#endif
#endif
