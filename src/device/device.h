/* device/device.h - where whole matrices are searched. One back end is there, the CPU; others come
 * behind this interface, and what calls it does not change. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct device_hit {
    float score;
    uint32_t row;
} device_hit;

typedef struct device {
    const char *name;
    /* For each of queries [n_queries, dim] the k rows of items [n_items, dim] with the greatest
     * inner product, best first, ties to the lowest row: hits [n_queries, k]. 1 <= k <= n_items,
     * n_items < 2^32, values finite. Scores are float32 sums in one order a tier: hits do not
     * depend on threads or on which queries come together. */
    semid_status (*topk_inner)(const float *queries, size_t n_queries, const float *items,
                               size_t n_items, size_t dim, size_t k, device_hit *hits,
                               semid_error *err);
} device;

/* "auto" or "cpu"; SEMID_ERR_USAGE for a name that is not known. */
semid_status device_find(const device **out, const char *name, semid_error *err);

extern const device device_cpu;

#endif
