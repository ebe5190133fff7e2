/* Reading inverted.sid: everything is checked once, at opening, so that look-ups trust the file. */
#include "semid/inverted.h"

#include "base/file.h"
#include "base/memory.h"
#include "retrieval/inverted_layout.h"
#include "retrieval/inverted_walk.h"

#include <string.h>

struct semid_inverted {
    file_map map;
    size_t n_levels, n_codewords, n_items, n_codes;
    const int32_t *codes;       /* [n_codes, n_levels] */
    const uint64_t *offsets;    /* [n_codes + 1] */
    const uint32_t *rows;       /* [n_items] */
    const uint64_t *id_offsets; /* [n_items + 1] */
    const char *ids;
};

/* ---- opening ---- */

static semid_status check_header(const inverted_header *h, inverted_layout *l, const file_map *map,
                                 const char *path, semid_error *err) {
    if (memcmp(h->magic, INVERTED_MAGIC, sizeof h->magic) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an inverted index (inverted.sid), found other bytes",
             path);
    if (h->version != INVERTED_VERSION)
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected version %d of the format, found %u", path,
             INVERTED_VERSION, h->version);
    if (h->checksum != inverted_checksum(h))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged header: its checksum does not match", path);
    if (h->n_levels == 0 || h->n_levels > INVERTED_MAX_LEVELS || h->n_items == 0 ||
        h->n_items >= UINT32_MAX || h->n_codes == 0 || h->n_codes > h->n_items ||
        h->n_codewords > (uint64_t)INT32_MAX + 1)
        FAIL(SEMID_ERR_FORMAT,
             "%s: impossible counts: %u levels, %llu items, %llu codes, %llu codewords", path,
             h->n_levels, (unsigned long long)h->n_items, (unsigned long long)h->n_codes,
             (unsigned long long)h->n_codewords);
    if (!inverted_layout_init(l, h) || l->end != h->file_bytes || l->end != map->n_bytes)
        FAIL(SEMID_ERR_FORMAT, "%s: expected %llu bytes, found %zu: truncated or damaged", path,
             (unsigned long long)h->file_bytes, map->n_bytes);
    return SEMID_OK;
}

static bool codes_ascend(const semid_inverted *x) {
    for (size_t i = 0; i < x->n_codes; i++) {
        const int32_t *now = x->codes + i * x->n_levels, *before = now - x->n_levels;
        for (size_t l = 0; l < x->n_levels; l++)
            if (now[l] < 0 || (uint64_t)now[l] >= x->n_codewords) return false;
        if (i == 0) continue;
        size_t l = 0;
        while (l < x->n_levels && now[l] == before[l]) l++;
        if (l == x->n_levels || now[l] < before[l]) return false;
    }
    return true;
}

/* Starts at 0, strictly ascending (no bucket and no id is empty), ends at `end`. */
static bool offsets_ascend(const uint64_t *offsets, size_t n, uint64_t end) {
    if (offsets[0] != 0 || offsets[n] != end) return false;
    for (size_t i = 0; i < n; i++)
        if (offsets[i] >= offsets[i + 1]) return false;
    return true;
}

static bool ids_end_with_nul(const semid_inverted *x) {
    for (size_t i = 0; i < x->n_items; i++) {
        const char *id = x->ids + x->id_offsets[i];
        size_t n = x->id_offsets[i + 1] - x->id_offsets[i];
        if (memchr(id, '\0', n) != id + n - 1) return false;
    }
    return true;
}

/* Every row once, ascending within a bucket. */
static semid_status rows_are_complete(const semid_inverted *x, bool *complete, semid_error *err) {
    uint8_t *seen;
    TRY(mem_calloc(&seen, x->n_items / 8 + 1, 1, err));
    bool good = true;
    for (size_t c = 0; good && c < x->n_codes; c++)
        for (uint64_t i = x->offsets[c]; good && i < x->offsets[c + 1]; i++) {
            uint32_t row = x->rows[i];
            good = row < x->n_items && (i == x->offsets[c] || x->rows[i - 1] < row) &&
                   !(seen[row / 8] >> row % 8 & 1);
            if (good) seen[row / 8] |= (uint8_t)(1 << row % 8);
        }
    mem_free(seen);
    *complete = good;
    return SEMID_OK;
}

static semid_status check_sections(const semid_inverted *x, uint64_t id_bytes, const char *path,
                                   semid_error *err) {
    if (!codes_ascend(x))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged: the codes are not in ascending order", path);
    if (!offsets_ascend(x->offsets, x->n_codes, x->n_items))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged: the buckets do not cover the items", path);
    bool complete;
    TRY(rows_are_complete(x, &complete, err));
    if (!complete) FAIL(SEMID_ERR_FORMAT, "%s: damaged: expected every row once", path);
    if (!offsets_ascend(x->id_offsets, x->n_items, id_bytes) || !ids_end_with_nul(x))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged: the ids do not fill their section", path);
    return SEMID_OK;
}

