#include "table/line_reader.h"

#include "base/memory.h"
#include "base/path_list.h"
#include "table/byte_stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Decompressing is serial per file, parsing is not. So threads take turns at a file's stream, under
 * its lock: one reads about a megabyte, cuts it after the last newline, and leaves the begun line
 * (`carry`) for whoever reads next. Then it parses its block without the lock.
 *
 * A block grows beyond BLOCK_BYTES only while it does not contain a whole line. Lines are counted
 * while the lock is held, so that every block knows the number of its first line. A byte order mark
 * becomes three blanks, which parsers skip at the start of a line. */

enum { BLOCK_BYTES = 1 << 20 };
static const size_t MAX_LINE_BYTES = (size_t)256 << 20;

typedef struct line_file {
    pthread_mutex_t lock;
    const char *path;
    byte_stream *stream;
    bool at_end;
    uint64_t next_line;
    char *carry; /* the begun line after the last block */
    size_t n_carry, carry_capacity;
    size_t n_consumed;
} line_file;

struct line_reader {
    size_t n_files;
    line_file *files;
    atomic_size_t n_consumed;
};

semid_status line_reader_open(line_reader **out, const path_list *files, semid_error *err) {
    line_reader *r;
    TRY(mem_calloc(&r, 1, sizeof *r, err));
    semid_status status = mem_calloc(&r->files, files->n_paths, sizeof *r->files, err);
    if (status != SEMID_OK) {
        mem_free(r);
        return status;
    }

    r->n_files = files->n_paths;
    for (size_t i = 0; i < r->n_files; i++) {
        pthread_mutex_init(&r->files[i].lock, NULL);
        r->files[i].path = files->paths[i];
        r->files[i].next_line = 1;
    }
    *out = r;
    return SEMID_OK;
}

void line_reader_close(line_reader *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n_files; i++) {
        byte_stream_close(r->files[i].stream);
        mem_free(r->files[i].carry);
        pthread_mutex_destroy(&r->files[i].lock);
    }
    mem_free(r->files);
    mem_free(r);
}

/* Read until the block is full and contains the end of a line, or the file ends. *n_line_bytes is
 * the length up to the end of the last line. */
static semid_status fill_block(line_file *f, line_block *b, size_t *n_line_bytes,
                               semid_error *err) {
    *n_line_bytes = 0;
    while (*n_line_bytes == 0 || b->n_bytes < BLOCK_BYTES) {
        if (b->n_bytes > MAX_LINE_BYTES + BLOCK_BYTES && *n_line_bytes == 0)
            FAIL(SEMID_ERR_FORMAT, "%s: line %llu is longer than %zu MiB", f->path,
                 (unsigned long long)f->next_line, MAX_LINE_BYTES >> 20);

        size_t n_read, room = b->n_bytes < BLOCK_BYTES ? BLOCK_BYTES - b->n_bytes : BLOCK_BYTES;
        TRY(mem_reserve(&b->bytes, &b->capacity, b->n_bytes + room, 1, err));
        TRY(byte_stream_read(f->stream, b->bytes + b->n_bytes, room, &n_read, err));
        const char *newline = memrchr(b->bytes + b->n_bytes, '\n', n_read);
        b->n_bytes += n_read;
        if (newline) *n_line_bytes = (size_t)(newline - b->bytes) + 1;

        if (n_read == 0) {
            f->at_end = true;
            *n_line_bytes = b->n_bytes; /* the last line may have no end */
            return SEMID_OK;
        }
    }
    return SEMID_OK;
}

/* The next block of a file, under its lock; none at its end. */
static semid_status read_block(line_reader *r, line_file *f, line_block *b, semid_error *err) {
    if (f->at_end) return SEMID_OK;
    if (!f->stream) TRY(byte_stream_open(&f->stream, f->path, err));

    /* The line that the previous block began, then new bytes. */
    TRY(mem_reserve(&b->bytes, &b->capacity, f->n_carry, 1, err));
    if (f->n_carry) memcpy(b->bytes, f->carry, f->n_carry);
    b->n_bytes = f->n_carry;
    size_t n_line_bytes;
    TRY(fill_block(f, b, &n_line_bytes, err));

    size_t n_begun = b->n_bytes - n_line_bytes;
    TRY(mem_reserve(&f->carry, &f->carry_capacity, n_begun, 1, err));
    if (n_begun) memcpy(f->carry, b->bytes + n_line_bytes, n_begun);
    f->n_carry = n_begun;
    b->n_bytes = n_line_bytes;

    b->file = (size_t)(f - r->files);
    b->first_line = f->next_line;
    const char *p = b->bytes, *end = p + b->n_bytes;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) f->next_line++, p++;
    if (b->first_line == 1 && b->n_bytes >= 3 && memcmp(b->bytes, "\xef\xbb\xbf", 3) == 0)
        memset(b->bytes, ' ', 3);

    size_t consumed = byte_stream_consumed(f->stream);
    atomic_fetch_add(&r->n_consumed, consumed - f->n_consumed);
    f->n_consumed = consumed;
    if (f->at_end) {
        byte_stream_close(f->stream);
        f->stream = NULL;
    }
    return SEMID_OK;
}

semid_status line_reader_next(line_reader *r, line_block *block, size_t n_files, semid_error *err) {
    block->n_bytes = 0;
    if (n_files > r->n_files) n_files = r->n_files;

    /* First a file that no other thread is reading, so that several are decompressed at once; then
     * wait for one. */
    for (int wait = 0; wait < 2; wait++)
        for (size_t i = 0; i < n_files; i++) {
            line_file *f = &r->files[i];
            if (wait)
                pthread_mutex_lock(&f->lock);
            else if (pthread_mutex_trylock(&f->lock) != 0)
                continue;
            semid_status status = read_block(r, f, block, err);
            pthread_mutex_unlock(&f->lock);
            if (status != SEMID_OK || block->n_bytes > 0) return status;
        }
    return SEMID_OK;
}

void line_block_release(line_block *block) {
    mem_free(block->bytes);
    *block = (line_block){0};
}

size_t line_reader_consumed(line_reader *r) {
    return atomic_load(&r->n_consumed);
}
