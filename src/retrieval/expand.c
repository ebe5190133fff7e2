#include "semid/expand.h"

#include "base/context.h"
#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "retrieval/code_tree.h"
#include "retrieval/inverted_walk.h"

#include <stdlib.h>
#include <string.h>

/* Codes are sorted, so every prefix is a range of them, and what a query expands to is a list of
 * ranges: EXACT and PREFIX one look-up, HAMMING1 a walk over the children at each level, NEIGHBORS
 * a look-up for each codeword in a table of near codewords that is made once.
 *
 * BEAM searches the codes that exist, as a tree (code_tree.h). With q the query and p the sum of
 * the codewords of a prefix, |q - p|^2 = |q|^2 - 2 q.p + |p|^2. The norms |p|^2 are kept with the
 * nodes, q.p is a sum of one product a level, taken from a table of L K products that is computed
 * once for each query. So a node costs one addition, whatever the dimension. Each level keeps the
 * beam_width best nodes in a heap whose root is the worst. Equal distances are ordered by code. */

struct semid_expander {
    const semid_codebook *cb;
    const semid_inverted *index;
    semid_expand_params params;
    size_t n_levels, n_codewords, dim;
    int32_t *neighbors; /* NEIGHBORS: [n_levels, n_codewords, n_neighbors], nearest first */
    code_tree tree;     /* BEAM */
};

typedef struct beam_node {
    double score;   /* |query - p|^2 without the constant |query|^2, p the partial sum */
    double product; /* query . p */
    size_t node;    /* of the tree */
} beam_node;

struct semid_expander_workspace {
    semid_code_range *ranges; /* [max_ranges] */
    size_t n_ranges;
    int32_t *code;          /* [n_levels] */
    float *products;        /* [n_levels, n_codewords] query . codeword */
    beam_node *beam, *kept; /* [beam_width] */
};

/* ---- making one ---- */

semid_expand_params semid_expand_params_default(void) {
    return (semid_expand_params){
        .kind = SEMID_EXPAND_BEAM, .n_neighbors = 4, .n_candidates = 1000, .beam_width = 64};
}

semid_status semid_expand_check(const semid_expand_params *params, const semid_codebook *cb,
                                const semid_inverted *index, semid_error *err) {
    const semid_expand_params *p = params;
    TRY(check_reserved(p->reserved, sizeof p->reserved, err));
    if (p->kind < SEMID_EXPAND_EXACT || p->kind > SEMID_EXPAND_BEAM)
        FAIL(SEMID_ERR_ARGUMENT, "kind of expansion: expected 0 to %d, found %d", SEMID_EXPAND_BEAM,
             (int)p->kind);
    if (p->kind == SEMID_EXPAND_NEIGHBORS &&
        (p->n_neighbors == 0 || p->n_neighbors > SEMID_EXPAND_MAX_NEIGHBORS))
        FAIL(SEMID_ERR_ARGUMENT, "n_neighbors: expected 1 to %d, found %zu",
             SEMID_EXPAND_MAX_NEIGHBORS, p->n_neighbors);
    if (p->kind == SEMID_EXPAND_BEAM && p->beam_width == 0)
        FAIL(SEMID_ERR_ARGUMENT, "beam_width: expected at least 1, found 0");

    if (semid_inverted_levels(index) != semid_codebook_levels(cb))
        FAIL(SEMID_ERR_SHAPE,
             "expected codes of %zu levels in the inverted index, as in the codebook, found %zu",
             semid_codebook_levels(cb), semid_inverted_levels(index));
    if (semid_inverted_codewords(index) > semid_codebook_codewords(cb))
        FAIL(SEMID_ERR_SHAPE,
             "expected code values below %zu in the inverted index, as in the codebook, found %zu",
             semid_codebook_codewords(cb), semid_inverted_codewords(index) - 1);
    if (p->kind == SEMID_EXPAND_HAMMING1 && semid_codebook_is_vq(cb))
        FAIL(SEMID_ERR_ARGUMENT,
             "expansion hamming1: expected codes of several levels, found the single tokens of a "
             "VQ, for which it is the whole catalogue");
    return SEMID_OK;
}

