/* The layout is that of zip_read.c. A member is written from front to back in one pass: its length
 * is known before its data, its checksum after it, and is filled into the local header then. An
 * extra field pads the header so that the data starts at a multiple of 64 bytes of the archive,
 * which lets readers use arrays in a mapped file in place; PyTorch pads in the same way. Sizes and
 * offsets that 32 bits do not hold go into 64-bit extra fields and a 64-bit end record
 * (APPNOTE.TXT, 4.5.3 and 4.3.14). Dates are fixed, and nothing else varies: equal contents give
 * equal bytes. */
#include "formats/zip_write.h"

#include "base/memory.h"

#include <string.h>
#include <zlib.h>

/* Dates are 1980-01-01 00:00, the first that the format can hold. */
enum { DATE = 0x0021, TIME = 0, VERSION_STORED = 20, VERSION_WIDE = 45, ALIGNMENT = 64 };

typedef struct record {
    uint8_t bytes[128];
    size_t n;
} record;

static void put(record *r, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) r->bytes[r->n++] = (uint8_t)(value >> 8 * i);
}

static void write_raw(zip_out *z, const void *data, size_t n_bytes) {
    byte_sink_write(&z->sink, data, n_bytes);
    z->at += n_bytes;
}

semid_status zip_out_open(zip_out *z, const char *path, semid_error *err) {
    *z = (zip_out){0};
    return byte_sink_open_file(&z->sink, path, err);
}

void zip_out_open_buffer(zip_out *z, byte_buffer *buffer) {
    *z = (zip_out){0};
    byte_sink_open_buffer(&z->sink, buffer);
}

/* What the local header and the directory entry share, from "version needed" to "extra length". */
static void put_common(record *r, const zip_out_member *m, bool wide, size_t extra_bytes) {
    put(r, wide ? VERSION_WIDE : VERSION_STORED, 2);
    put(r, 0, 2); /* flags */
    put(r, 0, 2); /* stored */
    put(r, TIME, 2);
    put(r, DATE, 2);
    put(r, m->crc, 4);
    put(r, wide ? UINT32_MAX : m->n_bytes, 4);
    put(r, wide ? UINT32_MAX : m->n_bytes, 4);
    put(r, strlen(m->name), 2);
    put(r, extra_bytes, 2);
}

semid_status zip_out_begin(zip_out *z, const char *name, uint64_t n_bytes, semid_error *err) {
    enum { LOCAL_BYTES = 30, WIDE_EXTRA_BYTES = 20, EXTRA_HEAD_BYTES = 4 };
    TRY(mem_reserve(&z->members, &z->capacity, z->n_members + 1, sizeof *z->members, err));
    zip_out_member *m = &z->members[z->n_members];
    *m = (zip_out_member){.header_offset = z->at, .n_bytes = n_bytes};
    TRY(mem_strdup(&m->name, name, err));
    z->n_members++;

    bool wide = n_bytes >= UINT32_MAX;
    size_t extra = (wide ? WIDE_EXTRA_BYTES : 0) + EXTRA_HEAD_BYTES;
    uint64_t unpadded = z->at + LOCAL_BYTES + strlen(name) + extra;
    size_t padding = (size_t)(-unpadded % ALIGNMENT);

    record r = {0};
    put(&r, 0x04034b50, 4);
    put_common(&r, m, wide, extra + padding);
    z->crc_offset = z->at + 14; /* zero for now */
    write_raw(z, r.bytes, r.n);
    write_raw(z, name, strlen(name));

    r.n = 0;
    if (wide) {
        put(&r, 1, 2);
        put(&r, 16, 2);
        put(&r, n_bytes, 8);
        put(&r, n_bytes, 8);
    }
    put(&r, 0x4246, 2); /* the padding that PyTorch uses too */
    put(&r, padding, 2);
    write_raw(z, r.bytes, r.n);

    static const uint8_t zeros[ALIGNMENT];
    write_raw(z, zeros, padding);
    z->data_offset = z->at;
    return SEMID_OK;
}

