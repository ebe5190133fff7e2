/* base/threads.h - work over fixed chunks.
 *
 * The chunks depend on the amount of work alone, never on the thread count, and reductions combine
 * chunk results in chunk order: that is what makes results identical at any number of threads. */
#ifndef BASE_THREADS_H
#define BASE_THREADS_H

#include <stddef.h>

/* Threads that parallel work uses; 0 = all cores. */
void threads_set(int n);
int threads_get(void);

/* Index of the calling worker inside parallel_chunks, 0 .. threads_get()-1: for scratch space. */
int threads_worker(void);

/* Call body(user, chunk, begin, end) once for every chunk [begin, end) of [0, n), in any order and
 * in parallel. chunk counts from 0; every chunk but the last has chunk_size elements. */
typedef void (*chunk_fn)(void *user, size_t chunk, size_t begin, size_t end);
void parallel_chunks(size_t n, size_t chunk_size, chunk_fn body, void *user);

/* How many chunks that is. */
size_t chunk_count(size_t n, size_t chunk_size);

#endif
