#include "semid/inverted.h"

#include "base/file.h"
#include "base/memory.h"
#include "retrieval/inverted_layout.h"
#include "retrieval/inverted_lookup.h"
#include "retrieval/inverted_walk.h"

#include <pthread.h>
#include <string.h>

/* Reading inverted.sid. All of it is checked once, when it is opened, so that look-ups trust the
 * file: codes ascend strictly, the buckets of rows cover every item exactly once, and every id ends
 * inside its section.
 *
 * Sorted codes are a tree without pointers: a node of depth l is the range of codes that agree on
 * their first l values, and its children, which differ at value l, lie side by side in it. A child
 * is found by binary search, the next child by galloping, because most children are short.
 *
 * The tables for going back, from ids and rows, are made by the first call that needs them. */

struct semid_inverted {
    file_map map; /* empty if the bytes are borrowed */
    size_t n_levels, n_codewords;
    const int32_t *codes; /* [n_codes, n_levels] */
    inverted_sections sections;

    pthread_mutex_t lookup_lock; /* held while the tables are made */
    inverted_lookup lookup;
};

/* ---- opening ---- */

/* Starts at 0, strictly ascending (no bucket and no id is empty), ends at `end`. */
static bool offsets_ascend(const uint64_t *offsets, size_t n, uint64_t end) {
    if (offsets[0] != 0 || offsets[n] != end) return false;
    for (size_t i = 0; i < n; i++)
        if (offsets[i] >= offsets[i + 1]) return false;
    return true;
}

static bool codes_ascend(const semid_inverted *x) {
    for (size_t i = 0; i < x->sections.n_codes; i++) {
        const int32_t *now = x->codes + i * x->n_levels, *before = now - x->n_levels;
        for (size_t l = 0; l < x->n_levels; l++)
            if (now[l] < 0 || (uint64_t)now[l] >= x->n_codewords) return false;

        size_t l = 0;
        while (i > 0 && l < x->n_levels && now[l] == before[l]) l++;
        if (i > 0 && (l == x->n_levels || now[l] < before[l])) return false;
    }
    return true;
}

static semid_status check_sections(const semid_inverted *x, uint64_t id_bytes, const char *path,
                                   semid_error *err) {
    const inverted_sections *s = &x->sections;
    if (!codes_ascend(x))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged: the codes are not in ascending order", path);
    if (!offsets_ascend(s->offsets, s->n_codes, s->n_items))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged: the buckets do not cover the items", path);

    /* Every row once, ascending within a bucket. */
    uint8_t *seen; /* a bit for each row */
    TRY(mem_calloc(&seen, s->n_items / 8 + 1, 1, err));
    bool complete = true;
    for (size_t c = 0; complete && c < s->n_codes; c++)
        for (uint64_t i = s->offsets[c]; complete && i < s->offsets[c + 1]; i++) {
            uint32_t row = s->rows[i];
            complete = row < s->n_items && (i == s->offsets[c] || s->rows[i - 1] < row) &&
                       !(seen[row / 8] >> row % 8 & 1);
            if (complete) seen[row / 8] |= (uint8_t)(1 << row % 8);
        }
    mem_free(seen);
    if (!complete) FAIL(SEMID_ERR_FORMAT, "%s: damaged: expected every row once", path);

    /* Each id ends with the only NUL in its bytes. */
    bool ids_end = offsets_ascend(s->id_offsets, s->n_items, id_bytes);
    for (size_t i = 0; ids_end && i < s->n_items; i++) {
        const char *id = s->ids + s->id_offsets[i];
        size_t n = s->id_offsets[i + 1] - s->id_offsets[i];
        ids_end = memchr(id, '\0', n) == id + n - 1;
    }
    if (!ids_end) FAIL(SEMID_ERR_FORMAT, "%s: damaged: the ids do not fill their section", path);
    return SEMID_OK;
}

/* name: of the file, for messages. */
static semid_status use_bytes(semid_inverted *x, const uint8_t *bytes, size_t n_bytes,
                              const char *name, semid_error *err) {
    inverted_header h;
    inverted_layout l;
    if (n_bytes < sizeof h)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an inverted index (inverted.sid), found %zu bytes",
             name, n_bytes);
    memcpy(&h, bytes, sizeof h);

    /* The header first: where the sections lie depends on it. */
    if (memcmp(h.magic, INVERTED_MAGIC, sizeof h.magic) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an inverted index (inverted.sid), found other bytes",
             name);
    if (h.version != INVERTED_VERSION)
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected version %d of the format, found %u", name,
             INVERTED_VERSION, h.version);
    if (h.checksum != inverted_checksum(&h))
        FAIL(SEMID_ERR_FORMAT, "%s: damaged header: its checksum does not match", name);
    if (h.n_levels == 0 || h.n_levels > INVERTED_MAX_LEVELS || h.n_items == 0 ||
        h.n_items >= UINT32_MAX || h.n_codes == 0 || h.n_codes > h.n_items ||
        h.n_codewords > (uint64_t)INT32_MAX + 1)
        FAIL(SEMID_ERR_FORMAT,
             "%s: impossible counts: %u levels, %llu items, %llu codes, %llu codewords", name,
             h.n_levels, (unsigned long long)h.n_items, (unsigned long long)h.n_codes,
             (unsigned long long)h.n_codewords);
    if (!inverted_layout_init(&l, &h) || l.end != h.file_bytes || l.end != n_bytes)
        FAIL(SEMID_ERR_FORMAT, "%s: expected %llu bytes, found %zu: truncated or damaged", name,
             (unsigned long long)h.file_bytes, n_bytes);

    x->n_levels = h.n_levels;
    x->n_codewords = (size_t)h.n_codewords;
    x->codes = (const int32_t *)(const void *)(bytes + l.codes);
    x->sections = (inverted_sections){
        .n_items = (size_t)h.n_items,
        .n_codes = (size_t)h.n_codes,
        .offsets = (const uint64_t *)(const void *)(bytes + l.offsets),
        .rows = (const uint32_t *)(const void *)(bytes + l.rows),
        .id_offsets = (const uint64_t *)(const void *)(bytes + l.id_offsets),
        .ids = (const char *)bytes + l.ids,
    };
    return check_sections(x, h.id_bytes, name, err);
}

