/* encoder/trie.h - byte strings to numbers, found by longest match: a double-array trie (Aoe 1989).
 * The child of node p by byte b is at base(p) XOR b, if that node names p as its parent: one memory
 * access per byte. */
#ifndef ENCODER_TRIE_H
#define ENCODER_TRIE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trie_node {
    uint32_t base_and_end; /* base * 2 + 1 if a key ends here, else base * 2 */
    uint32_t parent;
} trie_node;

typedef struct trie {
    trie_node *nodes; /* [n_nodes], the root first; n_nodes is a multiple of 256 */
    int32_t *values;  /* [n_nodes], TRIE_NONE where no key ends */
    size_t n_nodes;
} trie;

typedef struct trie_key {
    const char *bytes;
    size_t n_bytes;
    int32_t value; /* >= 0 */
} trie_key;

enum { TRIE_ROOT = 0, TRIE_NONE = -1 };

/* Sorts the keys. They must not be empty; of equal ones the least value is kept. */
semid_status trie_build(trie *out, trie_key *keys, size_t n_keys, semid_error *err);
void trie_release(trie *t);

/* The node reached from `node` by these bytes, or UINT32_MAX. */
uint32_t trie_walk(const trie *t, uint32_t node, const char *bytes, size_t n_bytes);

/* The value of exactly these bytes, or TRIE_NONE. */
int32_t trie_find(const trie *t, const char *bytes, size_t n_bytes);

/* The value of the longest key that starts at bytes, walking on from `node`, and its length; or
 * TRIE_NONE. */
static inline int32_t trie_longest(const trie *t, uint32_t node, const char *bytes, size_t n_bytes,
                                   size_t *n_matched) {
    const trie_node *nodes = t->nodes;
    uint32_t last = UINT32_MAX;
    size_t n_last = 0;
    for (size_t i = 0; i < n_bytes;) {
        uint32_t child = nodes[node].base_and_end >> 1 ^ (uint8_t)bytes[i++];
        if (nodes[child].parent != node) break;
        node = child;
        bool ends = nodes[node].base_and_end & 1;
        last = ends ? node : last;
        n_last = ends ? i : n_last;
    }
    *n_matched = n_last;
    return n_last ? t->values[last] : TRIE_NONE;
}

#endif