/* For each codeword the others by distance, equal ones by number; the codeword itself is first. */
static void find_neighbors(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const semid_expander *e = user;
    size_t n_keep = e->params.n_neighbors;
    float distances[SEMID_EXPAND_MAX_NEIGHBORS];

    for (size_t i = begin; i < end; i++) {
        size_t level = i / e->n_codewords, chosen = i % e->n_codewords, n = 1;
        const float *c = semid_codebook_level(e->cb, level);
        int32_t *found = e->neighbors + i * n_keep;
        found[0] = (int32_t)chosen;

        /* Insertion into a sorted list. */
        for (size_t k = 0; k < e->n_codewords; k++) {
            if (k == chosen) continue;
            float distance = kernels()->sqdist_f32(c + chosen * e->dim, c + k * e->dim, e->dim);
            if (n == n_keep && (n == 1 || distance >= distances[n - 1])) continue;
            size_t at = n < n_keep ? n++ : n - 1;
            for (; at > 1 && distances[at - 1] > distance; at--) {
                distances[at] = distances[at - 1];
                found[at] = found[at - 1];
            }
            distances[at] = distance;
            found[at] = (int32_t)k;
        }
    }
}

semid_status semid_expander_new(semid_context *context, semid_expander **out,
                                const semid_codebook *cb, const semid_inverted *index,
                                const semid_expand_params *params, semid_error *err) {
    semid_status status = SEMID_OK;
    semid_expander *e;
    TRY(semid_expand_check(params, cb, index, err));
    TRY(mem_calloc(&e, 1, sizeof *e, err));
    *e = (semid_expander){.cb = cb,
                          .index = index,
                          .params = *params,
                          .n_levels = semid_codebook_levels(cb),
                          .n_codewords = semid_codebook_codewords(cb),
                          .dim = semid_codebook_dim(cb)};

    /* Those kinds of expansion that have tables make them. */
    context_scope outer = context_enter(context);
    if (e->params.kind == SEMID_EXPAND_BEAM) {
        TRY_GOTO(code_tree_init(&e->tree, cb, index, err));
    } else if (e->params.kind == SEMID_EXPAND_NEIGHBORS) {
        if (e->params.n_neighbors > e->n_codewords) e->params.n_neighbors = e->n_codewords;
        TRY_GOTO(mem_alloc(&e->neighbors, e->n_levels * e->n_codewords,
                           e->params.n_neighbors * sizeof *e->neighbors, err));
        parallel_chunks(e->n_levels * e->n_codewords, 16, find_neighbors, e);
    }
done:
    context_leave(outer);
    if (status == SEMID_OK)
        *out = e;
    else
        semid_expander_free(e);
    return status;
}

void semid_expander_free(semid_expander *expander) {
    if (!expander) return;
    mem_free(expander->neighbors);
    code_tree_release(&expander->tree);
    mem_free(expander);
}

static size_t max_ranges(const semid_expander *e) {
    switch (e->params.kind) {
    case SEMID_EXPAND_EXACT:
    case SEMID_EXPAND_PREFIX:
        return 1;
    case SEMID_EXPAND_HAMMING1:
        return e->n_levels * e->n_codewords;
    case SEMID_EXPAND_NEIGHBORS:
        return e->n_levels * e->params.n_neighbors;
    case SEMID_EXPAND_BEAM:
        return e->params.beam_width;
    }
    return 0;
}