static semid_status inverted_new(semid_inverted **out, semid_error *err) {
    semid_inverted *x;
    TRY(mem_calloc(&x, 1, sizeof *x, err));
    pthread_mutex_init(&x->lookup_lock, NULL);
    *out = x;
    return SEMID_OK;
}

semid_status semid_inverted_open(semid_inverted **out, const char *path, semid_error *err) {
    semid_inverted *x;
    TRY(inverted_new(&x, err));
    semid_status status = file_map_open(&x->map, path, err);
    if (status == SEMID_OK) status = use_bytes(x, x->map.data, x->map.n_bytes, path, err);
    if (status == SEMID_OK)
        *out = x;
    else
        semid_inverted_close(x);
    return status;
}

semid_status semid_inverted_open_memory(semid_inverted **out, const void *bytes, size_t n_bytes,
                                        semid_error *err) {
    semid_inverted *x;
    if ((uintptr_t)bytes % sizeof(uint64_t) != 0)
        FAIL(SEMID_ERR_ARGUMENT, "inverted index in memory: expected an address aligned to 8");

    TRY(inverted_new(&x, err));
    semid_status status = use_bytes(x, bytes, n_bytes, "inverted index in memory", err);
    if (status == SEMID_OK)
        *out = x;
    else
        semid_inverted_close(x);
    return status;
}

void semid_inverted_close(semid_inverted *index) {
    if (!index) return;
    file_map_close(&index->map);
    inverted_lookup_release(&index->lookup);
    pthread_mutex_destroy(&index->lookup_lock);
    mem_free(index);
}

/* ---- look-up ---- */

size_t semid_inverted_items(const semid_inverted *index) {
    return index->sections.n_items;
}

size_t semid_inverted_codes(const semid_inverted *index) {
    return index->sections.n_codes;
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
    uint64_t first = index->sections.offsets[range.first];
    *n_rows = (size_t)(index->sections.offsets[range.first + range.n] - first);
    return index->sections.rows + first;
}

const char *semid_inverted_id(const semid_inverted *index, size_t row) {
    return index->sections.ids + index->sections.id_offsets[row];
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
    semid_code_range range = {0, index->sections.n_codes};
    if (n_levels > index->n_levels) return (semid_code_range){0, 0};
    for (size_t level = 0; level < n_levels && range.n > 0; level++)
        range = inverted_child(index, range, level, prefix[level]);
    return range;
}

size_t semid_inverted_children(const semid_inverted *index, const int32_t *prefix, size_t n_levels,
                               int32_t *values, semid_code_range *ranges, size_t capacity) {
    size_t n = 0;
    if (n_levels >= index->n_levels) return 0;
    semid_code_range rest = semid_inverted_find(index, prefix, n_levels);

    while (rest.n > 0) {
        semid_code_range child = inverted_first_child(index, rest, n_levels);
        if (n < capacity) {
            values[n] = semid_inverted_code(index, child.first)[n_levels];
            if (ranges) ranges[n] = child;
        }
        n++;
        rest.first += child.n;
        rest.n -= child.n;
    }
    return n;
}

/* ---- back, from ids and rows ---- */

/* The index stays as it is to all that can be seen: hence the cast. */
static semid_status need_lookup(const semid_inverted *index, semid_error *err) {
    semid_inverted *x = (semid_inverted *)(uintptr_t)index;
    semid_status status = SEMID_OK;
    pthread_mutex_lock(&x->lookup_lock);
    if (!x->lookup.slots) status = inverted_lookup_init(&x->lookup, &x->sections, err);
    pthread_mutex_unlock(&x->lookup_lock);
    return status;
}

semid_status semid_inverted_row_of(const semid_inverted *index, const char *id, size_t *row,
                                   semid_error *err) {
    TRY(need_lookup(index, err));
    *row = inverted_lookup_row(&index->lookup, &index->sections, id);
    return SEMID_OK;
}

semid_status semid_inverted_code_of(const semid_inverted *index, size_t row, size_t *code,
                                    semid_error *err) {
    if (row >= index->sections.n_items)
        FAIL(SEMID_ERR_ARGUMENT, "row: expected a number below %zu, found %zu",
             index->sections.n_items, row);
    TRY(need_lookup(index, err));
    *code = index->lookup.code_of[row];
    return SEMID_OK;
}
