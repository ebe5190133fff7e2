/*
 * semid/expand.h - candidates: from a query to the codes whose items are worth ranking.
 *
 * An item is indexed under its own code alone, so a query that gets another code would miss it.
 * Each kind of expansion selects the codes to look up. All give only codes that the index has, as
 * ranges without overlap: semid_inverted_rows turns a range into rows of items.
 *
 * An expander is read-only once made and may be shared by threads; each thread needs a workspace of
 * its own, so that no call allocates.
 */
#ifndef SEMID_EXPAND_H
#define SEMID_EXPAND_H

#include "semid/codebook.h"
#include "semid/context.h"
#include "semid/inverted.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum semid_expand_kind {
    SEMID_EXPAND_EXACT = 0,     /* the query's code alone */
    SEMID_EXPAND_HAMMING1 = 1,  /* and every code that differs from it at one level */
    SEMID_EXPAND_PREFIX = 2,    /* the longest prefix of the code that has n_candidates items; at
                                   least the first level is kept */
    SEMID_EXPAND_NEIGHBORS = 3, /* the code, and those with one codeword replaced by one of the
                                   n_neighbors nearest to it */
    SEMID_EXPAND_BEAM = 4       /* codes nearest to the query, nearest first, until they have
                                   n_candidates items; searched level by level with beam_width
                                   prefixes */
} semid_expand_kind;

enum { SEMID_EXPAND_MAX_NEIGHBORS = 1024 };

typedef struct semid_expand_params {
    semid_expand_kind kind;
    size_t n_neighbors;  /* NEIGHBORS: per level, the chosen one included; 1 to the maximum above */
    size_t n_candidates; /* PREFIX, BEAM: items to find */
    size_t beam_width;   /* BEAM: at least 1 */
    uint64_t reserved[8];
} semid_expand_params;

/* BEAM of width 64 until there are 1000 items; 4 neighbors. */
SEMID_API semid_expand_params semid_expand_params_default(void);

/*
 * Check that the codebook and the index belong together and that the parameters are valid.
 * SEMID_ERR_ARGUMENT (a parameter out of range; HAMMING1 with a single level, which would give the
 * whole catalogue), SEMID_ERR_SHAPE (levels or codewords differ).
 */
SEMID_API semid_status semid_expand_check(const semid_expand_params *params,
                                          const semid_codebook *cb, const semid_inverted *index,
                                          semid_error *err);

typedef struct semid_expander semid_expander;

/*
 * params: borrowed for the call. cb and index must outlive the expander. *out is the caller's,
 * released with semid_expander_free. Statuses of semid_expand_check, SEMID_ERR_NO_MEMORY.
 * Threads: the context's. Cost: NEIGHBORS L K^2 dim operations and 4 L K n_neighbors bytes; BEAM
 * one pass over the codes and up to 16 bytes for each of their distinct prefixes; else nothing.
 */
SEMID_API semid_status semid_expander_new(semid_context *context, semid_expander **out,
                                          const semid_codebook *cb, const semid_inverted *index,
                                          const semid_expand_params *params, semid_error *err);
SEMID_API void semid_expander_free(semid_expander *expander);

/* The workspace of one thread, released with semid_expander_workspace_free. SEMID_ERR_NO_MEMORY. */
typedef struct semid_expander_workspace semid_expander_workspace;
SEMID_API semid_status semid_expander_workspace_new(semid_expander_workspace **out,
                                                    const semid_expander *expander,
                                                    semid_error *err);
SEMID_API void semid_expander_workspace_free(semid_expander_workspace *workspace);

/*
 * query: [dim] in the space of the codebook, read by BEAM alone. code: [levels] the query's code
 * (semid_encode), read by all others. Returns the number of ranges; *ranges is valid until the next
 * use of the workspace. BEAM gives them nearest first.
 */
SEMID_API size_t semid_expander_codes(const semid_expander *expander, const float *query,
                                      const int32_t *code, semid_expander_workspace *workspace,
                                      const semid_code_range **ranges);

/* The same as rows of items: the first `capacity` go to rows. Returns how many there are in all. */
SEMID_API size_t semid_expander_rows(const semid_expander *expander, const float *query,
                                     const int32_t *code, semid_expander_workspace *workspace,
                                     uint32_t *rows, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
