/* eval/faiss_search.h - ranks in the catalogue by searching a FAISS index. */
#ifndef EVAL_FAISS_SEARCH_H
#define EVAL_FAISS_SEARCH_H

#include "eval/catalogue.h"
#include "eval/rank.h"
#include "retrieval/faiss_bridge.h"

typedef struct faiss_search {
    const faiss_bridge *api;
    faiss_index *index;
    uint32_t *rows; /* [n_items] catalogue row of each row of the index */
    size_t n_items, dim;
} faiss_search;

/* The index must have the inner product as its metric and hold the items of the catalogue, in any
 * order. */
semid_status faiss_search_open(faiss_search *s, const char *index_path, const char *ids_path,
                               const catalogue *items, semid_error *err);
void faiss_search_close(faiss_search *s);

/* The vectors stored in the index, by catalogue row: [n_items, dim], owned by the caller. */
semid_status faiss_search_vectors(const faiss_search *s, float **out, semid_error *err);

/* As rank_in_catalogue, by the index's own search: RANK_NONE when that does not find the item.
 * Among equal scores the lowest row comes first, with high_row_first the highest. */
semid_status faiss_search_ranks(const faiss_search *s, const rank_queries *q, uint32_t limit,
                                bool high_row_first, uint32_t *ranks, semid_error *err);

#endif
