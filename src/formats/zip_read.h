/* formats/zip_read.h - reading of zip archives (.npz, .pt). A stored member is used in place, in
 * the mapped file; a deflated one is unpacked into memory. */
#ifndef FORMATS_ZIP_READ_H
#define FORMATS_ZIP_READ_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct zip_member {
    const char *name; /* in the archive, not NUL-terminated */
    size_t name_bytes;
    bool deflated;
    uint32_t crc;
    size_t packed_bytes, n_bytes; /* in the archive, and unpacked */
    size_t header_offset;
} zip_member;

typedef struct zip_archive {
    const char *label; /* borrowed: the path, for messages */
    const uint8_t *data;
    size_t n_bytes;
    file_map map; /* of the file; zero where the caller keeps the bytes */
    zip_member *members;
    size_t n_members;
} zip_archive;

/* Maps the file, or borrows the bytes, and checks the directory. The label (the path) and the bytes
 * must outlive the archive. SEMID_ERR_FORMAT if it is damaged or its members overlap. */
semid_status zip_open(zip_archive *out, const char *path, semid_error *err);
semid_status zip_open_memory(zip_archive *out, const void *data, size_t n_bytes, const char *label,
                             semid_error *err);
/* NULL if there is none. */
const zip_member *zip_find(const zip_archive *z, const char *name);
/* The member's bytes, checked against its checksum: in place (*owned is NULL) if stored, else
 * unpacked into *owned, which the caller releases with mem_free. A member that claims to be much
 * larger than its packed bytes can hold is refused before memory is taken for it. */
semid_status zip_read(const zip_archive *z, const zip_member *m, const uint8_t **data, void **owned,
                      semid_error *err);
/* The first bytes of a member, as many as `buf` holds, without a look at the rest of it. */
semid_status zip_read_head(const zip_archive *z, const zip_member *m, uint8_t *buf, size_t capacity,
                           size_t *n_bytes, semid_error *err);
/* "a.npy, b.npy" for messages, cut to the buffer. */
const char *zip_describe(const zip_archive *z, char *buf, size_t capacity);
void zip_close(zip_archive *z);

#endif
