/* APPNOTE.TXT 6.3.9: end record, central directory, local headers, and their 64-bit forms. */
#include "formats/zipfile.h"

#include "base/log.h"
#include "base/memory.h"
#include "formats/crc32.h"

#include <string.h>
#include <zip.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT_BYTES = 65535
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

static bool inside(uint64_t offset, uint64_t n, size_t total) {
    return offset <= total && n <= total - offset;
}

/* ---- directory ---- */

typedef struct directory {
    uint64_t offset, n_bytes, n_members;
} directory;

static bool find_end(const uint8_t *data, size_t n, size_t *at) {
    if (n < END_BYTES) return false;
    size_t last = n - END_BYTES;
    size_t first = last > MAX_COMMENT_BYTES ? last - MAX_COMMENT_BYTES : 0;
    for (size_t i = last + 1; i-- > first;)
        if (memcmp(data + i, "PK\5\6", 4) == 0 && u16_at(data + i + 20) == last - i) {
            *at = i;
            return true;
        }
    return false;
}

/* The 64-bit end record, when the 32-bit one says that a field did not fit. */
static bool read_end64(const uint8_t *data, size_t end, directory *d) {
    if (end < LOCATOR_BYTES || memcmp(data + end - LOCATOR_BYTES, "PK\6\7", 4) != 0) return false;
    uint64_t at = u64_at(data + end - LOCATOR_BYTES + 8);
    if (!inside(at, END64_BYTES, end) || memcmp(data + at, "PK\6\6", 4) != 0) return false;
    d->n_members = u64_at(data + at + 32);
    d->n_bytes = u64_at(data + at + 40);
    d->offset = u64_at(data + at + 48);
    return true;
}

static bool find_directory(const uint8_t *data, size_t n, directory *d) {
    size_t end;
    if (!find_end(data, n, &end)) return false;
    d->n_members = u16_at(data + end + 10);
    d->n_bytes = u32_at(data + end + 12);
    d->offset = u32_at(data + end + 16);
    bool wide = d->n_members == UINT16_MAX || d->n_bytes == UINT32_MAX || d->offset == UINT32_MAX;
    if (wide && !read_end64(data, end, d)) return false;
    return inside(d->offset, d->n_bytes, end) && d->n_members <= d->n_bytes / CENTRAL_BYTES;
}

/* Fields that are all ones stand in the 64-bit extra field, in this order. */
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

static semid_status read_member(zipfile *z, zip_member *m, size_t *at, size_t end,
                                semid_error *err) {
    const uint8_t *p = z->map.data + *at;
    if (end - *at < CENTRAL_BYTES || memcmp(p, "PK\1\2", 4) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: zip directory entry expected at byte %zu", z->path,
             *at);
    size_t name_bytes = u16_at(p + 28), extra_bytes = u16_at(p + 30);
    size_t total = CENTRAL_BYTES + name_bytes + extra_bytes + u16_at(p + 32);
    uint64_t packed = u32_at(p + 20), unpacked = u32_at(p + 24), offset = u32_at(p + 42);
    uint64_t *wide[3] = {&unpacked, &packed, &offset};
    if (total > end - *at || !read_wide_fields(p + CENTRAL_BYTES + name_bytes, extra_bytes, wide) ||
        !inside(offset, packed, z->map.n_bytes))
        FAIL(SEMID_ERR_FORMAT, "%s: truncated or corrupt: a zip member lies outside the file",
             z->path);
    uint16_t flags = u16_at(p + 8), method = u16_at(p + 10);
    if ((flags & 1) || (method != ZIP_CM_STORE && method != ZIP_CM_DEFLATE))
        FAIL(SEMID_ERR_UNSUPPORTED, "%s: expected stored or deflated zip members, found %s %u",
             z->path, flags & 1 ? "encryption, method" : "method", method);
    *m = (zip_member){.name = (const char *)p + CENTRAL_BYTES,
                      .name_bytes = name_bytes,
                      .deflated = method == ZIP_CM_DEFLATE,
                      .crc = u32_at(p + 16),
                      .packed_bytes = packed,
                      .n_bytes = unpacked,
                      .header_offset = offset};
    *at += total;
    return SEMID_OK;
}

static semid_status read_directory(zipfile *z, semid_error *err) {
    directory d;
    if (!find_directory(z->map.data, z->map.n_bytes, &d))
        FAIL(SEMID_ERR_FORMAT, "%s: expected a zip file, found other or truncated bytes", z->path);
    TRY(mem_calloc(&z->members, d.n_members, sizeof *z->members, err));
    z->n_members = d.n_members;
    size_t at = d.offset, end = d.offset + d.n_bytes;
    for (size_t i = 0; i < z->n_members; i++) TRY(read_member(z, &z->members[i], &at, end, err));
    return SEMID_OK;
}

semid_status zipfile_open(zipfile *out, const char *path, semid_error *err) {
    zipfile z = {.path = path};
    TRY(file_map_open(&z.map, path, err));
    semid_status status = read_directory(&z, err);
    if (status == SEMID_OK)
        *out = z;
    else
        zipfile_close(&z);
    return status;
}

void zipfile_close(zipfile *z) {
    mem_free(z->members);
    file_map_close(&z->map);
    *z = (zipfile){0};
}

const zip_member *zipfile_find(const zipfile *z, const char *name) {
    size_t n = strlen(name);
    for (size_t i = 0; i < z->n_members; i++)
        if (z->members[i].name_bytes == n && memcmp(z->members[i].name, name, n) == 0)
            return &z->members[i];
    return NULL;
}

const char *zipfile_describe(const zipfile *z, char *buf, size_t capacity) {
    size_t at = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < z->n_members && at < capacity; i++)
        at += (size_t)snprintf(buf + at, capacity - at, "%s%.*s", i ? ", " : "",
                               (int)z->members[i].name_bytes, z->members[i].name);
    return buf;
}

