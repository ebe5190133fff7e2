#include "encoder/trie.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Building: the children of a node are the places base XOR label, so a base must be found for which
 * all of these are free. XOR with a byte stays inside an aligned block of 256 nodes: a block that
 * is entirely free takes any node, which bounds the search. Free slots form a ring; the search
 * tries MAX_TRIES of them, beginning where the last one succeeded, then opens a new block. This
 * gives up a little density for a build that is linear in the bytes of the keys in practice.
 *
 * Keys are sorted, so the keys below a node are a range, and its labels are found in one pass.
 * Nodes whose children are not placed yet wait on a stack instead of in recursion: a token may be
 * thousands of bytes deep.
 *
 * Every base is below n_nodes and n_nodes is a multiple of 256: lookups need no bounds check. */

enum { BLOCK = 256, MAX_TRIES = 256 };
static const uint32_t FREE = UINT32_MAX;    /* the parent of a slot that is not taken */
static const uint32_t NO_PARENT = FREE - 1; /* the root's */
static const size_t MAX_NODES = (size_t)1 << 30;

/* A node whose children are still to be placed: its keys, which agree in their first `depth` bytes.
 */
typedef struct pending_node {
    uint32_t node;
    size_t begin, end, depth;
} pending_node;

typedef struct trie_builder {
    trie_node *nodes;
    int32_t *values;
    size_t n_nodes, capacity, value_capacity;
    uint32_t *next_free, *previous_free; /* [capacity] ring of the free slots */
    size_t next_capacity, previous_capacity;
    uint32_t first_free; /* FREE: none */
    pending_node *pending;
    size_t n_pending, pending_capacity;
} trie_builder;

static int compare_keys(const void *a, const void *b) {
    const trie_key *x = a, *y = b;
    size_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->bytes, y->bytes, n);
    if (order != 0) return order;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static void free_slot_remove(trie_builder *b, uint32_t slot) {
    uint32_t next = b->next_free[slot], previous = b->previous_free[slot];
    b->next_free[previous] = next;
    b->previous_free[next] = previous;
    if (b->first_free == slot) b->first_free = next == slot ? FREE : next;
}

static semid_status add_block(trie_builder *b, semid_error *err) {
    size_t n = b->n_nodes + BLOCK;
    if (n > MAX_NODES) FAIL(SEMID_ERR_DATA, "the vocabulary is too large");
    TRY(mem_reserve(&b->nodes, &b->capacity, n, sizeof *b->nodes, err));
    TRY(mem_reserve(&b->values, &b->value_capacity, n, sizeof *b->values, err));
    TRY(mem_reserve(&b->next_free, &b->next_capacity, n, sizeof *b->next_free, err));
    TRY(mem_reserve(&b->previous_free, &b->previous_capacity, n, sizeof *b->previous_free, err));

    for (; b->n_nodes < n; b->n_nodes++) {
        uint32_t slot = (uint32_t)b->n_nodes;
        b->nodes[slot] = (trie_node){.parent = FREE};
        b->values[slot] = TRIE_NONE;

        /* to the end of the ring */
        if (b->first_free == FREE) b->first_free = b->previous_free[slot] = slot;
        uint32_t first = b->first_free, last = b->previous_free[first];
        b->next_free[last] = b->previous_free[first] = slot;
        b->next_free[slot] = first;
        b->previous_free[slot] = last;
    }
    return SEMID_OK;
}

/* A base from which every label reaches a free slot. Looks a while where slots are free, going
 * round the ring, then opens a new block, which always fits. */
static semid_status find_base(trie_builder *b, const uint8_t *labels, size_t n_labels,
                              uint32_t *base, semid_error *err) {
    uint32_t slot = b->first_free;

    for (int i = 0; i < MAX_TRIES && slot != FREE; i++, slot = b->next_free[slot]) {
        size_t n_free = 0;
        *base = slot ^ labels[0];
        while (n_free < n_labels && b->nodes[*base ^ labels[n_free]].parent == FREE) n_free++;
        if (n_free < n_labels) continue;
        b->first_free = slot;
        return SEMID_OK;
    }

    *base = (uint32_t)b->n_nodes;
    return add_block(b, err);
}

static semid_status push_pending(trie_builder *b, pending_node p, semid_error *err) {
    TRY(mem_reserve(&b->pending, &b->pending_capacity, b->n_pending + 1, sizeof *b->pending, err));
    b->pending[b->n_pending++] = p;
    return SEMID_OK;
}

static semid_status place_children(trie_builder *b, const trie_key *keys, pending_node p,
                                   semid_error *err) {
    uint8_t labels[BLOCK];
    size_t n_labels = 0, key = p.begin;

    /* keys that end here are the first of the range */
    if (keys[key].n_bytes == p.depth) {
        b->values[p.node] = keys[key].value;
        b->nodes[p.node].base_and_end |= 1;
    }
    while (key < p.end && keys[key].n_bytes == p.depth) key++;

    /* the bytes that follow, each once */
    for (size_t i = key; i < p.end; i++) {
        uint8_t label = (uint8_t)keys[i].bytes[p.depth];
        if (n_labels == 0 || labels[n_labels - 1] != label) labels[n_labels++] = label;
    }
    if (n_labels == 0) return SEMID_OK;

    uint32_t base;
    TRY(find_base(b, labels, n_labels, &base, err));
    b->nodes[p.node].base_and_end |= base << 1;
    for (size_t i = 0; i < n_labels; i++) {
        uint32_t child = base ^ labels[i];
        free_slot_remove(b, child);
        b->nodes[child].parent = p.node;
        pending_node below = {.node = child, .begin = key, .depth = p.depth + 1};
        while (key < p.end && (uint8_t)keys[key].bytes[p.depth] == labels[i]) key++;
        below.end = key;
        TRY(push_pending(b, below, err));
    }
    return SEMID_OK;
}

semid_status trie_build(trie *out, trie_key *keys, size_t n_keys, semid_error *err) {
    trie_builder b = {.first_free = FREE};
    semid_status status = SEMID_OK;

    if (n_keys) qsort(keys, n_keys, sizeof *keys, compare_keys);
    TRY_GOTO(add_block(&b, err));
    free_slot_remove(&b, TRIE_ROOT);
    b.nodes[TRIE_ROOT].parent = NO_PARENT;
    if (n_keys) TRY_GOTO(push_pending(&b, (pending_node){.node = TRIE_ROOT, .end = n_keys}, err));
    while (b.n_pending > 0) TRY_GOTO(place_children(&b, keys, b.pending[--b.n_pending], err));

    *out = (trie){.nodes = b.nodes, .values = b.values, .n_nodes = b.n_nodes};
    b.nodes = NULL;
    b.values = NULL;

done:
    mem_free(b.nodes);
    mem_free(b.values);
    mem_free(b.next_free);
    mem_free(b.previous_free);
    mem_free(b.pending);
    return status;
}

void trie_release(trie *t) {
    mem_free(t->nodes);
    mem_free(t->values);
    *t = (trie){0};
}

uint32_t trie_walk(const trie *t, uint32_t node, const char *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        uint32_t child = t->nodes[node].base_and_end >> 1 ^ (uint8_t)bytes[i];
        if (t->nodes[child].parent != node) return UINT32_MAX;
        node = child;
    }
    return node;
}

int32_t trie_find(const trie *t, const char *bytes, size_t n_bytes) {
    uint32_t node = trie_walk(t, TRIE_ROOT, bytes, n_bytes);
    return node == UINT32_MAX ? TRIE_NONE : t->values[node];
}