static semid_status use_map(semid_inverted *x, const char *path, semid_error *err) {
    inverted_header h;
    inverted_layout l;
    if (x->map.n_bytes < sizeof h)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an inverted index (inverted.sid), found %zu bytes",
             path, x->map.n_bytes);
    memcpy(&h, x->map.data, sizeof h);
    TRY(check_header(&h, &l, &x->map, path, err));
    x->n_levels = h.n_levels;
    x->n_codewords = (size_t)h.n_codewords;
    x->n_items = (size_t)h.n_items;
    x->n_codes = (size_t)h.n_codes;
    const uint8_t *base = x->map.data;
    x->codes = (const int32_t *)(const void *)(base + l.codes);
    x->offsets = (const uint64_t *)(const void *)(base + l.offsets);
    x->rows = (const uint32_t *)(const void *)(base + l.rows);
    x->id_offsets = (const uint64_t *)(const void *)(base + l.id_offsets);
    x->ids = (const char *)base + l.ids;
    return check_sections(x, h.id_bytes, path, err);
}

semid_status semid_inverted_open(semid_inverted **out, const char *path, semid_error *err) {
    semid_inverted *x;
    TRY(mem_calloc(&x, 1, sizeof *x, err));
    semid_status status = file_map_open(&x->map, path, err);
    if (status == SEMID_OK) status = use_map(x, path, err);
    if (status == SEMID_OK)
        *out = x;
    else
        semid_inverted_close(x);
    return status;
}

void semid_inverted_close(semid_inverted *index) {
    if (!index) return;
    file_map_close(&index->map);
    mem_free(index);
}

/* ---- look-up ---- */

size_t semid_inverted_items(const semid_inverted *index) {
    return index->n_items;
}

size_t semid_inverted_codes(const semid_inverted *index) {
    return index->n_codes;
}

size_t semid_inverted_levels(const semid_inverted *index) {
    return index->n_levels;
}

size_t semid_inverted_codewords(const semid_inverted *index) {
    return index->n_codewords;
}

const int32_t *semid_inverted_code(const semid_inverted *index, size_t i) {
    return index->codes + i * index->n_levels;
}

const uint32_t *semid_inverted_rows(const semid_inverted *index, semid_code_range range,
                                    size_t *n_rows) {
    uint64_t first = index->offsets[range.first];
    *n_rows = (size_t)(index->offsets[range.first + range.n] - first);
    return index->rows + first;
}

const char *semid_inverted_id(const semid_inverted *index, size_t row) {
    return index->ids + index->id_offsets[row];
}

/* The first code in [begin, end) whose value at `level` is >= value; they agree on levels before
 * it, so these values ascend. */
static size_t lower_bound(const semid_inverted *x, size_t begin, size_t end, size_t level,
                          int64_t value) {
    while (begin < end) {
        size_t middle = begin + (end - begin) / 2;
        if (x->codes[middle * x->n_levels + level] < value)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

semid_code_range inverted_child(const semid_inverted *x, semid_code_range parent, size_t level,
                                int32_t value) {
    size_t end = parent.first + parent.n;
    size_t begin = lower_bound(x, parent.first, end, level, value);
    return (semid_code_range){begin, lower_bound(x, begin, end, level, (int64_t)value + 1) - begin};
}

semid_code_range inverted_first_child(const semid_inverted *x, semid_code_range rest,
                                      size_t level) {
    int64_t value = x->codes[rest.first * x->n_levels + level];
    size_t limit = rest.first + rest.n, step = 1, near = rest.first + 1;
    /* Gallop: most children are short. */
    while (near < limit && x->codes[near * x->n_levels + level] == value) {
        step *= 2;
        near = limit - near > step ? near + step : limit;
    }
    size_t from = near - rest.first > step ? near - step : rest.first;
    size_t end = lower_bound(x, from, near, level, value + 1);
    return (semid_code_range){rest.first, end - rest.first};
}

semid_code_range semid_inverted_find(const semid_inverted *index, const int32_t *prefix,
                                     size_t n_levels) {
    semid_code_range range = {0, index->n_codes};
    if (n_levels > index->n_levels) return (semid_code_range){0, 0};
    for (size_t level = 0; level < n_levels && range.n > 0; level++)
        range = inverted_child(index, range, level, prefix[level]);
    return range;
}
