/* eval/numpy_random.h - the shuffle of numpy.random.RandomState, which gives the same sample of
 * rows as pandas takes. */
#ifndef EVAL_NUMPY_RANDOM_H
#define EVAL_NUMPY_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* RandomState(seed).shuffle(x). With x = 0, 1, .. n-1, the first k are what
 * DataFrame.sample(k, random_state=seed) takes from n rows. n < 2^32. */
void numpy_shuffle(uint32_t seed, uint64_t *x, size_t n);

#endif
