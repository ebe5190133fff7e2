#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Input is mapped. Output is written to a temporary file beside its place, which is synced and
 * renamed over the place when it is complete: a reader sees the old file or the new one, never a
 * part, whatever happens in between. Temporary files are removed on failure, and by the signal
 * handler of a program that is told to stop: their names are kept in a fixed table of atomic
 * pointers, which the handler may read. */

/* ---- input ---- */

static semid_status open_regular(const char *path, int *fd, struct stat *st, semid_error *err) {
    int f = open(path, O_RDONLY | O_CLOEXEC);
    if (f < 0) FAIL(SEMID_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(f, st) != 0) {
        close(f);
        FAIL(SEMID_ERR_IO, "%s: cannot stat: %s", path, strerror(errno));
    }
    if (!S_ISREG(st->st_mode)) {
        close(f);
        FAIL(SEMID_ERR_IO, "%s: expected a file, found a %s", path,
             S_ISDIR(st->st_mode) ? "folder" : "special file");
    }
    *fd = f;
    return SEMID_OK;
}

semid_status file_check_readable(const char *path, semid_error *err) {
    int fd;
    struct stat st;
    TRY(open_regular(path, &fd, &st, err));
    close(fd);
    return SEMID_OK;
}

semid_status file_map_open(file_map *out, const char *path, semid_error *err) {
    int fd;
    struct stat st;
    TRY(open_regular(path, &fd, &st, err));
    file_map map = {.n_bytes = (size_t)st.st_size};

    if (map.n_bytes > 0) {
        void *p = mmap(NULL, map.n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            close(fd);
            FAIL(SEMID_ERR_IO, "%s: cannot map %zu bytes: %s", path, map.n_bytes, strerror(errno));
        }
        map.data = p;
        map.fd = fd;
    } else {
        close(fd);
    }
    *out = map;
    return SEMID_OK;
}

void file_map_drop(const file_map *map, size_t offset_begin, size_t offset_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t begin = (offset_begin + page - 1) / page * page, end = offset_end / page * page;
    if (map->data && end > begin)
        madvise((void *)(uintptr_t)(map->data + begin), end - begin, MADV_DONTNEED);
}

semid_status file_map_read(const file_map *map, size_t offset, size_t n_bytes, void *out,
                           semid_error *err) {
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = pread(map->fd, (char *)out + done, n_bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) FAIL(SEMID_ERR_IO, "cannot read: %s", strerror(errno));
        if (n == 0) FAIL(SEMID_ERR_IO, "cannot read: the file has become shorter");
        done += (size_t)n;
    }
    return SEMID_OK;
}

void file_map_close(file_map *map) {
    if (map->data) {
        munmap((void *)(uintptr_t)map->data, map->n_bytes);
        close(map->fd);
    }
    *map = (file_map){0};
}

semid_status file_read_all(const char *path, size_t max_bytes, char **out, size_t *n_bytes,
                           semid_error *err) {
    file_map map;
    TRY(file_map_open(&map, path, err));
    char *text = NULL;
    semid_status status = SEMID_OK;

    if (map.n_bytes > max_bytes)
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: %zu bytes, expected at most %zu", path, map.n_bytes,
                  max_bytes);
    TRY_GOTO(mem_alloc(&text, map.n_bytes + 1, 1, err));
    if (map.n_bytes) memcpy(text, map.data, map.n_bytes);
    text[map.n_bytes] = '\0';
    if (n_bytes) *n_bytes = map.n_bytes;
    *out = text;

done:
    file_map_close(&map);
    return status;
}

