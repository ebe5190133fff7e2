/* retrieval/faiss_bridge.h - what we use of FAISS, as a table of C functions.
 *
 * FAISS is C++ and heavy, so it lives in a module of its own, libsemid-faiss.so, which only the
 * commands that need it load (retrieval/faiss_library.h). Errors of FAISS come back as
 * SEMID_ERR_ARGUMENT when building, SEMID_ERR_FORMAT when reading. */
#ifndef RETRIEVAL_FAISS_BRIDGE_H
#define RETRIEVAL_FAISS_BRIDGE_H

#include "semid/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct faiss_index faiss_index;

typedef struct faiss_bridge {
    /* Threads that FAISS may start for a call. */
    void (*set_threads)(int n);
    /* An empty index of a factory string ("Flat", "IVF256,Flat", "HNSW32" ...). */
    semid_status (*create)(faiss_index **out, size_t dim, const char *factory, bool inner_product,
                           semid_error *err);
    bool (*needs_training)(const faiss_index *index);
    semid_status (*train)(faiss_index *index, const float *x, size_t n, semid_error *err);
    /* Rows are numbered in the order they are added. */
    semid_status (*add)(faiss_index *index, const float *x, size_t n, semid_error *err);
    semid_status (*write)(const faiss_index *index, FILE *stream, semid_error *err);
    /* Refuses a length beyond what n_bytes can hold before it is allocated, and rows or dimensions
     * that contradict each other. */
    semid_status (*read)(faiss_index **out, const uint8_t *data, size_t n_bytes, semid_error *err);
    size_t (*rows)(const faiss_index *index);
    size_t (*dim)(const faiss_index *index);
    bool (*is_inner_product)(const faiss_index *index);
    /* The k best rows of each of n queries, best first, into scores and rows [n, k]; row -1 where
     * there are fewer. Scores are inner products or squared distances. */
    semid_status (*search)(const faiss_index *index, const float *queries, size_t n, size_t k,
                           float *scores, int64_t *rows, semid_error *err);
    /* All stored vectors as the index remembers them, [rows, dim]. */
    semid_status (*reconstruct)(const faiss_index *index, float *out, semid_error *err);
    void (*free)(faiss_index *index);
} faiss_bridge;

#define FAISS_BRIDGE_SYMBOL "semid_faiss_bridge"
typedef const faiss_bridge *(*faiss_bridge_fn)(void);

#ifdef __cplusplus
}
#endif
#endif
