#include "pipeline/embed_partial.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: a header, then a record per finished row: hash of its text, vector. Records are of one
 * size, so a file that a kill cut short loses only its last one, and a batch is on the disk when it
 * was appended. Whoever opens the file locks it: two processes would mix their rows. */

typedef struct partial_header {
    char magic[16];
    uint64_t fingerprint, dim;
} partial_header;

static const char magic[16] = "semid partial 1";

struct embed_partial {
    int fd;
    char *path;
    size_t dim, n_rows;
    unsigned char *records; /* of the batch that is appended */
    size_t capacity_bytes;
};

/* Eight bytes at a time, multiplied and folded. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t n_bytes) {
    const unsigned char *s = data;
    uint64_t h = seed ^ (n_bytes * 0x9E3779B97F4A7C15u);
    for (size_t i = 0; i < n_bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, s + i, n_bytes - i < 8 ? n_bytes - i : 8);
        h = (h ^ word) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    return h;
}

/* ---- records ---- */

static size_t record_bytes(const embed_partial *p) {
    return sizeof(uint64_t) + p->dim * sizeof(float);
}

static off_t record_offset(const embed_partial *p, size_t row) {
    return (off_t)(sizeof(partial_header) + row * record_bytes(p));
}

static semid_status read_at(const embed_partial *p, void *data, size_t n_bytes, off_t offset,
                            semid_error *err) {
    unsigned char *at = data;
    while (n_bytes > 0) {
        ssize_t n = pread(p->fd, at, n_bytes, offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            FAIL(SEMID_ERR_IO, "%s: cannot read: %s", p->path,
                 n < 0 ? strerror(errno) : "the file became shorter");
        at += n;
        offset += n;
        n_bytes -= (size_t)n;
    }
    return SEMID_OK;
}

static semid_status write_at(const embed_partial *p, const void *data, size_t n_bytes, off_t offset,
                             semid_error *err) {
    const unsigned char *at = data;
    while (n_bytes > 0) {
        ssize_t n = pwrite(p->fd, at, n_bytes, offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) FAIL(SEMID_ERR_IO, "%s: cannot write: %s", p->path, strerror(errno));
        at += n;
        offset += n;
        n_bytes -= (size_t)n;
    }
    return SEMID_OK;
}

semid_status embed_partial_cut(embed_partial *p, size_t n_rows, semid_error *err) {
    if (ftruncate(p->fd, record_offset(p, n_rows)) != 0)
        FAIL(SEMID_ERR_IO, "%s: cannot shorten: %s", p->path, strerror(errno));
    p->n_rows = n_rows;
    return SEMID_OK;
}

/* ---- the file ---- */

semid_status embed_partial_open(embed_partial **out, const char *out_path, uint64_t fingerprint,
                                size_t dim, bool resume, semid_error *err) {
    embed_partial *p;
    partial_header own = {.fingerprint = fingerprint, .dim = dim};
    memcpy(own.magic, magic, sizeof magic);
    TRY(mem_calloc(&p, 1, sizeof *p, err));
    *p = (embed_partial){.fd = -1, .dim = dim};
    semid_status status = SEMID_OK;

    TRY_GOTO(mem_format(&p->path, err, "%s.partial", out_path));
    TRY_GOTO(dir_create_parent(p->path, err));
    p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (p->fd < 0) FAIL_GOTO(SEMID_ERR_IO, "%s: cannot create: %s", p->path, strerror(errno));
    if (flock(p->fd, LOCK_EX | LOCK_NB) != 0)
        FAIL_GOTO(SEMID_ERR_IO, "%s: another process is writing it", p->path);

    /* Takes over the rows of an earlier run; a record that a kill cut short is dropped. */
    struct stat st;
    if (resume && fstat(p->fd, &st) != 0)
        FAIL_GOTO(SEMID_ERR_IO, "%s: cannot stat: %s", p->path, strerror(errno));
    if (resume && (size_t)st.st_size >= sizeof own) {
        partial_header found;
        TRY_GOTO(read_at(p, &found, sizeof found, 0, err));
        if (memcmp(&found, &own, sizeof found) == 0)
            p->n_rows = ((size_t)st.st_size - sizeof found) / record_bytes(p);
        else
            log_warn("%s: left by another model or other options; starting over", p->path);
    }

    /* of rows that are not taken over nothing may be left */
    TRY_GOTO(embed_partial_cut(p, p->n_rows, err));
    TRY_GOTO(write_at(p, &own, sizeof own, 0, err));
    *out = p;
done:
    if (status != SEMID_OK) embed_partial_close(p);
    return status;
}

size_t embed_partial_rows(const embed_partial *p) {
    return p->n_rows;
}

/* ---- rows ---- */

static uint64_t text_hash(const ids *texts, size_t i) {
    size_t n_bytes;
    const char *text = ids_get(texts, i, &n_bytes);
    return hash_bytes(0, text, n_bytes);
}

semid_status embed_partial_match(const embed_partial *p, size_t row, const ids *texts,
                                 size_t *n_same, semid_error *err) {
    size_t n = 0;
    for (; n < texts->n_ids && row + n < p->n_rows; n++) {
        uint64_t kept;
        TRY(read_at(p, &kept, sizeof kept, record_offset(p, row + n), err));
        if (kept != text_hash(texts, n)) break;
    }
    *n_same = n;
    return SEMID_OK;
}

semid_status embed_partial_append(embed_partial *p, const ids *texts, const float *x,
                                  semid_error *err) {
    size_t n_bytes = texts->n_ids * record_bytes(p);
    TRY(mem_reserve(&p->records, &p->capacity_bytes, n_bytes, 1, err));

    for (size_t i = 0; i < texts->n_ids; i++) {
        uint64_t hash = text_hash(texts, i);
        unsigned char *record = p->records + i * record_bytes(p);
        memcpy(record, &hash, sizeof hash);
        memcpy(record + sizeof hash, x + i * p->dim, p->dim * sizeof(float));
    }

    /* one write per batch */
    TRY(write_at(p, p->records, n_bytes, record_offset(p, p->n_rows), err));
    p->n_rows += texts->n_ids;
    return SEMID_OK;
}

semid_status embed_partial_read(const embed_partial *p, size_t row, size_t n, float *x,
                                semid_error *err) {
    for (size_t i = 0; i < n; i++)
        TRY(read_at(p, x + i * p->dim, p->dim * sizeof(float),
                    record_offset(p, row + i) + (off_t)sizeof(uint64_t), err));
    return SEMID_OK;
}

void embed_partial_remove(embed_partial *p) {
    unlink(p->path);
}

void embed_partial_close(embed_partial *p) {
    if (!p) return;
    if (p->fd >= 0) close(p->fd);
    mem_free(p->path);
    mem_free(p->records);
    mem_free(p);
}
