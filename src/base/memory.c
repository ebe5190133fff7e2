#include "base/memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* One place allocates, for three reasons: sizes are products of untrusted counts, and the product
 * is checked here; blocks are aligned for vector loads, large ones to huge pages, which saves most
 * of the page faults of a training run; and tests can make the n-th allocation fail. Pointers go
 * out through memcpy, because a T ** is not a void **. */

enum { ALIGNMENT_BYTES = 64, HUGE_PAGE_BYTES = 2 << 20 };

static atomic_long fail_countdown;

bool size_mul(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

bool size_add(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

void mem_fail_after(long n) {
    atomic_store(&fail_countdown, n);
}

static bool fails_now(void) {
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0) return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void *allocate(size_t bytes) {
    if (fails_now()) return NULL;
    bool large = bytes >= 4 * (size_t)HUGE_PAGE_BYTES;
    size_t alignment = large ? HUGE_PAGE_BYTES : ALIGNMENT_BYTES;
    size_t rounded;
    if (!size_add(bytes ? bytes : 1, alignment - 1, &rounded)) return NULL;
    rounded -= rounded % alignment;
    void *p = aligned_alloc(alignment, rounded);
    if (p && large) madvise(p, rounded, MADV_HUGEPAGE);
    return p;
}

semid_status mem_alloc(void *out, size_t n, size_t size, semid_error *err) {
    size_t bytes;
    void *p = size_mul(n, size, &bytes) ? allocate(bytes) : NULL;
    if (!p) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: %zu elements of %zu bytes", n, size);
    memcpy(out, &p, sizeof p);
    return SEMID_OK;
}

semid_status mem_calloc(void *out, size_t n, size_t size, semid_error *err) {
    void *p;
    TRY(mem_alloc(&p, n, size, err));
    memset(p, 0, n * size);
    memcpy(out, &p, sizeof p);
    return SEMID_OK;
}

semid_status mem_resize(void *inout, size_t n_old, size_t n_new, size_t size, semid_error *err) {
    void *old, *p;
    memcpy(&old, inout, sizeof old);
    TRY(mem_alloc(&p, n_new, size, err));
    if (old) memcpy(p, old, (n_old < n_new ? n_old : n_new) * size);
    mem_free(old);
    memcpy(inout, &p, sizeof p);
    return SEMID_OK;
}

semid_status mem_reserve(void *inout, size_t *capacity, size_t n_need, size_t size,
                         semid_error *err) {
    if (n_need <= *capacity) return SEMID_OK;
    size_t wanted = *capacity + *capacity / 2 + 16;
    if (wanted < n_need) wanted = n_need;
    TRY(mem_resize(inout, *capacity, wanted, size, err));
    *capacity = wanted;
    return SEMID_OK;
}

semid_status mem_strdup(char **out, const char *s, semid_error *err) {
    size_t n = strlen(s) + 1;
    char *copy;
    TRY(mem_alloc(&copy, n, 1, err));
    memcpy(copy, s, n);
    *out = copy;
    return SEMID_OK;
}

semid_status mem_format(char **out, semid_error *err, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);

    if (n < 0) FAIL(SEMID_ERR_INTERNAL, "cannot format a string");
    char *s;
    TRY(mem_alloc(&s, (size_t)n + 1, 1, err));
    va_start(args, fmt);
    vsnprintf(s, (size_t)n + 1, fmt, args);
    va_end(args);
    *out = s;
    return SEMID_OK;
}

void mem_free(void *p) {
    free(p);
}

void semid_free(void *bytes) {
    free(bytes);
}

size_t mem_peak_bytes(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (size_t)usage.ru_maxrss * 1024;
}

size_t mem_physical_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : 0;
}