/* ---- members ---- */

/* The directory and the local header must tell the same story; then the data follows the latter. */
static semid_status locate(const zipfile *z, const zip_member *m, const uint8_t **packed,
                           semid_error *err) {
    const uint8_t *p = z->map.data + m->header_offset;
    if (!inside(m->header_offset, LOCAL_BYTES, z->map.n_bytes) || memcmp(p, "PK\3\4", 4) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: no zip member at byte %zu", z->path, m->header_offset);
    size_t name_bytes = u16_at(p + 26);
    uint64_t skip = (uint64_t)LOCAL_BYTES + name_bytes + u16_at(p + 28);
    uint64_t offset = m->header_offset + skip;
    if (!inside(offset, m->packed_bytes, z->map.n_bytes) || name_bytes != m->name_bytes ||
        memcmp(p + LOCAL_BYTES, m->name, name_bytes) != 0)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: zip member %.*s differs from its directory entry",
             z->path, (int)m->name_bytes, m->name);
    *packed = z->map.data + offset;
    return SEMID_OK;
}

/* In pieces, letting go of the pages behind, so that a checksum over gigabytes stays small. */
static semid_status check_stored(const zipfile *z, const zip_member *m, const uint8_t *data,
                                 semid_error *err) {
    enum { PIECE_BYTES = 8 << 20 };
    uint32_t crc = 0;
    size_t begin = (size_t)(data - z->map.data);
    for (size_t at = 0; at < m->n_bytes;) {
        size_t n = m->n_bytes - at < PIECE_BYTES ? m->n_bytes - at : PIECE_BYTES;
        crc = crc32_update(crc, data + at, n);
        at += n;
        if (at < m->n_bytes) file_map_drop(&z->map, begin, begin + at);
        TRY(check_interrupted(err));
    }
    if (crc != m->crc)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: member %.*s: expected checksum %08x, found %08x",
             z->path, (int)m->name_bytes, m->name, m->crc, crc);
    return SEMID_OK;
}

/* Deflate cannot pack better than 1032:1; and no array worth reading comes near that, so a large
 * member that claims more than 200:1 is taken for a bomb. */
static bool plausible(const zip_member *m) {
    static const size_t LARGE_BYTES = (size_t)64 << 20;
    size_t ratio = m->n_bytes > LARGE_BYTES ? 200 : 1032;
    return m->n_bytes / ratio <= m->packed_bytes;
}

static semid_status inflate_with(zip_t *za, const zipfile *z, const zip_member *m, uint8_t *out,
                                 semid_error *err) {
    int64_t index = (int64_t)(m - z->members);
    zip_file_t *f = zip_fopen_index(za, (zip_uint64_t)index, 0);
    if (!f)
        FAIL(SEMID_ERR_FORMAT, "%s: member %.*s: %s", z->path, (int)m->name_bytes, m->name,
             zip_strerror(za));
    size_t at = 0;
    zip_int64_t got;
    uint8_t beyond;
    while (at < m->n_bytes && (got = zip_fread(f, out + at, m->n_bytes - at)) > 0)
        at += (size_t)got;
    /* The read past the end also makes libzip compare the checksum. */
    bool whole = at == m->n_bytes && zip_fread(f, &beyond, 1) == 0;
    zip_fclose(f);
    if (!whole)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: member %.*s: expected %zu unpacked bytes", z->path,
             (int)m->name_bytes, m->name, m->n_bytes);
    return SEMID_OK;
}

static semid_status unpack(const zipfile *z, const zip_member *m, void **owned, semid_error *err) {
    if (!plausible(m))
        FAIL(SEMID_ERR_FORMAT,
             "%s: member %.*s claims %zu bytes in %zu packed ones: refused as a zip bomb", z->path,
             (int)m->name_bytes, m->name, m->n_bytes, m->packed_bytes);
    semid_status status = SEMID_OK;
    zip_t *za = NULL;
    void *out = NULL;
    zip_error_t ze;
    zip_error_init(&ze);
    zip_source_t *source = zip_source_buffer_create(z->map.data, z->map.n_bytes, 0, &ze);
    if (source) za = zip_open_from_source(source, ZIP_RDONLY, &ze);
    if (!za) {
        zip_source_free(source);
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: %s", z->path, zip_error_strerror(&ze));
    }
    TRY_GOTO(mem_alloc(&out, m->n_bytes, 1, err));
    TRY_GOTO(inflate_with(za, z, m, out, err));
    *owned = out;
    out = NULL;
done:
    mem_free(out);
    if (za) zip_discard(za);
    zip_error_fini(&ze);
    return status;
}

semid_status zipfile_peek(const zipfile *z, const zip_member *m, const uint8_t **data, void **owned,
                          semid_error *err) {
    const uint8_t *packed;
    void *unpacked = NULL;
    TRY(locate(z, m, &packed, err));
    if (m->deflated) {
        TRY(unpack(z, m, &unpacked, err));
        packed = unpacked;
    } else if (m->packed_bytes != m->n_bytes) {
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt: stored member %.*s of %zu bytes claims %zu", z->path,
             (int)m->name_bytes, m->name, m->packed_bytes, m->n_bytes);
    }
    *data = packed;
    *owned = unpacked;
    return SEMID_OK;
}

semid_status zipfile_read(const zipfile *z, const zip_member *m, const uint8_t **data, void **owned,
                          semid_error *err) {
    const uint8_t *bytes;
    TRY(zipfile_peek(z, m, &bytes, owned, err));
    if (!m->deflated) TRY(check_stored(z, m, bytes, err));
    *data = bytes;
    return SEMID_OK;
}
