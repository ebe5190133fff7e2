#include "retrieval/expand.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"
#include "retrieval/code_tree.h"
#include "retrieval/inverted_walk.h"

#include <stdlib.h>
#include <string.h>

struct expander {
    const semid_codebook *cb;
    const semid_inverted *index;
    expand_params params;
    size_t n_levels, n_codewords, dim;
    int32_t *neighbors; /* EXPAND_NEIGHBORS: [n_levels, n_codewords, n_neighbors], nearest first */
    code_tree tree;     /* EXPAND_BEAM */
};

/* A partial code: a node of the tree. */
typedef struct beam_node {
    double score;   /* |query - partial sum|^2 without the constant |query|^2 */
    double product; /* query . partial sum */
    size_t node;
} beam_node;

struct expand_scratch {
    semid_code_range *ranges;
    int32_t *code;          /* [n_levels] */
    float *products;        /* [n_levels, n_codewords] query . codeword */
    beam_node *beam, *kept; /* [beam_width] */
    size_t n_ranges;
};

/* ---- making one ---- */

semid_status expand_check(expand_kind kind, const semid_codebook *cb, const semid_inverted *index,
                          semid_error *err) {
    if (semid_inverted_levels(index) != semid_codebook_levels(cb))
        FAIL(SEMID_ERR_SHAPE,
             "expected codes of %zu levels in the inverted index, as in the codebook, found %zu",
             semid_codebook_levels(cb), semid_inverted_levels(index));
    if (semid_inverted_codewords(index) > semid_codebook_codewords(cb))
        FAIL(SEMID_ERR_SHAPE,
             "expected code values below %zu in the inverted index, as in the codebook, found %zu",
             semid_codebook_codewords(cb), semid_inverted_codewords(index) - 1);
    if (kind == EXPAND_HAMMING1 && semid_codebook_is_vq(cb))
        FAIL(SEMID_ERR_USAGE, "hamming1 needs codes of several levels: with the one token of a VQ "
                              "it is the whole catalogue");
    return SEMID_OK;
}

