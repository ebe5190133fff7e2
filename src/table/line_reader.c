#include "table/line_reader.h"

#include "base/memory.h"
#include "table/byte_stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 20 };
static const size_t MAX_LINE_BYTES = (size_t)256 << 20;

typedef struct line_file {
    pthread_mutex_t lock;
    const char *path;
    byte_stream *stream;
    bool at_end;
    uint64_t next_line;
    char *carry; /* the begun line behind the last block */
    size_t n_carry, carry_capacity;
    size_t n_consumed;
} line_file;

struct line_reader {
    size_t n_files;
    line_file *files;
    atomic_size_t n_consumed;
};

semid_status line_reader_open(line_reader **out, const path_list *files, semid_error *err) {
    line_reader *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    semid_status status = mem_calloc(&s->files, files->n_paths, sizeof *s->files, err);
    if (status != SEMID_OK) {
        mem_free(s);
        return status;
    }
    s->n_files = files->n_paths;
    for (size_t i = 0; i < s->n_files; i++) {
        pthread_mutex_init(&s->files[i].lock, NULL);
        s->files[i].path = files->paths[i];
        s->files[i].next_line = 1;
    }
    *out = s;
    return SEMID_OK;
}

void line_reader_close(line_reader *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_files; i++) {
        byte_stream_close(s->files[i].stream);
        mem_free(s->files[i].carry);
        pthread_mutex_destroy(&s->files[i].lock);
    }
    mem_free(s->files);
    mem_free(s);
}

/* ---- one block, under the file's lock ---- */

static semid_status append(line_block *b, const char *bytes, size_t n, semid_error *err) {
    TRY(mem_reserve(&b->bytes, &b->capacity, b->n_bytes + n, 1, err));
    if (n) memcpy(b->bytes + b->n_bytes, bytes, n);
    b->n_bytes += n;
    return SEMID_OK;
}

/* Read until the block is full and holds the end of a line, or the file ends. *n_lines_bytes is the
 * length up to the last line's end. */
static semid_status fill(line_file *f, line_block *b, size_t *n_line_bytes, semid_error *err) {
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
            *n_line_bytes = b->n_bytes;
            return SEMID_OK;
        }
    }
    return SEMID_OK;
}

static semid_status keep_carry(line_file *f, line_block *b, size_t n_line_bytes, semid_error *err) {
    size_t n = b->n_bytes - n_line_bytes;
    TRY(mem_reserve(&f->carry, &f->carry_capacity, n, 1, err));
    if (n) memcpy(f->carry, b->bytes + n_line_bytes, n);
    f->n_carry = n;
    b->n_bytes = n_line_bytes;
    return SEMID_OK;
}

static uint64_t count_newlines(const line_block *b) {
    uint64_t n = 0;
    const char *p = b->bytes, *end = p + b->n_bytes;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) n++, p++;
    return n;
}

static void skip_byte_order_mark(line_block *b) {
    if (b->first_line != 1 || b->n_bytes < 3 || memcmp(b->bytes, "\xef\xbb\xbf", 3) != 0) return;
    memset(b->bytes, ' ', 3);
}

static semid_status next_of(line_reader *s, line_file *f, line_block *b, semid_error *err) {
    if (f->at_end) return SEMID_OK;
    if (!f->stream) TRY(byte_stream_open(&f->stream, f->path, err));
    TRY(append(b, f->carry, f->n_carry, err));
    size_t n_line_bytes;
    TRY(fill(f, b, &n_line_bytes, err));
    TRY(keep_carry(f, b, n_line_bytes, err));
    b->file = (size_t)(f - s->files);
    b->first_line = f->next_line;
    f->next_line += count_newlines(b);
    skip_byte_order_mark(b);
    size_t consumed = byte_stream_consumed(f->stream);
    atomic_fetch_add(&s->n_consumed, consumed - f->n_consumed);
    f->n_consumed = consumed;
    if (f->at_end) {
        byte_stream_close(f->stream);
        f->stream = NULL;
    }
    return SEMID_OK;
}

/* ---- any file ---- */

static semid_status try_file(line_reader *s, line_file *f, line_block *b, bool wait,
                             semid_error *err) {
    b->n_bytes = 0;
    if (wait)
        pthread_mutex_lock(&f->lock);
    else if (pthread_mutex_trylock(&f->lock) != 0)
        return SEMID_OK;
    semid_status status = next_of(s, f, b, err);
    pthread_mutex_unlock(&f->lock);
    return status;
}

/* First a file that nobody reads at this moment, so that several are decompressed at once; then
 * wait for one. */
semid_status line_reader_next(line_reader *s, line_block *block, size_t n_files, semid_error *err) {
    block->n_bytes = 0;
    if (n_files > s->n_files) n_files = s->n_files;
    for (int wait = 0; wait < 2; wait++)
        for (size_t i = 0; i < n_files; i++) {
            TRY(try_file(s, &s->files[i], block, wait, err));
            if (block->n_bytes > 0) return SEMID_OK;
        }
    return SEMID_OK;
}

void line_block_release(line_block *block) {
    mem_free(block->bytes);
    *block = (line_block){0};
}

size_t line_reader_consumed(line_reader *s) {
    return atomic_load(&s->n_consumed);
}
