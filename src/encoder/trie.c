#include "encoder/trie.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, MAX_TRIES = 256 };
static const uint32_t FREE = UINT32_MAX;    /* the parent of a place that is not taken */
static const uint32_t NO_PARENT = FREE - 1; /* the root's */
static const size_t MAX_NODES = (size_t)1 << 30;

/* A node whose children are still to be placed: its keys, which agree in their first `depth` bytes.
 */
typedef struct task {
    uint32_t node;
    size_t begin, end, depth;
} task;

typedef struct builder {
    trie_node *nodes;
    int32_t *values;
    size_t n_nodes, capacity, value_capacity;
    uint32_t *next_free, *previous_free; /* [capacity] ring of the free places */
    size_t next_capacity, previous_capacity;
    uint32_t first_free; /* FREE: none */
    task *tasks;
    size_t n_tasks, task_capacity;
} builder;

static int compare_keys(const void *a, const void *b) {
    const trie_key *x = a, *y = b;
    size_t n = x->n_bytes < y->n_bytes ? x->n_bytes : y->n_bytes;
    int order = memcmp(x->bytes, y->bytes, n);
    if (order != 0) return order;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static void free_place_add(builder *b, uint32_t place) {
    if (b->first_free == FREE) {
        b->next_free[place] = b->previous_free[place] = b->first_free = place;
        return;
    }
    uint32_t first = b->first_free, last = b->previous_free[first];
    b->next_free[last] = b->previous_free[first] = place;
    b->next_free[place] = first;
    b->previous_free[place] = last;
}

static void free_place_remove(builder *b, uint32_t place) {
    uint32_t next = b->next_free[place], previous = b->previous_free[place];
    b->next_free[previous] = next;
    b->previous_free[next] = previous;
    if (b->first_free == place) b->first_free = next == place ? FREE : next;
}

static semid_status add_block(builder *b, semid_error *err) {
    size_t n = b->n_nodes + BLOCK;
    if (n > MAX_NODES) FAIL(SEMID_ERR_DATA, "the vocabulary is too large");
    TRY(mem_reserve(&b->nodes, &b->capacity, n, sizeof *b->nodes, err));
    TRY(mem_reserve(&b->values, &b->value_capacity, n, sizeof *b->values, err));
    TRY(mem_reserve(&b->next_free, &b->next_capacity, n, sizeof *b->next_free, err));
    TRY(mem_reserve(&b->previous_free, &b->previous_capacity, n, sizeof *b->previous_free, err));
    for (size_t i = b->n_nodes; i < n; i++) {
        b->nodes[i] = (trie_node){.parent = FREE};
        b->values[i] = TRIE_NONE;
        free_place_add(b, (uint32_t)i);
    }
    b->n_nodes = n;
    return SEMID_OK;
}

static bool fits(const builder *b, uint32_t base, const uint8_t *labels, size_t n_labels) {
    for (size_t i = 0; i < n_labels; i++)
        if (b->nodes[base ^ labels[i]].parent != FREE) return false;
    return true;
}

/* A base from which every label reaches a free place. Looks a while where places are free, going
 * round the ring, then opens a new block, which always fits. */
static semid_status find_base(builder *b, const uint8_t *labels, size_t n_labels, uint32_t *base,
                              semid_error *err) {
    uint32_t place = b->first_free;
    for (int i = 0; i < MAX_TRIES && place != FREE; i++, place = b->next_free[place]) {
        *base = place ^ labels[0];
        if (!fits(b, *base, labels, n_labels)) continue;
        b->first_free = place;
        return SEMID_OK;
    }
    *base = (uint32_t)b->n_nodes;
    return add_block(b, err);
}

/* The bytes that follow the first `depth` in the keys of a task, each once. */
static size_t collect_labels(const trie_key *keys, const task *t, uint8_t labels[BLOCK]) {
    size_t n = 0;
    for (size_t i = t->begin; i < t->end; i++) {
        if (keys[i].n_bytes == t->depth) continue;
        uint8_t label = (uint8_t)keys[i].bytes[t->depth];
        if (n == 0 || labels[n - 1] != label) labels[n++] = label;
    }
    return n;
}

static semid_status push_task(builder *b, task t, semid_error *err) {
    TRY(mem_reserve(&b->tasks, &b->task_capacity, b->n_tasks + 1, sizeof *b->tasks, err));
    b->tasks[b->n_tasks++] = t;
    return SEMID_OK;
}

static semid_status place_children(builder *b, const trie_key *keys, task t, semid_error *err) {
    uint8_t labels[BLOCK];
    size_t n_labels = collect_labels(keys, &t, labels), key = t.begin;
    if (keys[key].n_bytes == t.depth) {
        b->values[t.node] = keys[key].value;
        b->nodes[t.node].base_and_end |= 1;
    }
    while (key < t.end && keys[key].n_bytes == t.depth) key++;
    if (n_labels == 0) return SEMID_OK;
    uint32_t base;
    TRY(find_base(b, labels, n_labels, &base, err));
    b->nodes[t.node].base_and_end |= base << 1;
    for (size_t i = 0; i < n_labels; i++) {
        uint32_t child = base ^ labels[i];
        free_place_remove(b, child);
        b->nodes[child].parent = t.node;
        task below = {.node = child, .begin = key, .depth = t.depth + 1};
        while (key < t.end && (uint8_t)keys[key].bytes[t.depth] == labels[i]) key++;
        below.end = key;
        TRY(push_task(b, below, err));
    }
    return SEMID_OK;
}

static semid_status build(builder *b, const trie_key *keys, size_t n_keys, semid_error *err) {
    b->first_free = FREE;
    TRY(add_block(b, err));
    free_place_remove(b, TRIE_ROOT);
    b->nodes[TRIE_ROOT].parent = NO_PARENT;
    if (n_keys) TRY(push_task(b, (task){.node = TRIE_ROOT, .end = n_keys}, err));
    while (b->n_tasks > 0) TRY(place_children(b, keys, b->tasks[--b->n_tasks], err));
    return SEMID_OK;
}

semid_status trie_build(trie *out, trie_key *keys, size_t n_keys, semid_error *err) {
    builder b = {0};
    if (n_keys) qsort(keys, n_keys, sizeof *keys, compare_keys);
    semid_status status = build(&b, keys, n_keys, err);
    mem_free(b.next_free);
    mem_free(b.previous_free);
    mem_free(b.tasks);
    if (status == SEMID_OK)
        *out = (trie){.nodes = b.nodes, .values = b.values, .n_nodes = b.n_nodes};
    if (status != SEMID_OK) mem_free(b.nodes);
    if (status != SEMID_OK) mem_free(b.values);
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
