/* A zip archive is read from its end (PKWARE's APPNOTE.TXT, 6.3.9):
 *
 *     { local header, name, extra fields, data }...  { directory entry, name, extra fields }...
 *     [ 64-bit end record, its locator ]  end record, comment
 *
 * The end record tells where the directory lies, a directory entry where the local header of its
 * member lies, and the data follows that header. Fields that 32 bits do not hold are all ones there
 * and stand in a 64-bit form of the record or in an extra field.
 *
 * Nothing of it is believed. On opening, every offset and length is checked against the bytes of
 * the file before it is used, the number of entries against the directory's size before an array of
 * them is allocated, and members must not overlap: one piece of data under a thousand names is a
 * bomb. On reading, the local header must agree with the entry, a claim of more bytes than deflate
 * can pack is refused before that many are allocated, and the data must have the length and the
 * checksum that it claims. Opening costs time proportional to the directory, reading to the member.
 */
#include "formats/zip_read.h"

#include "base/context.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT_BYTES = 65535,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8
};

static uint16_t u16_at(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t u32_at(const uint8_t *p) {
    return (uint32_t)u16_at(p) | (uint32_t)u16_at(p + 2) << 16;
}

static uint64_t u64_at(const uint8_t *p) {
    return (uint64_t)u32_at(p) | (uint64_t)u32_at(p + 4) << 32;
}

static bool is_inside(uint64_t offset, uint64_t n, size_t total) {
    return offset <= total && n <= total - offset;
}

/* ---- the directory ---- */

typedef struct directory {
    uint64_t offset, n_bytes, n_members;
} directory;

static bool find_directory(const uint8_t *data, size_t n, directory *d) {
    if (n < END_BYTES) return false;

    /* Backwards to the end record, whose comment must reach to the end of the file. */
    size_t last = n - END_BYTES, end = last;
    size_t first = last > MAX_COMMENT_BYTES ? last - MAX_COMMENT_BYTES : 0;
    while (memcmp(data + end, "PK\5\6", 4) != 0 || u16_at(data + end + 20) != last - end)
        if (end-- == first) return false;
    d->n_members = u16_at(data + end + 10);
    d->n_bytes = u32_at(data + end + 12);
    d->offset = u32_at(data + end + 16);

    if (d->n_members == UINT16_MAX || d->n_bytes == UINT32_MAX || d->offset == UINT32_MAX) {
        const uint8_t *locator = data + end - LOCATOR_BYTES;
        if (end < LOCATOR_BYTES || memcmp(locator, "PK\6\7", 4) != 0) return false;
        uint64_t at = u64_at(locator + 8);
        if (!is_inside(at, END64_BYTES, end) || memcmp(data + at, "PK\6\6", 4) != 0) return false;
        d->n_members = u64_at(data + at + 32);
        d->n_bytes = u64_at(data + at + 40);
        d->offset = u64_at(data + at + 48);
    }
    return is_inside(d->offset, d->n_bytes, end) && d->n_members <= d->n_bytes / CENTRAL_BYTES;
}

/* Replaces the fields that are all ones by those of the 64-bit extra field, which has them in this
 * order. */
static bool read_wide_fields(const uint8_t *extra, size_t n, uint64_t *fields[3]) {
    for (size_t at = 0; n - at >= 4;) {
        size_t size = u16_at(extra + at + 2), used = 0;
        if (size > n - at - 4) return false;
        for (int i = 0; u16_at(extra + at) == 1 && i < 3; i++) {
            if (*fields[i] != UINT32_MAX) continue;
            if (size - used < 8) return false;
            *fields[i] = u64_at(extra + at + 4 + used);
            used += 8;
        }
        at += 4 + size;
    }
    return true;
}

/* The directory entry at *at, which moves to the next one. */
static semid_status read_entry(const zip_archive *z, zip_member *m, size_t *at, size_t end,
                               semid_error *err) {
    const uint8_t *p = z->data + *at;
    if (end - *at < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: zip directory entry expected at byte %zu", z->label,
             *at);

    size_t name_bytes = u16_at(p + 28), extra_bytes = u16_at(p + 30);
    size_t total = CENTRAL_BYTES + name_bytes + extra_bytes + u16_at(p + 32);
    uint64_t packed = u32_at(p + 20), unpacked = u32_at(p + 24), offset = u32_at(p + 42);
    uint64_t *wide[3] = {&unpacked, &packed, &offset};
    if (total > end - *at || !read_wide_fields(p + CENTRAL_BYTES + name_bytes, extra_bytes, wide) ||
        !is_inside(offset, packed, z->n_bytes))
        FAIL(SEMID_ERR_FORMAT, "%s: truncated or corrupt: a zip member lies outside the file",
             z->label);

    uint16_t flags = u16_at(p + 8), method = u16_at(p + 10);
    if ((flags & 1) || (method != METHOD_STORED && method != METHOD_DEFLATED))
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected stored or deflated zip members, found %s %u",
             z->label, flags & 1 ? "encryption, method" : "method", method);

    *m = (zip_member){.name = (const char *)p + CENTRAL_BYTES,
                      .name_bytes = name_bytes,
                      .deflated = method == METHOD_DEFLATED,
                      .crc = u32_at(p + 16),
                      .packed_bytes = packed,
                      .n_bytes = unpacked,
                      .header_offset = offset};
    *at += total;
    return SEMID_OK;
}

