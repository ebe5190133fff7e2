/* encoder/relative_bias.h - the buckets into which T5 (Raffel 2020) and MPNet (Song 2020) sort the
 * distance of two tokens: single ones nearby, ever wider ones further off. */
#ifndef ENCODER_RELATIVE_BIAS_H
#define ENCODER_RELATIVE_BIAS_H

#include <stddef.h>

enum { RELATIVE_BUCKETS = 32 };

/* 0 to RELATIVE_BUCKETS - 1 for a key that stands `distance` tokens behind its query. */
size_t relative_bucket(ptrdiff_t distance);

#endif
