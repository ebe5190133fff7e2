/* table/byte_stream.h - the bytes of a text file, decompressed while they are read. Plain, gzip and
 * zstd are told apart by their first bytes; checksums are verified and a truncated file is an
 * error.
 */
#ifndef TABLE_BYTE_STREAM_H
#define TABLE_BYTE_STREAM_H

#include "base/error.h"

#include <stddef.h>

typedef struct byte_stream byte_stream;

/* SEMID_ERR_FORMAT if a file named .gz or .zst is of another kind. `path` must outlive the stream.
 */
semid_status byte_stream_open(byte_stream **out, const char *path, semid_error *err);
/* Reads at most n > 0 bytes; *n_read is 0 only at the end. */
semid_status byte_stream_read(byte_stream *s, char *buf, size_t n, size_t *n_read,
                              semid_error *err);
/* Bytes of the file itself consumed so far: for progress. */
size_t byte_stream_consumed(const byte_stream *s);
void byte_stream_close(byte_stream *s); /* accepts NULL */

#endif
