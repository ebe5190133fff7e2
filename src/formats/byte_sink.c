/* The writers of .npy, .npz and safetensors produce bytes from front to back; only a zip member's
 * checksum, which its header holds, is filled in afterwards (byte_sink_rewrite). A file keeps its
 * own error (base/file.h); a buffer that cannot grow remembers that it could not, and ignores what
 * follows. */
#include "formats/byte_sink.h"

#include "base/memory.h"

#include <string.h>

semid_status byte_sink_open_file(byte_sink *s, const char *path, semid_error *err) {
    *s = (byte_sink){0};
    return file_out_open(&s->file, path, err);
}

void byte_sink_open_buffer(byte_sink *s, byte_buffer *buffer) {
    *s = (byte_sink){.buffer = buffer, .begin = buffer->n_bytes};
}

void byte_sink_write(byte_sink *s, const void *data, size_t n_bytes) {
    byte_buffer *b = s->buffer;
    if (!b) {
        file_out_write(&s->file, data, n_bytes);
        return;
    }

    size_t n_total;
    if (s->status == SEMID_OK)
        s->status = size_add(b->n_bytes, n_bytes, &n_total)
                        ? mem_reserve(&b->bytes, &b->capacity, n_total, 1, NULL)
                        : SEMID_ERR_NO_MEMORY;
    if (s->status != SEMID_OK || n_bytes == 0) return;
    memcpy(b->bytes + b->n_bytes, data, n_bytes);
    b->n_bytes += n_bytes;
}

semid_status byte_sink_rewrite(byte_sink *s, uint64_t offset, const void *data, size_t n_bytes,
                               semid_error *err) {
    if (!s->buffer) {
        TRY(file_out_seek(&s->file, offset, err));
        file_out_write(&s->file, data, n_bytes);
        return file_out_seek(&s->file, FILE_OUT_END, err);
    }
    if (s->status == SEMID_OK) memcpy(s->buffer->bytes + s->begin + offset, data, n_bytes);
    return SEMID_OK;
}

semid_status byte_sink_commit(byte_sink *s, semid_error *err) {
    if (!s->buffer) return file_out_commit(&s->file, err);
    if (s->status != SEMID_OK)
        FAIL(SEMID_ERR_NO_MEMORY, "out of memory: a buffer of more than %zu bytes",
             s->buffer->n_bytes);
    s->buffer = NULL;
    return SEMID_OK;
}

void byte_sink_release(byte_sink *s) {
    if (s->buffer) s->buffer->n_bytes = s->begin;
    file_out_release(&s->file);
    *s = (byte_sink){0};
}

const char *byte_sink_name(const byte_sink *s) {
    return s->buffer ? "a buffer" : s->file.path;
}

semid_status byte_buffer_hand_over(byte_buffer *b, semid_status status, void **bytes,
                                   size_t *n_bytes) {
    if (status == SEMID_OK) {
        *bytes = b->bytes;
        *n_bytes = b->n_bytes;
    } else {
        mem_free(b->bytes);
    }
    *b = (byte_buffer){0};
    return status;
}
