/* formats/zipfile.h - zip containers (.npz, .pt). Reading: the directory is parsed here, so that a
 * stored member is used in place in the mapped file; deflated ones go through libzip. Writing:
 * stored members, 64-byte aligned, with fixed dates, so that equal contents give equal bytes. */
#ifndef FORMATS_ZIPFILE_H
#define FORMATS_ZIPFILE_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading ---- */

typedef struct zip_member {
    const char *name; /* in the map, not NUL-terminated */
    size_t name_bytes;
    bool deflated;
    uint32_t crc;
    size_t packed_bytes, n_bytes; /* in the file, and unpacked */
    size_t header_offset;
} zip_member;

typedef struct zipfile {
    const char *path; /* borrowed */
    file_map map;
    zip_member *members;
    size_t n_members;
} zipfile;

/* Maps the file and checks its directory. `path` must outlive the zipfile. */
semid_status zipfile_open(zipfile *out, const char *path, semid_error *err);
/* NULL if there is none. */
const zip_member *zipfile_find(const zipfile *z, const char *name);
/* The member's bytes, checked against its checksum: in place in the map (*owned is NULL) if stored,
 * else unpacked into *owned, which the caller releases with mem_free. A member that claims to be
 * much larger than its packed bytes can hold is refused before it is unpacked. */
semid_status zipfile_read(const zipfile *z, const zip_member *m, const uint8_t **data, void **owned,
                          semid_error *err);
/* The same, but stored bytes are not read through for their checksum. */
semid_status zipfile_peek(const zipfile *z, const zip_member *m, const uint8_t **data, void **owned,
                          semid_error *err);
/* "a.npy, b.npy" for messages, cut to the buffer. */
const char *zipfile_describe(const zipfile *z, char *buf, size_t capacity);
void zipfile_close(zipfile *z);

/* ---- writing ---- */

typedef struct zip_out_member {
    char *name;
    uint32_t crc;
    uint64_t header_offset, n_bytes;
} zip_out_member;

typedef struct zip_out {
    file_out file;
    uint64_t at;                      /* bytes written */
    uint64_t data_offset, crc_offset; /* of the open member */
    zip_out_member *members;
    size_t n_members, capacity;
} zip_out;

semid_status zip_out_open(zip_out *z, const char *path, semid_error *err);
/* A member of exactly n_bytes, which the writes that follow bring. */
semid_status zip_out_begin(zip_out *z, const char *name, uint64_t n_bytes, semid_error *err);
void zip_out_write(zip_out *z, const void *data, size_t n_bytes);
semid_status zip_out_end(zip_out *z, semid_error *err);
semid_status zip_out_commit(zip_out *z, semid_error *err);
void zip_out_release(zip_out *z);

#endif