static int by_offset(const void *a, const void *b) {
    size_t x = (*(const zip_member *const *)a)->header_offset;
    size_t y = (*(const zip_member *const *)b)->header_offset;
    return x < y ? -1 : x > y;
}

/* Each member, without the extra fields of its local header, ends before the next one or the
 * directory begins. */
static semid_status check_overlap(const zip_archive *z, const directory *d, semid_error *err) {
    const zip_member **sorted;
    semid_status status = SEMID_OK;
    TRY(mem_alloc(&sorted, z->n_members, sizeof *sorted, err));
    for (size_t i = 0; i < z->n_members; i++) sorted[i] = &z->members[i];
    qsort(sorted, z->n_members, sizeof *sorted, by_offset);

    for (size_t i = 0; i < z->n_members; i++) {
        const zip_member *m = sorted[i];
        size_t next = i + 1 < z->n_members ? sorted[i + 1]->header_offset : d->offset;
        uint64_t n_bytes = LOCAL_BYTES + (uint64_t)m->name_bytes + m->packed_bytes;
        if (!is_inside(m->header_offset, n_bytes, next))
            FAIL_GOTO(SEMID_ERR_FORMAT, "%s: corrupt: zip member %.*s overlaps what follows it",
                      z->label, (int)m->name_bytes, m->name);
    }
done:
    mem_free(sorted);
    return status;
}

static semid_status read_directory(zip_archive *z, semid_error *err) {
    directory d;
    if (!find_directory(z->data, z->n_bytes, &d))
        FAIL(SEMID_ERR_FORMAT, "%s: expected a zip file, found other or truncated bytes", z->label);

    TRY(mem_calloc(&z->members, d.n_members, sizeof *z->members, err));
    z->n_members = d.n_members;
    size_t at = d.offset, end = d.offset + d.n_bytes;
    for (size_t i = 0; i < z->n_members; i++) TRY(read_entry(z, &z->members[i], &at, end, err));
    return check_overlap(z, &d, err);
}

semid_status zip_open_memory(zip_archive *out, const void *data, size_t n_bytes, const char *label,
                             semid_error *err) {
    zip_archive z = {.label = label, .data = data, .n_bytes = n_bytes};
    semid_status status = read_directory(&z, err);
    if (status == SEMID_OK)
        *out = z;
    else
        zip_close(&z);
    return status;
}

semid_status zip_open(zip_archive *out, const char *path, semid_error *err) {
    file_map map;
    TRY(file_map_open(&map, path, err));
    semid_status status = zip_open_memory(out, map.data, map.n_bytes, path, err);
    if (status == SEMID_OK)
        out->map = map;
    else
        file_map_close(&map);
    return status;
}

void zip_close(zip_archive *z) {
    mem_free(z->members);
    file_map_close(&z->map);
    *z = (zip_archive){0};
}

const zip_member *zip_find(const zip_archive *z, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < z->n_members; i++)
        if (z->members[i].name_bytes == n && memcmp(z->members[i].name, name, n) == 0)
            return &z->members[i];
    return NULL;
}

const char *zip_describe(const zip_archive *z, char *buf, size_t capacity) {
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < z->n_members && at < capacity; i++)
        at += (size_t)snprintf(buf + at, capacity - at, "%s%.*s", i ? ", " : "",
                               (int)z->members[i].name_bytes, z->members[i].name);
    return buf;
}

/* ---- members ---- */

/* Where the packed bytes of a member begin, once its local header and its claims were checked. */
static semid_status locate(const zip_archive *z, const zip_member *m, const uint8_t **packed,
                           semid_error *err) {
    const uint8_t *p = z->data + m->header_offset;
    if (!is_inside(m->header_offset, LOCAL_BYTES, z->n_bytes) || memcmp(p, "PK\3\4", 4) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: no zip member at byte %zu", z->label,
             m->header_offset);

    size_t name_bytes = u16_at(p + 26);
    uint64_t skip = (uint64_t)LOCAL_BYTES + name_bytes + u16_at(p + 28);
    uint64_t offset = m->header_offset + skip;
    if (!is_inside(offset, m->packed_bytes, z->n_bytes) || name_bytes != m->name_bytes ||
        memcmp(p + LOCAL_BYTES, m->name, name_bytes) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: zip member %.*s differs from its directory entry",
             z->label, (int)m->name_bytes, m->name);

    if (!m->deflated && m->packed_bytes != m->n_bytes)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: stored member %.*s of %zu bytes claims %zu", z->label,
             (int)m->name_bytes, m->name, m->packed_bytes, m->n_bytes);
    /* Deflate cannot pack better than 1032:1; and no array worth reading comes near that, so a
     * large member that claims more than 200:1 is taken for a bomb. */
    const size_t ratio = m->n_bytes > (size_t)64 << 20 ? 200 : 1032;
    if (m->n_bytes / ratio > m->packed_bytes)
        FAIL(SEMID_ERR_FORMAT,
             "%s: member %.*s claims %zu bytes in %zu packed ones: refused as a zip bomb", z->label,
             (int)m->name_bytes, m->name, m->n_bytes, m->packed_bytes);

    *packed = z->data + offset;
    return SEMID_OK;
}

