#include "eval/faiss_search.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "formats/ids_file.h"
#include "formats/ids_index.h"
#include "retrieval/faiss_library.h"

#include <string.h>

/* A FAISS index numbers its rows in the order in which they were added; `rows` maps them to rows of
 * the catalogue through the ids. Everything else is a search whose results have to be read with
 * care: FAISS cuts the list off at k in an order of its own among equal scores, and hidden items
 * take places in it. So k is the limit + the longest hidden history + a margin for ties, and the
 * rank is counted anew among the k results, with the tie rule of eval/rank.h. With an exact index
 * and fewer than SPARE ties at the cut this equals rank_in_catalogue(); with an approximate one the
 * item may be missed. */

semid_status faiss_search_open(faiss_search *s, const char *index_path, const char *ids_path,
                               const catalogue *items, semid_error *err) {
    semid_status status = SEMID_OK;
    ids list = {0};
    *s = (faiss_search){.n_items = items->n_items, .dim = items->dim};
    TRY_GOTO(file_check_readable(index_path, err));
    TRY_GOTO(faiss_library_load(&s->api, err));
    TRY_GOTO(faiss_file_load(s->api, &s->index, index_path, err));

    if (!s->api->is_inner_product(s->index))
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED, "%s: expected the inner product as metric, found L2",
                  index_path);
    if (s->api->dim(s->index) != s->dim)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected vectors of %zu dimensions, as in %s, found %zu",
                  index_path, s->dim, embeddings_path(items->file), s->api->dim(s->index));
    if (s->api->rows(s->index) != s->n_items)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected %zu rows, as in %s, found %zu", index_path,
                  s->n_items, embeddings_path(items->file), s->api->rows(s->index));

    TRY_GOTO(ids_load(&list, ids_path, err));
    if (list.n_ids != s->n_items)
        FAIL_GOTO(SEMID_ERR_SHAPE, "%s: expected %zu ids, one for each row of the index, found %zu",
                  ids_path, s->n_items, list.n_ids);
    TRY_GOTO(ids_check_distinct(&list, ids_path, err));

    /* As many distinct ids as items, each an item: the map is a permutation. */
    TRY_GOTO(mem_alloc(&s->rows, list.n_ids, sizeof *s->rows, err));
    for (size_t i = 0; i < list.n_ids; i++) {
        size_t n_bytes;
        const char *id = ids_get(&list, i, &n_bytes);
        size_t row = ids_index_find(&items->index, id, n_bytes);
        if (row == IDS_NOT_FOUND)
            FAIL_GOTO(SEMID_ERR_DATA, "%s: row %zu: expected an id of the catalogue, found %.200s",
                      ids_path, i, id);
        s->rows[i] = (uint32_t)row;
    }
done:
    ids_release(&list);
    if (status != SEMID_OK) faiss_search_close(s);
    return status;
}

void faiss_search_close(faiss_search *s) {
    if (s->index) s->api->free(s->index);
    mem_free(s->rows);
    *s = (faiss_search){0};
}

semid_status faiss_search_vectors(const faiss_search *s, float **out, semid_error *err) {
    semid_status status = SEMID_OK;
    float *stored = NULL, *ordered = NULL;

    TRY_GOTO(mem_alloc(&stored, s->n_items, s->dim * sizeof *stored, err));
    TRY_GOTO(mem_alloc(&ordered, s->n_items, s->dim * sizeof *ordered, err));

    TRY_GOTO(s->api->reconstruct(s->index, stored, err));
    for (size_t i = 0; i < s->n_items; i++)
        memcpy(ordered + s->rows[i] * s->dim, stored + i * s->dim, s->dim * sizeof *stored);

    *out = ordered;
    ordered = NULL;
done:
    mem_free(stored);
    mem_free(ordered);
    return status;
}

/* ---- searching ---- */

/* Queries per search, and results beyond those needed. */
enum { BLOCK_QUERIES = 256, SPARE = 32 };

semid_status faiss_search_ranks(const faiss_search *s, const rank_queries *q, uint32_t limit,
                                bool high_row_first, uint32_t *ranks, semid_error *err) {
    semid_status status = SEMID_OK;
    float *scores = NULL;
    int64_t *found = NULL;

    size_t longest_masked = 0;
    for (size_t i = 0; q->masked && i < q->n; i++) {
        size_t n = histories_length(q->masked, q->users[i]);
        if (n > longest_masked) longest_masked = n;
    }
    size_t k = limit + longest_masked + SPARE;
    if (k > s->n_items) k = s->n_items;

    TRY_GOTO(mem_alloc(&scores, k, BLOCK_QUERIES * sizeof *scores, err));
    TRY_GOTO(mem_alloc(&found, k, BLOCK_QUERIES * sizeof *found, err));
    for (size_t begin = 0; begin < q->n; begin += BLOCK_QUERIES) {
        size_t n = q->n - begin < BLOCK_QUERIES ? q->n - begin : BLOCK_QUERIES;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(s->api->search(s->index, q->profiles + begin * s->dim, n, k, scores, found, err));

        /* Count before the target, where it is among the results, those that are not hidden. Rows
         * of the index are negative where there was no result. */
        for (size_t i = 0; i < n; i++) {
            const float *score = scores + i * k;
            const int64_t *row_found = found + i * k;
            uint32_t target = q->targets[begin + i], rank = 0;
            size_t at = 0;
            ranks[begin + i] = RANK_NONE;
            while (at < k && (row_found[at] < 0 || s->rows[row_found[at]] != target)) at++;
            if (at == k) continue;

            for (size_t j = 0; j < k; j++) {
                if (j == at || row_found[j] < 0 || score[j] < score[at]) continue;
                uint32_t row = s->rows[row_found[j]];
                bool before = high_row_first ? row > target : row < target;
                if (score[j] == score[at] && !before) continue;
                rank += !(q->masked && histories_has(q->masked, q->users[begin + i], row));
            }
            if (rank < limit) ranks[begin + i] = rank;
        }
    }
done:
    mem_free(scores);
    mem_free(found);
    return status;
}
