/* retrieval/code_tree.h - the codes of an inverted index as a tree, laid out for searching: the
 * nodes of a level side by side in lexicographic order. */
#ifndef RETRIEVAL_CODE_TREE_H
#define RETRIEVAL_CODE_TREE_H

#include "base/error.h"
#include "semid/codebook.h"
#include "semid/inverted.h"

typedef struct code_tree_level {
    size_t n_nodes;
    int32_t *values;    /* [n_nodes] of the last level of the node's prefix */
    uint32_t *children; /* [n_nodes + 1] into the next level; at the last level, into the codes */
    double *norms;      /* [n_nodes] |sum of the prefix's codewords|^2 */
} code_tree_level;

typedef struct code_tree {
    size_t n_levels;
    code_tree_level *levels; /* [n_levels]; level 0 holds the children of the root */
} code_tree;

semid_status code_tree_init(code_tree *out, const semid_codebook *cb, const semid_inverted *index,
                            semid_error *err);
void code_tree_release(code_tree *tree);

#endif
