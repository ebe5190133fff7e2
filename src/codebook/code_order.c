#include "codebook/code_order.h"

#include "base/memory.h"
#include "base/threads.h"

#include <string.h>

/* Least-significant-digit radix sort (Knuth, vol. 3, 5.2.5), stable, in parallel. A record is one
 * 64-bit word: as many codes of a row as fit, followed by the row's number in the low bits. Passes
 * stream through records by 8-bit digits of their codes and never look up a row. Where a row has
 * more codes than fit, its last codes are sorted first, then the ones before them, and so on: each
 * round begins from the order of the one before.
 *
 * A pass counts the digits of each chunk, sums the counts up by digit and then by chunk, which
 * gives every chunk its target for every digit, and moves the records. The order does not depend on
 * the number of threads. n_levels * log2(K) / 8 passes over 16 bytes per row. */
enum { DIGIT_BITS = 8, N_DIGITS = 1 << DIGIT_BITS, MIN_CHUNK_ROWS = 1 << 14, MAX_CHUNKS = 32 };

semid_status code_order_init(code_order *o, const int32_t *codes, size_t n_rows, size_t n_levels,
                             size_t n_codewords, semid_error *err) {
    if (n_rows > UINT32_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "rows: expected fewer than 2^32, found %zu", n_rows);
    if (n_levels > UINT16_MAX)
        FAIL(SEMID_ERR_UNSUPPORTED, "levels: expected fewer than 2^16, found %zu", n_levels);
    *o = (code_order){
        .codes = codes, .n_rows = n_rows, .n_levels = n_levels, .n_codewords = n_codewords};
    TRY(mem_alloc(&o->rows, n_rows, sizeof *o->rows, err));
    TRY(mem_alloc(&o->shared, n_rows, sizeof *o->shared, err));
    TRY(mem_alloc(&o->records, n_rows, sizeof *o->records, err));
    return mem_alloc(&o->other, n_rows, sizeof *o->other, err);
}

void code_order_release(code_order *o) {
    mem_free(o->rows);
    mem_free(o->shared);
    mem_free(o->records);
    mem_free(o->other);
    *o = (code_order){0};
}

/* Bits of the largest number below n. */
static unsigned bits_below(size_t n) {
    unsigned bits = 0;
    while (n > 1 && (n - 1) >> bits > 0) bits++;
    return bits;
}

typedef struct sort_task {
    code_order *o;
    unsigned row_bits, code_bits, shift;
    size_t begin, end; /* levels in the records */
    size_t chunk_rows;
    uint32_t starts[MAX_CHUNKS][N_DIGITS];
} sort_task;

static void fill_records(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const sort_task *s = user;
    const code_order *o = s->o;
    for (size_t i = begin; i < end; i++) {
        const int32_t *codes = o->codes + o->rows[i] * o->n_levels;
        uint64_t record = 0;
        for (size_t l = s->begin; l < s->end; l++)
            record = record << s->code_bits | (uint32_t)codes[l];
        o->records[i] = record << s->row_bits | o->rows[i];
    }
}

static void count_digits(void *user, size_t chunk, size_t begin, size_t end) {
    sort_task *s = user;
    uint32_t *counts = s->starts[chunk];
    memset(counts, 0, sizeof s->starts[chunk]);
    for (size_t i = begin; i < end; i++) counts[s->o->records[i] >> s->shift & (N_DIGITS - 1)]++;
}

static void move_records(void *user, size_t chunk, size_t begin, size_t end) {
    sort_task *s = user;
    uint32_t *starts = s->starts[chunk];
    for (size_t i = begin; i < end; i++) {
        uint64_t record = s->o->records[i];
        s->o->other[starts[record >> s->shift & (N_DIGITS - 1)]++] = record;
    }
}

static void store_rows(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const sort_task *s = user;
    uint64_t mask = ((uint64_t)1 << s->row_bits) - 1;
    for (size_t i = begin; i < end; i++) s->o->rows[i] = (uint32_t)(s->o->records[i] & mask);
}

/* How many leading codes each row has in common with the row before it. The records hold the first
 * levels; only where these agree and there are more are the codes looked up. */
static void compare_neighbours(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const sort_task *s = user;
    const code_order *o = s->o;
    for (size_t i = begin; i < end; i++) {
        size_t n = 0;
        uint64_t differ = i > 0 ? (o->records[i] ^ o->records[i - 1]) >> s->row_bits : 0;
        if (differ != 0) {
            /* The highest bit that differs tells the first level that does. */
            n = s->end - 1 - (63 - (unsigned)__builtin_clzll(differ)) / s->code_bits;
        } else if (i > 0) {
            const int32_t *codes = o->codes + o->rows[i] * o->n_levels;
            const int32_t *before = o->codes + o->rows[i - 1] * o->n_levels;
            for (n = s->end; n < o->n_levels && codes[n] == before[n];) n++;
        }
        o->shared[i] = (uint16_t)n;
    }
}

void code_order_sort(code_order *o) {
    sort_task s = {
        .o = o, .row_bits = bits_below(o->n_rows), .code_bits = bits_below(o->n_codewords)};
    size_t at_once = s.code_bits > 0 ? (64 - s.row_bits) / s.code_bits : o->n_levels;
    s.chunk_rows = chunk_count(o->n_rows, MAX_CHUNKS);
    if (s.chunk_rows < MIN_CHUNK_ROWS) s.chunk_rows = MIN_CHUNK_ROWS;
    size_t n_chunks = chunk_count(o->n_rows, s.chunk_rows);

    for (size_t i = 0; i < o->n_rows; i++) o->rows[i] = (uint32_t)i;
    /* A round sorts by levels [begin, end), the last ones first; rows that agree in them keep their
     * order. */
    for (size_t end = o->n_levels; end > 0; end = s.begin) {
        s.end = end;
        s.begin = end > at_once ? end - at_once : 0;
        unsigned end_bit = s.row_bits + (unsigned)(s.end - s.begin) * s.code_bits;
        parallel_chunks(o->n_rows, s.chunk_rows, fill_records, &s);
        for (s.shift = s.row_bits; s.shift < end_bit; s.shift += DIGIT_BITS) {
            parallel_chunks(o->n_rows, s.chunk_rows, count_digits, &s);

            /* From counts to the index of the first record: by digit, then by chunk. */
            uint32_t at = 0;
            for (size_t digit = 0; digit < N_DIGITS; digit++)
                for (size_t chunk = 0; chunk < n_chunks; chunk++) {
                    uint32_t n = s.starts[chunk][digit];
                    s.starts[chunk][digit] = at;
                    at += n;
                }

            parallel_chunks(o->n_rows, s.chunk_rows, move_records, &s);
            uint64_t *sorted = o->other;
            o->other = o->records;
            o->records = sorted;
        }
        parallel_chunks(o->n_rows, s.chunk_rows, store_rows, &s);
    }

    parallel_chunks(o->n_rows, s.chunk_rows, compare_neighbours, &s);
}

size_t code_order_run(const code_order *o, size_t begin, size_t end, size_t n_levels) {
    size_t at = begin + 1;
    while (at < end && o->shared[at] >= n_levels) at++;
    return at;
}
