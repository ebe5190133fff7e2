/* base/memory.h - the only place that allocates. Sizes are products of counts and are multiplied
 * with an overflow check; memory is 64-byte aligned, so that kernels may use aligned loads. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* a*b into *out; false on overflow. */
bool size_mul(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

/* Allocate n elements of `size` bytes, uninitialised / zeroed. n = 0 gives a valid pointer. Large
 * blocks ask for huge pages. *out (a `T **`) is written only on success. */
semid_status mem_alloc(void *out, size_t n, size_t size, semid_error *err);
semid_status mem_calloc(void *out, size_t n, size_t size, semid_error *err);

/* Grow or shrink *inout (NULL allowed) from n_old to n_new elements; contents are kept. */
semid_status mem_resize(void *inout, size_t n_old, size_t n_new, size_t size, semid_error *err);

/* Room for at least n_need elements in *inout, whose capacity is *capacity; grows by halves. */
semid_status mem_reserve(void *inout, size_t *capacity, size_t n_need, size_t size,
                         semid_error *err);

semid_status mem_strdup(char **out, const char *s, semid_error *err);
/* printf into a new string. */
semid_status mem_format(char **out, semid_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL is allowed. */
void mem_free(void *p);

/* Tests: the n-th allocation from now on (1 = the next) fails; 0 switches this off. */
void mem_fail_after(long n);

/* Bytes of resident memory of this process at its highest, and what the machine has. */
size_t mem_peak_bytes(void);
size_t mem_physical_bytes(void);

#endif