void zip_out_write(zip_out *z, const void *data, size_t n_bytes) {
    zip_out_member *m = &z->members[z->n_members - 1];
    if (n_bytes) m->crc = (uint32_t)crc32_z(m->crc, data, n_bytes);
    write_raw(z, data, n_bytes);
}

semid_status zip_out_end(zip_out *z, semid_error *err) {
    const zip_out_member *m = &z->members[z->n_members - 1];
    uint64_t found = z->at - z->data_offset;
    if (found != m->n_bytes)
        FAIL(SEMID_ERR_ARGUMENT, "%s: expected %llu bytes of %s, found %llu",
             byte_sink_name(&z->sink), (unsigned long long)m->n_bytes, m->name,
             (unsigned long long)found);
    record r = {0};
    put(&r, m->crc, 4);
    return byte_sink_rewrite(&z->sink, z->crc_offset, r.bytes, r.n, err);
}

static void write_entry(zip_out *z, const zip_out_member *m) {
    bool wide_size = m->n_bytes >= UINT32_MAX, wide_offset = m->header_offset >= UINT32_MAX;
    size_t wide_bytes = 16u * wide_size + 8u * wide_offset;

    record r = {0};
    put(&r, 0x02014b50, 4);
    put(&r, VERSION_WIDE, 2); /* made by */
    put_common(&r, m, wide_size, wide_bytes ? wide_bytes + 4 : 0);
    put(&r, 0, 2); /* comment */
    put(&r, 0, 2); /* disk */
    put(&r, 0, 2); /* attributes */
    put(&r, 0, 4);
    put(&r, wide_offset ? UINT32_MAX : m->header_offset, 4);
    write_raw(z, r.bytes, r.n);
    write_raw(z, m->name, strlen(m->name));

    /* The 64-bit extra field has only the fields that need it. */
    r.n = 0;
    if (wide_bytes) {
        put(&r, 1, 2);
        put(&r, wide_bytes, 2);
    }
    if (wide_size) {
        put(&r, m->n_bytes, 8);
        put(&r, m->n_bytes, 8);
    }
    if (wide_offset) put(&r, m->header_offset, 8);
    write_raw(z, r.bytes, r.n);
}

/* The end of an archive whose directory is n_bytes from `offset` on. */
static void write_end(zip_out *z, uint64_t offset, uint64_t n_bytes) {
    bool wide = offset >= UINT32_MAX || z->n_members >= UINT16_MAX;
    uint64_t at = z->at, count = wide ? UINT16_MAX : z->n_members;
    record r = {0};
    if (wide) { /* a 64-bit end record, and the locator that says where it begins */
        put(&r, 0x06064b50, 4);
        put(&r, 44, 8); /* bytes of this record that follow */
        put(&r, VERSION_WIDE, 2);
        put(&r, VERSION_WIDE, 2);
        put(&r, 0, 4);
        put(&r, 0, 4);
        put(&r, z->n_members, 8);
        put(&r, z->n_members, 8);
        put(&r, n_bytes, 8);
        put(&r, offset, 8);

        put(&r, 0x07064b50, 4);
        put(&r, 0, 4);
        put(&r, at, 8);
        put(&r, 1, 4);
    }

    put(&r, 0x06054b50, 4);
    put(&r, 0, 4);
    put(&r, count, 2);
    put(&r, count, 2);
    put(&r, n_bytes, 4);
    put(&r, wide ? UINT32_MAX : offset, 4);
    put(&r, 0, 2);
    write_raw(z, r.bytes, r.n);
}

semid_status zip_out_commit(zip_out *z, semid_error *err) {
    uint64_t offset = z->at;
    for (size_t i = 0; i < z->n_members; i++) write_entry(z, &z->members[i]);
    write_end(z, offset, z->at - offset);
    return byte_sink_commit(&z->sink, err);
}

void zip_out_release(zip_out *z) {
    for (size_t i = 0; i < z->n_members; i++) mem_free(z->members[i].name);
    mem_free(z->members);
    byte_sink_release(&z->sink);
    *z = (zip_out){0};
}
