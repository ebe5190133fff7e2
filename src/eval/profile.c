#include "eval/profile.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Histories are stored like a sparse matrix by rows (CSR): offsets per user into one list of items.
 * A counting pass gives the offsets, a second pass places the events, and each user's part is
 * sorted by time: O(E log E) for E events, two passes over the interactions.
 *
 * Equal timestamps keep their order (train before valid, then the order of the file), so that "the
 * newest n items" is the same at every run and in the pandas reference. The second list, sorted by
 * item, answers "has the user seen this?" by binary search. */

enum { HISTORY_FILES = 2 }; /* train and valid */

typedef struct event {
    int64_t timestamp;
    uint32_t order, row; /* order: position before sorting, which makes sorting stable */
} event;

static int compare_events(const void *a, const void *b) {
    const event *x = a, *y = b;
    if (x->timestamp != y->timestamp) return x->timestamp < y->timestamp ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_rows(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

semid_status histories_init(histories *out, const interaction_set *set, const uint32_t *item_rows,
                            semid_error *err) {
    semid_status status = SEMID_OK;
    histories h = {.n_users = set->users.n_ids};
    uint64_t *next = NULL; /* [n_users] where the user's next event goes */
    event *events = NULL;  /* [n_events], one user after the other */

    /* Count, and turn counts into offsets. */
    TRY_GOTO(mem_calloc(&h.offsets, h.n_users + 1, sizeof *h.offsets, err));
    for (int f = 0; f < HISTORY_FILES; f++)
        for (size_t i = 0; i < set->n_rows[f]; i++)
            if (item_rows[set->rows[f][i].item] != ROW_NONE) h.offsets[set->rows[f][i].user + 1]++;
    for (size_t u = 0; u < h.n_users; u++) h.offsets[u + 1] += h.offsets[u];

    size_t n_events = h.offsets[h.n_users];
    TRY_GOTO(mem_alloc(&h.rows, n_events, sizeof *h.rows, err));
    TRY_GOTO(mem_alloc(&h.sorted, n_events, sizeof *h.sorted, err));
    TRY_GOTO(mem_alloc(&next, h.n_users, sizeof *next, err));
    TRY_GOTO(mem_alloc(&events, n_events, sizeof *events, err));

    memcpy(next, h.offsets, h.n_users * sizeof *next);
    for (int f = 0; f < HISTORY_FILES; f++)
        for (size_t i = 0; i < set->n_rows[f]; i++) {
            const interaction *x = &set->rows[f][i];
            if (item_rows[x->item] == ROW_NONE) continue;
            uint64_t at = next[x->user]++;
            events[at] =
                (event){x->timestamp, (uint32_t)(at - h.offsets[x->user]), item_rows[x->item]};
        }

    for (size_t u = 0; u < h.n_users; u++) {
        uint64_t first = h.offsets[u], n = h.offsets[u + 1] - first;
        if (n == 0) continue;
        qsort(events + first, n, sizeof *events, compare_events);
        for (uint64_t i = first; i < first + n; i++) h.rows[i] = h.sorted[i] = events[i].row;
        qsort(h.sorted + first, n, sizeof *h.sorted, compare_rows);
    }

    *out = h;
    h = (histories){0};
done:
    mem_free(next);
    mem_free(events);
    histories_release(&h);
    return status;
}

void histories_release(histories *h) {
    mem_free(h->offsets);
    mem_free(h->rows);
    mem_free(h->sorted);
    *h = (histories){0};
}

size_t histories_length(const histories *h, uint32_t user) {
    return (size_t)(h->offsets[user + 1] - h->offsets[user]);
}

bool histories_has(const histories *h, uint32_t user, uint32_t row) {
    return bsearch(&row, h->sorted + h->offsets[user], histories_length(h, user), sizeof *h->sorted,
                   compare_rows) != NULL;
}

size_t profile_length(const histories *h, uint32_t user, profile_kind kind, size_t last_n) {
    size_t n = histories_length(h, user);
    size_t wanted = kind == PROFILE_MEAN ? n : kind == PROFILE_LAST ? 1 : last_n;
    return wanted < n ? wanted : n;
}

void profile_mean(const histories *h, uint32_t user, size_t n, const float *x, size_t dim,
                  double *workspace, float *out) {
    const uint32_t *rows = h->rows + h->offsets[user + 1] - n;

    memset(workspace, 0, dim * sizeof *workspace);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < dim; j++) workspace[j] += (double)x[rows[i] * dim + j];
    for (size_t j = 0; j < dim; j++) out[j] = (float)(workspace[j] / (double)n);
}