semid_status semid_expander_workspace_new(semid_expander_workspace **out,
                                          const semid_expander *expander, semid_error *err) {
    const semid_expander *e = expander;
    semid_status status = SEMID_OK;
    size_t width = e->params.kind == SEMID_EXPAND_BEAM ? e->params.beam_width : 0;
    semid_expander_workspace *w;
    TRY(mem_calloc(&w, 1, sizeof *w, err));

    TRY_GOTO(mem_alloc(&w->ranges, max_ranges(e), sizeof *w->ranges, err));
    TRY_GOTO(mem_alloc(&w->code, e->n_levels, sizeof *w->code, err));
    TRY_GOTO(mem_alloc(&w->beam, width, sizeof *w->beam, err));
    TRY_GOTO(mem_alloc(&w->kept, width, sizeof *w->kept, err));
    if (width > 0)
        TRY_GOTO(mem_alloc(&w->products, e->n_levels * e->n_codewords, sizeof(float), err));
    *out = w;
    w = NULL;

done:
    semid_expander_workspace_free(w);
    return status;
}

void semid_expander_workspace_free(semid_expander_workspace *workspace) {
    if (!workspace) return;
    mem_free(workspace->ranges);
    mem_free(workspace->code);
    mem_free(workspace->products);
    mem_free(workspace->beam);
    mem_free(workspace->kept);
    mem_free(workspace);
}

/* ---- codes around one code ---- */

static void add_range(semid_expander_workspace *w, semid_code_range range) {
    if (range.n > 0) w->ranges[w->n_ranges++] = range;
}

static void add_code(const semid_expander *e, semid_expander_workspace *w, const int32_t *code) {
    add_range(w, semid_inverted_find(e->index, code, e->n_levels));
}

/* Level by level, the other children of the code's prefix, and below each the code's own rest. */
static void expand_hamming1(const semid_expander *e, semid_expander_workspace *w,
                            const int32_t *code) {
    add_code(e, w, code);
    for (size_t level = 0; level < e->n_levels; level++) {
        semid_code_range rest = semid_inverted_find(e->index, code, level);

        while (rest.n > 0) {
            semid_code_range child = inverted_first_child(e->index, rest, level);
            rest.first += child.n;
            rest.n -= child.n;
            if (semid_inverted_code(e->index, child.first)[level] == code[level]) continue;

            for (size_t l = level + 1; l < e->n_levels && child.n > 0; l++)
                child = inverted_child(e->index, child, l, code[l]);
            add_range(w, child);
        }
    }
}

static void expand_prefix(const semid_expander *e, semid_expander_workspace *w,
                          const int32_t *code) {
    for (size_t n_levels = e->n_levels; n_levels > 0; n_levels--) {
        size_t n_items;
        semid_code_range range = semid_inverted_find(e->index, code, n_levels);
        semid_inverted_rows(e->index, range, &n_items);
        if (n_items < e->params.n_candidates && n_levels > 1) continue;
        add_range(w, range);
        return;
    }
}

static void expand_neighbors(const semid_expander *e, semid_expander_workspace *w,
                             const int32_t *code) {
    size_t n = e->params.n_neighbors;
    memcpy(w->code, code, e->n_levels * sizeof *code);
    add_code(e, w, code);

    for (size_t level = 0; level < e->n_levels; level++) {
        const int32_t *neighbors =
            e->neighbors + (level * e->n_codewords + (size_t)code[level]) * n;
        for (size_t i = 1; i < n; i++) {
            w->code[level] = neighbors[i];
            add_code(e, w, w->code);
        }
        w->code[level] = code[level];
    }
}

/* ---- beam ---- */

/* Nodes are numbered in the order of their codes, which breaks ties. */
static bool is_worse(const beam_node *a, const beam_node *b) {
    return a->score > b->score || (a->score == b->score && a->node > b->node);
}

static int compare_nodes(const void *a, const void *b) {
    return is_worse(a, b) ? 1 : -1;
}