/* Codewords by distance to the chosen one, which comes first, then by number. */
static void find_neighbors(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const expander *e = user;
    size_t n_keep = e->params.n_neighbors;
    float distances[EXPAND_MAX_NEIGHBORS];
    for (size_t i = begin; i < end; i++) {
        size_t level = i / e->n_codewords, chosen = i % e->n_codewords, n = 1;
        const float *c = semid_codebook_level(e->cb, level);
        int32_t *found = e->neighbors + i * n_keep;
        found[0] = (int32_t)chosen;
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

static semid_status prepare(expander *e, semid_error *err) {
    if (e->params.kind == EXPAND_BEAM) return code_tree_init(&e->tree, e->cb, e->index, err);
    if (e->params.kind != EXPAND_NEIGHBORS) return SEMID_OK;
    if (e->params.n_neighbors > e->n_codewords) e->params.n_neighbors = e->n_codewords;
    TRY(mem_alloc(&e->neighbors, e->n_levels * e->n_codewords,
                  e->params.n_neighbors * sizeof(int32_t), err));
    parallel_chunks(e->n_levels * e->n_codewords, 16, find_neighbors, e);
    return SEMID_OK;
}

semid_status expander_new(expander **out, const semid_codebook *cb, const semid_inverted *index,
                          const expand_params *params, semid_error *err) {
    expander *e;
    TRY(mem_calloc(&e, 1, sizeof *e, err));
    *e = (expander){.cb = cb,
                    .index = index,
                    .params = *params,
                    .n_levels = semid_codebook_levels(cb),
                    .n_codewords = semid_codebook_codewords(cb),
                    .dim = semid_codebook_dim(cb)};
    semid_status status = prepare(e, err);
    if (status == SEMID_OK)
        *out = e;
    else
        expander_free(e);
    return status;
}

void expander_free(expander *e) {
    if (!e) return;
    mem_free(e->neighbors);
    code_tree_release(&e->tree);
    mem_free(e);
}

static size_t most_ranges(const expander *e) {
    switch (e->params.kind) {
    case EXPAND_EXACT:
    case EXPAND_PREFIX:
        return 1;
    case EXPAND_HAMMING1:
        return e->n_levels * e->n_codewords;
    case EXPAND_NEIGHBORS:
        return e->n_levels * e->params.n_neighbors;
    case EXPAND_BEAM:
        return e->params.beam_width;
    }
    return 0;
}

semid_status expand_scratch_new(expand_scratch **out, const expander *e, semid_error *err) {
    semid_status status = SEMID_OK;
    size_t width = e->params.kind == EXPAND_BEAM ? e->params.beam_width : 0;
    expand_scratch *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    TRY_GOTO(mem_alloc(&s->ranges, most_ranges(e), sizeof *s->ranges, err));
    TRY_GOTO(mem_alloc(&s->code, e->n_levels, sizeof *s->code, err));
    TRY_GOTO(mem_alloc(&s->beam, width, sizeof *s->beam, err));
    TRY_GOTO(mem_alloc(&s->kept, width, sizeof *s->kept, err));
    if (width > 0)
        TRY_GOTO(mem_alloc(&s->products, e->n_levels * e->n_codewords, sizeof(float), err));
    *out = s;
    s = NULL;
done:
    expand_scratch_free(s);
    return status;
}

void expand_scratch_free(expand_scratch *s) {
    if (!s) return;
    mem_free(s->ranges);
    mem_free(s->code);
    mem_free(s->products);
    mem_free(s->beam);
    mem_free(s->kept);
    mem_free(s);
}

/* ---- codes around one code ---- */

static void add_range(expand_scratch *s, semid_code_range range) {
    if (range.n > 0) s->ranges[s->n_ranges++] = range;
}

static void add_code(const expander *e, expand_scratch *s, const int32_t *code) {
    add_range(s, semid_inverted_find(e->index, code, e->n_levels));
}

/* Existing codes that differ from `code` at `level` alone. */
static void add_changed_level(const expander *e, expand_scratch *s, const int32_t *code,
                              size_t level) {
    semid_code_range rest = semid_inverted_find(e->index, code, level);
    while (rest.n > 0) {
        semid_code_range child = inverted_first_child(e->index, rest, level);
        rest.first += child.n;
        rest.n -= child.n;
        if (semid_inverted_code(e->index, child.first)[level] == code[level]) continue;
        for (size_t l = level + 1; l < e->n_levels && child.n > 0; l++)
            child = inverted_child(e->index, child, l, code[l]);
        add_range(s, child);
    }
}

static void expand_hamming1(const expander *e, expand_scratch *s, const int32_t *code) {
    add_code(e, s, code);
    for (size_t level = 0; level < e->n_levels; level++) add_changed_level(e, s, code, level);
}

static void expand_prefix(const expander *e, expand_scratch *s, const int32_t *code) {
    for (size_t n_levels = e->n_levels; n_levels > 0; n_levels--) {
        size_t n_items;
        semid_code_range range = semid_inverted_find(e->index, code, n_levels);
        semid_inverted_rows(e->index, range, &n_items);
        if (n_items < e->params.n_candidates && n_levels > 1) continue;
        add_range(s, range);
        return;
    }
}

static void expand_neighbors(const expander *e, expand_scratch *s, const int32_t *code) {
    size_t n = e->params.n_neighbors;
    memcpy(s->code, code, e->n_levels * sizeof *code);
    add_code(e, s, code);
    for (size_t level = 0; level < e->n_levels; level++) {
        const int32_t *neighbors =
            e->neighbors + (level * e->n_codewords + (size_t)code[level]) * n;
        for (size_t i = 1; i < n; i++) {
            s->code[level] = neighbors[i];
            add_code(e, s, s->code);
        }
        s->code[level] = code[level];
    }
}

/* ---- beam ---- */

/* Nodes are numbered in lexicographic order, so that breaks ties. */
static bool is_worse(const beam_node *a, const beam_node *b) {
    return a->score > b->score || (a->score == b->score && a->node > b->node);
}

static int compare_nodes(const void *a, const void *b) {
    return is_worse(a, b) ? 1 : -1;
}

/* The heap has its worst node on top. */
static void sift_down(beam_node *heap, size_t n, beam_node x) {
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_worse(&heap[child + 1], &heap[child])) child++;
        if (!is_worse(&heap[child], &x)) break;
        heap[at] = heap[child];
    }
    heap[at] = x;
}

