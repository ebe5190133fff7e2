/* formats/byte_sink.h - where the bytes of a writer go: into a file that appears whole or not at
 * all, or to the end of a buffer. */
#ifndef FORMATS_BYTE_SINK_H
#define FORMATS_BYTE_SINK_H

#include "base/error.h"
#include "base/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts zeroed; `bytes` is freed with mem_free. */
typedef struct byte_buffer {
    uint8_t *bytes;
    size_t n_bytes, capacity;
} byte_buffer;

/* Ends writing to a buffer for a caller outside the library, who frees *bytes with semid_free.
 * Where `status` is a failure, frees the buffer instead. Returns status. */
semid_status byte_buffer_hand_over(byte_buffer *b, semid_status status, void **bytes,
                                   size_t *n_bytes);

typedef struct byte_sink {
    file_out file;       /* unless there is a buffer */
    byte_buffer *buffer; /* borrowed */
    size_t begin;        /* of what is written, in the buffer */
    semid_status status; /* the first failure to grow the buffer */
} byte_sink;

semid_status byte_sink_open_file(byte_sink *s, const char *path, semid_error *err);
void byte_sink_open_buffer(byte_sink *s, byte_buffer *buffer);

/* Failures are kept and reported by commit, so that callers may write without checking each call.
 */
void byte_sink_write(byte_sink *s, const void *data, size_t n_bytes);
/* Replaces n_bytes that were written before, at `offset` from the first. */
semid_status byte_sink_rewrite(byte_sink *s, uint64_t offset, const void *data, size_t n_bytes,
                               semid_error *err);

semid_status byte_sink_commit(byte_sink *s, semid_error *err);
/* Without commit: no file, and the buffer as it was. Accepts zeroed and committed ones. */
void byte_sink_release(byte_sink *s);

/* The path, or "a buffer", for messages. */
const char *byte_sink_name(const byte_sink *s);

#endif
