/* formats/zip_write.h - writing of zip archives: stored members, their data 64-byte aligned, with
 * fixed dates, so that equal contents give equal bytes. */
#ifndef FORMATS_ZIP_WRITE_H
#define FORMATS_ZIP_WRITE_H

#include "formats/byte_sink.h"

typedef struct zip_out_member {
    char *name;
    uint32_t crc;
    uint64_t header_offset, n_bytes;
} zip_out_member;

typedef struct zip_out {
    byte_sink sink;
    uint64_t at;                      /* bytes written */
    uint64_t data_offset, crc_offset; /* of the open member */
    zip_out_member *members;
    size_t n_members, capacity;
} zip_out;

semid_status zip_out_open(zip_out *z, const char *path, semid_error *err);
void zip_out_open_buffer(zip_out *z, byte_buffer *buffer);
/* A member of exactly n_bytes, which the writes that follow bring. */
semid_status zip_out_begin(zip_out *z, const char *name, uint64_t n_bytes, semid_error *err);
void zip_out_write(zip_out *z, const void *data, size_t n_bytes);
semid_status zip_out_end(zip_out *z, semid_error *err);
semid_status zip_out_commit(zip_out *z, semid_error *err);
void zip_out_release(zip_out *z);

#endif
