#include "semid/inverted.h"

#include "base/file.h"
#include "base/memory.h"
#include "retrieval/inverted_layout.h"

#include <string.h>

/* Writing inverted.sid: rows are sorted by (code, row), then the sections follow one after the
 * other, codes and offsets from where the code changes in the sorted rows.
 *
 * The sort is a radix sort from the last level to the first, 16 bits at a time, each pass a stable
 * counting sort: O(rows * levels), whatever the codes. Rows begin in ascending order, which the
 * stable passes keep among equal codes. */

enum { N_DIGITS = 1 << 16, DIGIT_BITS = 16 };

/* Rows by (code, row). */
static semid_status sort_rows(const semid_codes *codes, int32_t max_code, uint32_t **out,
                              semid_error *err) {
    semid_status status = SEMID_OK;
    size_t n_rows = codes->n_rows, n_levels = codes->n_levels;
    uint32_t *rows = NULL, *other = NULL;
    size_t *ends = NULL; /* [N_DIGITS + 1] where the rows of a digit go */
    TRY_GOTO(mem_alloc(&rows, n_rows, sizeof *rows, err));
    TRY_GOTO(mem_alloc(&other, n_rows, sizeof *other, err));
    TRY_GOTO(mem_alloc(&ends, N_DIGITS + 1, sizeof *ends, err));
    for (size_t i = 0; i < n_rows; i++) rows[i] = (uint32_t)i;

    int n_passes = max_code >= N_DIGITS ? 2 : 1;
    for (size_t pass = 0; pass < n_levels * (size_t)n_passes; pass++) {
        const int32_t *column = codes->data + (n_levels - 1 - pass / (size_t)n_passes);
        int shift = DIGIT_BITS * (int)(pass % (size_t)n_passes);

        /* Count each digit, sum up to where its rows begin, deal the rows out in order. */
        memset(ends, 0, (N_DIGITS + 1) * sizeof *ends);
        for (size_t i = 0; i < n_rows; i++)
            ends[((uint32_t)column[i * n_levels] >> shift & (N_DIGITS - 1)) + 1]++;
        for (size_t d = 0; d < N_DIGITS; d++) ends[d + 1] += ends[d];
        for (size_t i = 0; i < n_rows; i++) {
            uint32_t row = rows[i];
            other[ends[(uint32_t)column[row * n_levels] >> shift & (N_DIGITS - 1)]++] = row;
        }

        uint32_t *sorted = other;
        other = rows;
        rows = sorted;
    }
    *out = rows;
    rows = NULL;

done:
    mem_free(rows);
    mem_free(other);
    mem_free(ends);
    return status;
}

static const int32_t *code_of(const semid_codes *codes, uint32_t row) {
    return codes->data + row * codes->n_levels;
}

static bool starts_code(const semid_codes *codes, const uint32_t *rows, size_t i) {
    return i == 0 || memcmp(code_of(codes, rows[i]), code_of(codes, rows[i - 1]),
                            codes->n_levels * sizeof(int32_t)) != 0;
}

/* Where each distinct code starts in `rows`, and n_items at the end. */
static semid_status find_offsets(const semid_codes *codes, const uint32_t *rows, uint64_t **out,
                                 size_t *n_codes, semid_error *err) {
    size_t n = 0;
    uint64_t *offsets;
    for (size_t i = 0; i < codes->n_rows; i++) n += starts_code(codes, rows, i);
    TRY(mem_alloc(&offsets, n + 1, sizeof *offsets, err));

    n = 0;
    for (size_t i = 0; i < codes->n_rows; i++)
        if (starts_code(codes, rows, i)) offsets[n++] = i;
    offsets[n] = codes->n_rows;
    *out = offsets;
    *n_codes = n;
    return SEMID_OK;
}

static void pad_to(file_out *f, size_t *at, size_t offset) {
    static const char zeros[INVERTED_ALIGN];
    file_out_write(f, zeros, offset - *at);
    *at = offset;
}

static void put(file_out *f, size_t *at, const void *data, size_t n_bytes) {
    file_out_write(f, data, n_bytes);
    *at += n_bytes;
}

static void write_sections(file_out *f, const inverted_header *h, const inverted_layout *l,
                           const semid_codes *codes, const uint32_t *rows, const uint64_t *offsets,
                           const char *const *ids) {
    size_t at = 0;
    put(f, &at, h, sizeof *h);

    pad_to(f, &at, l->codes);
    for (size_t i = 0; i < h->n_codes; i++)
        put(f, &at, code_of(codes, rows[offsets[i]]), codes->n_levels * sizeof(int32_t));

    pad_to(f, &at, l->offsets);
    put(f, &at, offsets, (h->n_codes + 1) * sizeof *offsets);

    pad_to(f, &at, l->rows);
    put(f, &at, rows, h->n_items * sizeof *rows);

    pad_to(f, &at, l->id_offsets);
    uint64_t id_at = 0;
    put(f, &at, &id_at, sizeof id_at);
    for (size_t i = 0; i < h->n_items; i++) {
        id_at += strlen(ids[i]) + 1;
        put(f, &at, &id_at, sizeof id_at);
    }

    pad_to(f, &at, l->ids);
    for (size_t i = 0; i < h->n_items; i++) put(f, &at, ids[i], strlen(ids[i]) + 1);
}

semid_status semid_inverted_build(const char *path, const semid_codes *codes,
                                  const char *const *ids, semid_error *err) {
    semid_status status = SEMID_OK;
    int32_t max_code = 0;
    uint32_t *rows = NULL;
    uint64_t *offsets = NULL;
    size_t n_codes;
    inverted_layout layout;
    file_out f = {0};

    if (codes->n_rows == 0 || codes->n_rows >= UINT32_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "inverted index: expected 1 to %u items, found %zu",
             UINT32_MAX - 1, codes->n_rows);
    if (codes->n_levels == 0 || codes->n_levels > INVERTED_MAX_LEVELS)
        FAIL(SEMID_ERR_ARGUMENT, "inverted index: expected 1 to %d levels, found %zu",
             INVERTED_MAX_LEVELS, codes->n_levels);

    for (size_t i = 0; i < codes->n_rows * codes->n_levels; i++) {
        int32_t c = codes->data[i];
        if (c < 0)
            FAIL(SEMID_ERR_DATA, "inverted index: row %zu has the negative code %d",
                 i / codes->n_levels, c);
        if (c > max_code) max_code = c;
    }

    TRY_GOTO(sort_rows(codes, max_code, &rows, err));
    TRY_GOTO(find_offsets(codes, rows, &offsets, &n_codes, err));

    inverted_header header = {.magic = INVERTED_MAGIC,
                              .version = INVERTED_VERSION,
                              .n_levels = (uint32_t)codes->n_levels,
                              .n_items = codes->n_rows,
                              .n_codes = n_codes,
                              .n_codewords = (uint64_t)max_code + 1};
    for (size_t i = 0; i < codes->n_rows; i++) header.id_bytes += strlen(ids[i]) + 1;
    if (!inverted_layout_init(&layout, &header))
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "inverted index: %zu items do not fit", codes->n_rows);
    header.file_bytes = layout.end;
    header.checksum = inverted_checksum(&header);

    TRY_GOTO(file_out_open(&f, path, err));
    write_sections(&f, &header, &layout, codes, rows, offsets, ids);
    TRY_GOTO(file_out_commit(&f, err));

done:
    file_out_release(&f);
    mem_free(rows);
    mem_free(offsets);
    return status;
}
