#include "table/byte_stream.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* One state machine for three kinds of file. Compressed input is read in pieces of INPUT_BYTES into
 * `input`; the decompressor consumes it from `at` and writes straight into the caller's buffer. A
 * plain file is read straight into the caller's buffer, but for the first piece, which detection
 * has already read.
 *
 * gzip and zstd files may be several members or frames one after the other (pigz, `cat a.gz b.gz`):
 * the end of one is only the end of the stream if the file ends there too. A file that ends within
 * one (`inside`) was cut off. zlib and zstd verify the checksums. */

enum { INPUT_BYTES = 256 << 10 };

typedef enum compression { PLAIN, GZIP, ZSTD } compression;

struct byte_stream {
    const char *path; /* borrowed */
    int fd;
    compression kind;
    char *input; /* [INPUT_BYTES] compressed bytes, of which [at, n_input) are unused */
    size_t at, n_input, consumed;
    bool at_eof;
    bool inside;    /* within a gzip member or zstd frame: the end of the file is then too early */
    bool after_one; /* a whole gzip member was read */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

static semid_status read_some(byte_stream *s, char *buf, size_t n, size_t *n_read,
                              semid_error *err) {
    ssize_t got;
    do got = read(s->fd, buf, n);
    while (got < 0 && errno == EINTR);
    if (got < 0) FAIL(SEMID_ERR_IO, "%s: cannot read: %s", s->path, strerror(errno));
    *n_read = (size_t)got;
    s->consumed += (size_t)got;
    return SEMID_OK;
}

/* Ensure that there is unused input, unless the file is at its end. */
static semid_status refill(byte_stream *s, semid_error *err) {
    if (s->at < s->n_input || s->at_eof) return SEMID_OK;
    s->at = 0;
    TRY(read_some(s, s->input, INPUT_BYTES, &s->n_input, err));
    s->at_eof = s->n_input == 0;
    return SEMID_OK;
}

static bool starts_with(const byte_stream *s, const char *magic, size_t n) {
    return s->n_input >= n && memcmp(s->input, magic, n) == 0;
}

semid_status byte_stream_open(byte_stream **out, const char *path, semid_error *err) {
    char extension[16];
    TRY(file_check_readable(path, err));
    byte_stream *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    s->path = path;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);

    semid_status status = SEMID_OK;
    if (s->fd < 0) FAIL_GOTO(SEMID_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    TRY_GOTO(mem_alloc(&s->input, INPUT_BYTES, 1, err));

    /* The kind by the first bytes, which must agree with the file's name. */
    path_extension(path, extension);
    bool named_gzip = strcmp(extension, "gz") == 0, named_zstd = strcmp(extension, "zst") == 0;
    TRY_GOTO(refill(s, err));
    if (starts_with(s, "\x1f\x8b", 2))
        s->kind = GZIP;
    else if (starts_with(s, "\x28\xb5\x2f\xfd", 4))
        s->kind = ZSTD;
    if ((named_gzip && s->kind != GZIP) || (named_zstd && s->kind != ZSTD))
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected %s data, found %s", path,
                  named_gzip ? "gzip" : "zstd", s->n_input ? "something else" : "an empty file");

    /* 15 + 16: the largest window, and a gzip header instead of zlib's. */
    if (s->kind == GZIP && inflateInit2(&s->gzip, 15 + 16) != Z_OK)
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: a gzip reader");
    if (s->kind == ZSTD && !(s->zstd = ZSTD_createDStream()))
        FAIL_GOTO(SEMID_ERR_NO_MEMORY, "out of memory: a zstd reader");
done:
    if (status == SEMID_OK)
        *out = s;
    else
        byte_stream_close(s);
    return status;
}

static semid_status read_gzip(byte_stream *s, char *buf, size_t n, size_t *n_read,
                              semid_error *err) {
    z_stream *z = &s->gzip;
    uInt n_out = (uInt)(n < (1u << 30) ? n : 1u << 30);
    z->next_in = (Bytef *)s->input + s->at;
    z->avail_in = (uInt)(s->n_input - s->at);
    z->next_out = (Bytef *)buf;
    z->avail_out = n_out;

    int rc = inflate(z, Z_NO_FLUSH);
    s->at = s->n_input - z->avail_in;
    *n_read = n_out - z->avail_out;
    if (rc == Z_MEM_ERROR) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a gzip reader");
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt gzip data: %s", s->path, z->msg ? z->msg : "unknown");

    s->inside = rc != Z_STREAM_END;
    if (rc == Z_STREAM_END) {
        s->after_one = true;
        inflateReset(z);
    }
    return SEMID_OK;
}

static semid_status read_zstd(byte_stream *s, char *buf, size_t n, size_t *n_read,
                              semid_error *err) {
    ZSTD_inBuffer in = {s->input, s->n_input, s->at};
    ZSTD_outBuffer out = {buf, n, 0};
    size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
    s->at = in.pos;
    *n_read = out.pos;
    if (ZSTD_isError(rc))
        FAIL(SEMID_ERR_FORMAT, "%s: corrupt zstd data: %s", s->path, ZSTD_getErrorName(rc));
    s->inside = rc != 0;
    return SEMID_OK;
}

semid_status byte_stream_read(byte_stream *s, char *buf, size_t n, size_t *n_read,
                              semid_error *err) {
    if (s->kind == PLAIN) {
        if (s->at == s->n_input) return read_some(s, buf, n, n_read, err);
        *n_read = s->n_input - s->at < n ? s->n_input - s->at : n;
        memcpy(buf, s->input + s->at, *n_read);
        s->at += *n_read;
        return SEMID_OK;
    }

    for (*n_read = 0; *n_read == 0;) {
        TRY(refill(s, err));

        /* After a gzip member only another one or zeros (padding of tapes) may follow. */
        bool between = s->kind == GZIP && s->after_one && !s->inside;
        while (between && s->at < s->n_input && s->input[s->at] == 0) s->at++;
        if (s->at == s->n_input && !s->at_eof) continue;
        if (s->at_eof && !s->inside) return SEMID_OK;

        /* Called also without input left: the decompressor may still hold output. */
        if (s->kind == GZIP)
            TRY(read_gzip(s, buf, n, n_read, err));
        else
            TRY(read_zstd(s, buf, n, n_read, err));
        if (s->at_eof && *n_read == 0 && s->inside)
            FAIL(SEMID_ERR_FORMAT, "%s: the compressed data ends too early (a truncated file?)",
                 s->path);
    }
    return SEMID_OK;
}

size_t byte_stream_consumed(const byte_stream *s) {
    return s->consumed;
}

void byte_stream_close(byte_stream *s) {
    if (!s) return;
    if (s->kind == GZIP) inflateEnd(&s->gzip);
    ZSTD_freeDStream(s->zstd);
    if (s->fd >= 0) close(s->fd);
    mem_free(s->input);
    mem_free(s);
}
