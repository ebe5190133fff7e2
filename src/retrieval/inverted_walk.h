/* retrieval/inverted_walk.h - the sorted codes of an inverted index as a tree: a node of depth l is
 * the range of codes that agree on their first l values; its children differ at value l. */
#ifndef RETRIEVAL_INVERTED_WALK_H
#define RETRIEVAL_INVERTED_WALK_H

#include "semid/inverted.h"

/* The child of a node of depth `level` with this value; n = 0 if there is none. */
semid_code_range inverted_child(const semid_inverted *index, semid_code_range parent, size_t level,
                                int32_t value);

/* The child that `rest` begins with: rest is a node of depth `level`, or what is left of it after
 * earlier children; rest.n > 0. */
semid_code_range inverted_first_child(const semid_inverted *index, semid_code_range rest,
                                      size_t level);

#endif