/* Into the heap of at most beam_width nodes, whose root is the worst. */
static void keep_best(const semid_expander *e, beam_node *heap, size_t *n, beam_node x) {
    size_t at = 0;
    if (*n < e->params.beam_width) {
        at = (*n)++;
        for (; at > 0 && is_worse(&x, &heap[(at - 1) / 2]); at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = x;
        return;
    }

    if (!is_worse(&heap[0], &x)) return;
    for (size_t child; (child = 2 * at + 1) < *n; at = child) {
        if (child + 1 < *n && is_worse(&heap[child + 1], &heap[child])) child++;
        if (!is_worse(&heap[child], &x)) break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

static void add_children(const semid_expander *e, semid_expander_workspace *w, size_t l,
                         size_t begin, size_t end, double product, size_t *n_kept) {
    const code_tree_level *level = &e->tree.levels[l];
    const float *products = w->products + l * e->n_codewords;
    for (size_t node = begin; node < end; node++) {
        double p = product + (double)products[level->values[node]];
        beam_node x = {.score = level->norms[node] - 2 * p, .product = p, .node = node};
        keep_best(e, w->kept, n_kept, x);
    }
}

/* What was kept becomes the beam of the next level. */
static void swap_beams(semid_expander_workspace *w) {
    beam_node *kept = w->kept;
    w->kept = w->beam;
    w->beam = kept;
}

static void expand_beam(const semid_expander *e, semid_expander_workspace *w, const float *query) {
    for (size_t l = 0; l < e->n_levels; l++)
        for (size_t k = 0; k < e->n_codewords; k++)
            w->products[l * e->n_codewords + k] =
                kernels()->dot_f32(query, semid_codebook_level(e->cb, l) + k * e->dim, e->dim);

    size_t n = 0;
    add_children(e, w, 0, 0, e->tree.levels[0].n_nodes, 0, &n);
    swap_beams(w);
    for (size_t l = 1; l < e->n_levels; l++) {
        const uint32_t *children = e->tree.levels[l - 1].children;
        size_t n_parents = n;
        n = 0;
        for (size_t i = 0; i < n_parents; i++) {
            const beam_node *parent = &w->beam[i];
            add_children(e, w, l, children[parent->node], children[parent->node + 1],
                         parent->product, &n);
        }
        swap_beams(w);
    }

    /* The nearest codes, until they have enough items. */
    const code_tree_level *last = &e->tree.levels[e->n_levels - 1];
    size_t n_items = 0;
    qsort(w->beam, n, sizeof *w->beam, compare_nodes);
    for (size_t i = 0; i < n && n_items < e->params.n_candidates; i++) {
        size_t n_rows;
        semid_code_range range = {last->children[w->beam[i].node], 1};
        semid_inverted_rows(e->index, range, &n_rows);
        n_items += n_rows;
        add_range(w, range);
    }
}

/* ---- a query ---- */

size_t semid_expander_codes(const semid_expander *expander, const float *query, const int32_t *code,
                            semid_expander_workspace *workspace, const semid_code_range **ranges) {
    workspace->n_ranges = 0;
    switch (expander->params.kind) {
    case SEMID_EXPAND_EXACT:
        add_code(expander, workspace, code);
        break;
    case SEMID_EXPAND_HAMMING1:
        expand_hamming1(expander, workspace, code);
        break;
    case SEMID_EXPAND_PREFIX:
        expand_prefix(expander, workspace, code);
        break;
    case SEMID_EXPAND_NEIGHBORS:
        expand_neighbors(expander, workspace, code);
        break;
    case SEMID_EXPAND_BEAM:
        expand_beam(expander, workspace, query);
        break;
    }
    *ranges = workspace->ranges;
    return workspace->n_ranges;
}

size_t semid_expander_rows(const semid_expander *expander, const float *query, const int32_t *code,
                           semid_expander_workspace *workspace, uint32_t *rows, size_t capacity) {
    const semid_code_range *ranges;
    size_t n_ranges = semid_expander_codes(expander, query, code, workspace, &ranges), n = 0;

    for (size_t i = 0; i < n_ranges; i++) {
        size_t n_rows;
        const uint32_t *found = semid_inverted_rows(expander->index, ranges[i], &n_rows);
        if (n < capacity) {
            size_t n_copied = n_rows < capacity - n ? n_rows : capacity - n;
            memcpy(rows + n, found, n_copied * sizeof *rows);
        }
        n += n_rows;
    }
    return n;
}
