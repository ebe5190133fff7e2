#include "retrieval/code_tree.h"

#include "base/memory.h"
#include "base/threads.h"

#include <string.h>

/* The tree is laid out level by level in arrays. A code that differs from the code before it at
 * level l starts a new node at level l and at every level below, so one pass over the sorted codes
 * counts the nodes and a second one fills them in; nodes are then in the order of their codes.
 *
 * Norms come from a walk down each subtree of the root with the sum of the codewords so far, in
 * double precision. The subtrees are independent and are shared out to the threads. */

/* The first level at which code i differs from the code before it. */
static size_t first_new_level(const semid_inverted *index, size_t i) {
    size_t level = 0;
    if (i == 0) return 0;
    const int32_t *now = semid_inverted_code(index, i), *before = semid_inverted_code(index, i - 1);
    while (now[level] == before[level]) level++;
    return level;
}

/* ---- norms: each subtree of the root is one chunk of work ---- */

typedef struct norm_task {
    code_tree *tree;
    const semid_codebook *cb;
    double *sums; /* [workers, n_levels + 1, dim]: the sum of codewords on the way down */
} norm_task;

static void set_norms(const norm_task *task, double *sums, size_t l, size_t begin, size_t end) {
    size_t dim = semid_codebook_dim(task->cb);
    code_tree_level *level = &task->tree->levels[l];
    double *sum = sums + (l + 1) * dim;

    for (size_t node = begin; node < end; node++) {
        const float *codeword =
            semid_codebook_level(task->cb, l) + (size_t)level->values[node] * dim;
        double norm = 0;
        for (size_t j = 0; j < dim; j++) {
            sum[j] = sums[l * dim + j] + (double)codeword[j];
            norm += sum[j] * sum[j];
        }
        level->norms[node] = norm;

        if (l + 1 < task->tree->n_levels)
            set_norms(task, sums, l + 1, level->children[node], level->children[node + 1]);
    }
}

static void set_subtree_norms(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const norm_task *task = user;
    size_t dim = semid_codebook_dim(task->cb);
    double *sums = task->sums + (size_t)threads_worker() * (task->tree->n_levels + 1) * dim;
    memset(sums, 0, dim * sizeof *sums);
    set_norms(task, sums, 0, begin, end);
}

/* ---- the tree ---- */

semid_status code_tree_init(code_tree *out, const semid_codebook *cb, const semid_inverted *index,
                            semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_codes = semid_inverted_codes(index), last = semid_inverted_levels(index) - 1;
    code_tree t = {.n_levels = last + 1};
    norm_task task = {.tree = &t, .cb = cb};
    size_t *next = NULL; /* [n_levels] node to fill in */

    /* Count the nodes. */
    TRY_GOTO(mem_calloc(&t.levels, t.n_levels, sizeof *t.levels, err));
    TRY_GOTO(mem_calloc(&next, t.n_levels, sizeof *next, err));
    for (size_t i = 0; i < n_codes; i++)
        for (size_t l = first_new_level(index, i); l < t.n_levels; l++) t.levels[l].n_nodes++;
    for (size_t l = 0; l < t.n_levels; l++) {
        code_tree_level *level = &t.levels[l];
        TRY_GOTO(mem_alloc(&level->values, level->n_nodes, sizeof *level->values, err));
        TRY_GOTO(mem_alloc(&level->children, level->n_nodes + 1, sizeof *level->children, err));
        TRY_GOTO(mem_alloc(&level->norms, level->n_nodes, sizeof *level->norms, err));
    }

    /* Fill them in, and after the last node of a level where its children end. */
    for (size_t i = 0; i < n_codes; i++)
        for (size_t l = first_new_level(index, i); l < t.n_levels; l++) {
            code_tree_level *level = &t.levels[l];
            level->values[next[l]] = semid_inverted_code(index, i)[l];
            level->children[next[l]++] = (uint32_t)(l == last ? i : next[l + 1]);
        }
    for (size_t l = 0; l < t.n_levels; l++)
        t.levels[l].children[t.levels[l].n_nodes] =
            (uint32_t)(l == last ? n_codes : t.levels[l + 1].n_nodes);

    TRY_GOTO(mem_alloc(&task.sums, (size_t)threads_get() * (t.n_levels + 1),
                       semid_codebook_dim(cb) * sizeof *task.sums, err));
    parallel_chunks(t.levels[0].n_nodes, 1, set_subtree_norms, &task);
    *out = t;
    t = (code_tree){0};

done:
    mem_free(task.sums);
    mem_free(next);
    code_tree_release(&t);
    return status;
}

void code_tree_release(code_tree *t) {
    for (size_t l = 0; t->levels && l < t->n_levels; l++) {
        mem_free(t->levels[l].values);
        mem_free(t->levels[l].children);
        mem_free(t->levels[l].norms);
    }
    mem_free(t->levels);
    *t = (code_tree){0};
}