static void *allocate(void *user, unsigned n, unsigned size) {
    (void)user;
    void *p;
    return mem_alloc(&p, n, size, NULL) == SEMID_OK ? p : NULL;
}

static void release(void *user, void *p) {
    (void)user;
    mem_free(p);
}

/* The first n_out bytes of a deflated member; when that is all of it, its packed bytes must end
 * there too. Works in pieces: zlib counts with 32 bits, and a checksum of what was just written
 * finds it in the cache. */
static semid_status inflate_member(const zip_archive *z, const zip_member *m, const uint8_t *packed,
                                   uint8_t *out, size_t n_out, uint32_t *crc, semid_error *err) {
    enum { PIECE_BYTES = 1 << 18 };
    semid_status status = SEMID_OK;
    z_stream s = {.zalloc = allocate, .zfree = release, .next_in = packed};
    size_t n_packed = m->packed_bytes, n_done = 0;
    const bool whole = n_out == m->n_bytes;
    int result = inflateInit2(&s, -MAX_WBITS);

    while (result == Z_OK && (n_done < n_out || (whole && n_done == n_out))) {
        /* With no room left, a byte more would show that the data does not end where it should. */
        uint8_t beyond = 0;
        size_t n_in = n_packed < PIECE_BYTES ? n_packed : PIECE_BYTES;
        size_t room = n_out - n_done < PIECE_BYTES ? n_out - n_done : PIECE_BYTES;
        s.avail_in = (unsigned)n_in;
        s.next_out = room ? out + n_done : &beyond;
        s.avail_out = room ? (unsigned)room : 1;
        result = inflate(&s, Z_NO_FLUSH);

        size_t n_new = (room ? room : 1) - s.avail_out;
        if (room && n_new) *crc = (uint32_t)crc32_z(*crc, out + n_done, n_new);
        n_packed -= n_in - s.avail_in;
        n_done += n_new;
        TRY_GOTO(check_interrupted(err));
    }

    if (result == Z_MEM_ERROR)
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: unpacking a zip member");
    if (n_done != n_out || (whole && (result != Z_STREAM_END || n_packed > 0)))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: corrupt: member %.*s: expected %zu unpacked bytes",
                  z->label, (int)m->name_bytes, m->name, m->n_bytes);
done:
    inflateEnd(&s);
    return status;
}

/* The checksum of a stored member. The pages that it has read are given back, so that a checksum
 * over gigabytes does not keep them all in memory. */
static semid_status checksum_stored(const zip_archive *z, const zip_member *m, const uint8_t *data,
                                    uint32_t *crc, semid_error *err) {
    enum { PIECE_BYTES = 8 << 20 };
    size_t begin = (size_t)(data - z->data);
    for (size_t at = 0; at < m->n_bytes;) {
        size_t n = m->n_bytes - at < PIECE_BYTES ? m->n_bytes - at : PIECE_BYTES;
        *crc = (uint32_t)crc32_z(*crc, data + at, n);
        at += n;
        if (at < m->n_bytes) file_map_drop(&z->map, begin, begin + at);
        TRY(check_interrupted(err));
    }
    return SEMID_OK;
}

semid_status zip_read(const zip_archive *z, const zip_member *m, const uint8_t **data, void **owned,
                      semid_error *err) {
    semid_status status;
    const uint8_t *bytes;
    uint8_t *unpacked = NULL;
    uint32_t crc = 0;

    TRY_GOTO(locate(z, m, &bytes, err));
    if (m->deflated) {
        TRY_GOTO(mem_alloc(&unpacked, m->n_bytes, 1, err));
        TRY_GOTO(inflate_member(z, m, bytes, unpacked, m->n_bytes, &crc, err));
        bytes = unpacked;
    } else {
        TRY_GOTO(checksum_stored(z, m, bytes, &crc, err));
    }
    if (crc != m->crc)
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: corrupt: member %.*s: expected checksum %08x, found %08x",
                  z->label, (int)m->name_bytes, m->name, m->crc, crc);

    *data = bytes;
    *owned = unpacked;
    unpacked = NULL;
done:
    mem_free(unpacked);
    return status;
}

semid_status zip_read_head(const zip_archive *z, const zip_member *m, uint8_t *buf, size_t capacity,
                           size_t *n_bytes, semid_error *err) {
    const uint8_t *packed;
    uint32_t unused = 0;
    size_t n = m->n_bytes < capacity ? m->n_bytes : capacity;
    TRY(locate(z, m, &packed, err));
    if (m->deflated)
        TRY(inflate_member(z, m, packed, buf, n, &unused, err));
    else if (n)
        memcpy(buf, packed, n);
    *n_bytes = n;
    return SEMID_OK;
}
