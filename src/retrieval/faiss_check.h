/* retrieval/faiss_check.h - an index that FAISS read, checked before it is used (C++). */
#ifndef RETRIEVAL_FAISS_CHECK_H
#define RETRIEVAL_FAISS_CHECK_H

#include <faiss/Index.h>

/* FAISS 1.7 takes most of what a file says on trust, and follows it out of its arrays. Throws a
 * faiss::FaissException unless the index is of a kind that is known here and everything that
 * searching and reconstructing index by fits. Rows must be numbered 0 to ntotal-1. */
void faiss_check_index(faiss::Index *index);

#endif
