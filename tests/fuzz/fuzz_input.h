/* tests/fuzz/fuzz_input.h - gives a fuzzer's bytes to readers that want a file. */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "formats/array.h"
#include "formats/zip_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A path whose file holds these bytes until the next call. */
static inline const char *fuzz_file(const uint8_t *data, size_t n) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n) abort();
    return path;
}

/* Touches every element of a matrix. */
static inline void fuzz_read_matrix(const strided *m) {
    size_t n_bytes;
    if (m->n_dims != 2 || !shape_bytes(2, m->shape, sizeof(float), &n_bytes)) return;
    float *row = malloc(m->shape[1] * sizeof *row);
    if (!row) return;
    for (size_t i = 0; m->shape[1] > 0 && i < m->shape[0]; i++) strided_row_to_f32(m, i, row);
    free(row);
}

/* Calls body with the bytes as they are, and, if they are a zip file, with checksums that match,
 * which a fuzzer would hardly find by itself. */
static inline void fuzz_zip(const uint8_t *data, size_t n,
                            void (*body)(const char *path, const uint8_t *data, size_t n)) {
    enum { CENTRAL_BYTES = 46, CRC_AT = 16, LOCAL_BYTES = 30 };
    body(fuzz_file(data, n), data, n);
    zip_archive z;
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) return;
    if (n) memcpy(copy, data, n);
    if (zip_open(&z, fuzz_file(data, n), NULL) == SEMID_OK) {
        for (size_t i = 0; i < z.n_members; i++) {
            const zip_member *m = &z.members[i];
            size_t entry = (size_t)((const uint8_t *)m->name - z.data) - CENTRAL_BYTES;
            size_t h = m->header_offset;
            if (m->deflated || m->packed_bytes != m->n_bytes || n - h < LOCAL_BYTES) continue;
            size_t skip = LOCAL_BYTES + (size_t)data[h + 26] + (size_t)data[h + 27] * 256 +
                          (size_t)data[h + 28] + (size_t)data[h + 29] * 256;
            if (skip > n - h || m->n_bytes > n - h - skip) continue;
            uint32_t crc = (uint32_t)crc32_z(0, data + h + skip, m->n_bytes);
            memcpy(copy + entry + CRC_AT, &crc, sizeof crc);
        }
        zip_close(&z);
        body(fuzz_file(copy, n), copy, n);
    }
    free(copy);
}

#endif
