#include "quant/code_order.h"

#include "base/memory.h"

#include <string.h>

semid_status code_order_init(code_order *o, const int32_t *codes, size_t n_rows, size_t n_levels,
                             size_t n_codewords, semid_error *err) {
    if (n_rows > UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "rows: expected fewer than 2^32, found %zu", n_rows);
    *o = (code_order){
        .codes = codes, .n_rows = n_rows, .n_levels = n_levels, .n_codewords = n_codewords};
    TRY(mem_alloc(&o->rows, n_rows, sizeof *o->rows, err));
    TRY(mem_alloc(&o->other, n_rows, sizeof *o->other, err));
    return mem_alloc(&o->starts, n_codewords + 1, sizeof *o->starts, err);
}

void code_order_release(code_order *o) {
    mem_free(o->rows);
    mem_free(o->other);
    mem_free(o->starts);
    *o = (code_order){0};
}

/* One pass of a radix sort, the last level first. */
static void sort_by_level(code_order *o, size_t level) {
    const int32_t *column = o->codes + level;
    memset(o->starts, 0, (o->n_codewords + 1) * sizeof *o->starts);
    for (size_t i = 0; i < o->n_rows; i++) o->starts[column[i * o->n_levels] + 1]++;
    for (size_t k = 0; k < o->n_codewords; k++) o->starts[k + 1] += o->starts[k];
    for (size_t i = 0; i < o->n_rows; i++) {
        uint32_t row = o->rows[i];
        o->other[o->starts[column[row * o->n_levels]]++] = row;
    }
    uint32_t *sorted = o->other;
    o->other = o->rows;
    o->rows = sorted;
}

void code_order_sort(code_order *o) {
    for (size_t i = 0; i < o->n_rows; i++) o->rows[i] = (uint32_t)i;
    for (size_t level = o->n_levels; level-- > 0;) sort_by_level(o, level);
}

size_t code_order_run(const code_order *o, size_t begin, size_t end, size_t n_levels) {
    const int32_t *first = o->codes + o->rows[begin] * o->n_levels;
    size_t at = begin + 1;
    while (at < end &&
           memcmp(first, o->codes + o->rows[at] * o->n_levels, n_levels * sizeof *first) == 0)
        at++;
    return at;
}