uint64_t file_bytes(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

semid_status file_remove(const char *path, semid_error *err) {
    if (unlink(path) != 0 && errno != ENOENT)
        FAIL(SEMID_ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
    return SEMID_OK;
}

/* ---- unfinished output, for the signal handler ---- */

enum { MAX_UNFINISHED = 64 };
static _Atomic(char *) unfinished[MAX_UNFINISHED];

static void unfinished_add(char *temp_path) {
    for (int i = 0; i < MAX_UNFINISHED; i++) {
        char *empty = NULL;
        if (atomic_compare_exchange_strong(&unfinished[i], &empty, temp_path)) return;
    }
}

static void unfinished_remove(const char *temp_path) {
    for (int i = 0; i < MAX_UNFINISHED; i++) {
        char *p = atomic_load(&unfinished[i]);
        if (p && strcmp(p, temp_path) == 0) {
            atomic_store(&unfinished[i], NULL);
            free(p);
            return;
        }
    }
}

void file_out_remove_unfinished(void) {
    for (int i = 0; i < MAX_UNFINISHED; i++) {
        char *p = atomic_load(&unfinished[i]);
        if (p) unlink(p);
    }
}

/* ---- output ---- */

semid_status file_temp_path(char **out, const char *path, semid_error *err) {
    if (path_is_dir(path)) FAIL(SEMID_ERR_IO, "%s: expected a file, found a folder", path);
    TRY(dir_create_parent(path, err));

    const char *dot = strrchr(path_basename(path), '.');
    TRY(mem_format(out, err, "%s.%ld.tmp%s", path, (long)getpid(), dot ? dot : ""));
    char *kept = strdup(*out);
    if (kept) unfinished_add(kept);
    return SEMID_OK;
}

semid_status file_temp_sync(const char *temp_path, const char *path, semid_error *err) {
    int fd = open(temp_path, O_RDONLY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0) close(fd);
    if (!synced) FAIL(SEMID_ERR_IO, "%s: cannot write: %s", path, strerror(saved));
    return SEMID_OK;
}

semid_status file_temp_commit(const char *temp_path, const char *path, semid_error *err) {
    TRY(file_temp_sync(temp_path, path, err));
    if (rename(temp_path, path) != 0)
        FAIL(SEMID_ERR_IO, "%s: cannot rename the finished file: %s", path, strerror(errno));
    unfinished_remove(temp_path);
    return SEMID_OK;
}

void file_temp_discard(char *temp_path) {
    if (!temp_path) return;
    unlink(temp_path);
    unfinished_remove(temp_path);
    mem_free(temp_path);
}

semid_status file_out_open(file_out *f, const char *path, semid_error *err) {
    *f = (file_out){0};
    TRY(mem_strdup(&f->path, path, err));
    semid_status status = file_temp_path(&f->temp_path, path, err);
    if (status == SEMID_OK && !(f->stream = fopen(f->temp_path, "wb")))
        status = error_set(err, SEMID_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
    if (status != SEMID_OK) file_out_release(f);
    return status;
}

void file_out_write(file_out *f, const void *data, size_t n_bytes) {
    if (n_bytes && fwrite(data, 1, n_bytes, f->stream) != n_bytes && !f->error) f->error = errno;
}

semid_status file_out_seek(file_out *f, uint64_t offset, semid_error *err) {
    bool end = offset == FILE_OUT_END;
    /* What is buffered is written first, which may be what fails. */
    if (fseeko(f->stream, end ? 0 : (off_t)offset, end ? SEEK_END : SEEK_SET) != 0)
        FAIL(SEMID_ERR_IO, "%s: cannot write: %s", f->path, strerror(errno));
    return SEMID_OK;
}

semid_status file_out_commit(file_out *f, semid_error *err) {
    errno = 0;
    bool failed = fflush(f->stream) != 0 || ferror(f->stream) != 0;
    int saved = f->error ? f->error : errno;
    if (fclose(f->stream) != 0 && !failed) {
        failed = true;
        saved = errno;
    }
    f->stream = NULL;

    if (failed) FAIL(SEMID_ERR_IO, "%s: cannot write: %s", f->path, strerror(saved ? saved : EIO));
    TRY(file_temp_commit(f->temp_path, f->path, err));
    mem_free(f->temp_path);
    f->temp_path = NULL;
    return SEMID_OK;
}

void file_out_release(file_out *f) {
    if (f->stream) fclose(f->stream);
    file_temp_discard(f->temp_path);
    mem_free(f->path);
    *f = (file_out){0};
}
