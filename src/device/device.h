/* device/device.h - where whole matrices are searched. The CPU is the only back end; another one
 * implements this interface, and its callers stay as they are. */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Which rows of items [n_items, dim] have an inner product with a query above its floor. */
typedef struct device_scan {
    const float *queries; /* [n_queries, dim], finite */
    const float *floors;  /* [n_queries] at the start */
    const float *items;   /* [n_items, dim], finite; n_items < 2^32 */
    size_t n_queries, n_items, dim;
    /* Called for each such row; returns the query's floor for the rows after it: INFINITY ends its
     * search. The rows of a query come in ascending order, from one thread; several queries may be
     * at work at once. */
    float (*visit)(void *user, size_t query, uint32_t row, float score);
    void *user;
} device_scan;

typedef struct device {
    const char *name;
    /* Scores are float32 sums in one order per tier: they depend neither on threads nor on which
     * queries come together. SEMID_ERR_NO_MEMORY, SEMID_ERR_INTERRUPTED. */
    semid_status (*scan_inner)(const device_scan *scan, semid_error *err);
} device;

/* "auto" or "cpu"; SEMID_ERR_ARGUMENT for a name that is not known. */
semid_status device_find(const device **out, const char *name, semid_error *err);

extern const device device_cpu;

#endif