static void sift_up(beam_node *heap, size_t at, beam_node x) {
    for (; at > 0 && is_worse(&x, &heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = x;
}

static void keep_best(const expander *e, beam_node *heap, size_t *n, beam_node x) {
    if (*n < e->params.beam_width)
        sift_up(heap, (*n)++, x);
    else if (is_worse(&heap[0], &x))
        sift_down(heap, *n, x);
}

static void add_children(const expander *e, expand_scratch *s, size_t l, size_t begin, size_t end,
                         double product, size_t *n_kept) {
    const code_tree_level *level = &e->tree.levels[l];
    const float *products = s->products + l * e->n_codewords;
    for (size_t node = begin; node < end; node++) {
        double p = product + (double)products[level->values[node]];
        beam_node x = {.score = level->norms[node] - 2 * p, .product = p, .node = node};
        keep_best(e, s->kept, n_kept, x);
    }
}

static void take_buckets(const expander *e, expand_scratch *s, size_t n) {
    const code_tree_level *last = &e->tree.levels[e->n_levels - 1];
    size_t n_items = 0;
    qsort(s->beam, n, sizeof *s->beam, compare_nodes);
    for (size_t i = 0; i < n && n_items < e->params.n_candidates; i++) {
        size_t n_rows;
        semid_code_range range = {last->children[s->beam[i].node], 1};
        semid_inverted_rows(e->index, range, &n_rows);
        n_items += n_rows;
        add_range(s, range);
    }
}

static void expand_beam(const expander *e, expand_scratch *s, const float *query) {
    for (size_t l = 0; l < e->n_levels; l++)
        for (size_t k = 0; k < e->n_codewords; k++)
            s->products[l * e->n_codewords + k] =
                kernels()->dot_f32(query, semid_codebook_level(e->cb, l) + k * e->dim, e->dim);
    size_t n = 0;
    add_children(e, s, 0, 0, e->tree.levels[0].n_nodes, 0, &n);
    for (size_t l = 1; l < e->n_levels; l++) {
        const uint32_t *children = e->tree.levels[l - 1].children;
        beam_node *parents = s->kept;
        size_t n_parents = n;
        s->kept = s->beam;
        s->beam = parents;
        n = 0;
        for (size_t i = 0; i < n_parents; i++)
            add_children(e, s, l, children[parents[i].node], children[parents[i].node + 1],
                         parents[i].product, &n);
    }
    beam_node *found = s->kept;
    s->kept = s->beam;
    s->beam = found;
    take_buckets(e, s, n);
}

size_t expand_query(const expander *e, const float *query, const int32_t *code, expand_scratch *s,
                    const semid_code_range **ranges) {
    s->n_ranges = 0;
    switch (e->params.kind) {
    case EXPAND_EXACT:
        add_code(e, s, code);
        break;
    case EXPAND_HAMMING1:
        expand_hamming1(e, s, code);
        break;
    case EXPAND_PREFIX:
        expand_prefix(e, s, code);
        break;
    case EXPAND_NEIGHBORS:
        expand_neighbors(e, s, code);
        break;
    case EXPAND_BEAM:
        expand_beam(e, s, query);
        break;
    }
    *ranges = s->ranges;
    return s->n_ranges;
}
