#include "encoder/relative_bias.h"

#include <math.h>

enum { MAX_DISTANCE = 128, HALF = RELATIVE_BUCKETS / 2, EXACT = HALF / 2 };

/* In float32, as the models were trained: at powers of two rounding decides. */
static size_t wide_bucket(size_t n) {
    float ratio = logf((float)n / EXACT) / (float)log((double)MAX_DISTANCE / EXACT);
    size_t bucket = EXACT + (size_t)(ratio * (HALF - EXACT));
    return bucket < HALF ? bucket : HALF - 1;
}

size_t relative_bucket(ptrdiff_t distance) {
    size_t n = distance < 0 ? (size_t)-distance : (size_t)distance;
    size_t bucket = n < EXACT ? n : wide_bucket(n);
    return distance > 0 ? HALF + bucket : bucket;
}
