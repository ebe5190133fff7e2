/* A float32 is NaN or infinite exactly if all bits of its exponent are set. The test is on
 * integers, without a branch per element, so that the compiler vectorizes it and no -ffast-math can
 * remove it: reading the rows costs more than checking them. */
#include "base/finite.h"

#include "base/threads.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

size_t rows_not_finite(const float *x, size_t n, size_t dim, size_t *first_bad) {
    const uint32_t exponent = 0x7f800000u;
    size_t n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bad = 0;
        for (size_t j = 0; j < dim; j++) {
            uint32_t bits;
            memcpy(&bits, &x[i * dim + j], sizeof bits);
            bad |= (bits & exponent) == exponent;
        }
        if (bad && n_bad++ == 0) *first_bad = i;
    }
    return n_bad;
}

typedef struct check_rows_task {
    const float *x;
    size_t dim;
    atomic_bool found_bad;
} check_rows_task;

static void check_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    check_rows_task *t = user;
    size_t first;
    if (rows_not_finite(t->x + begin * t->dim, end - begin, t->dim, &first) > 0)
        atomic_store(&t->found_bad, true);
}

bool rows_are_finite(const float *x, size_t n, size_t dim) {
    enum { CHUNK_ROWS = 256 };
    check_rows_task t = {.x = x, .dim = dim};
    parallel_chunks(n, CHUNK_ROWS, check_chunk, &t);
    return !atomic_load(&t.found_bad);
}
