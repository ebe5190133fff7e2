/* base/file.h - files: mapped input, and output that appears whole or not at all. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"
#include "base/path.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- input ---- */

/* A whole file mapped read-only. Errors name the path: missing, unreadable, a folder. */
typedef struct file_map {
    const uint8_t *data; /* NULL when the file is empty */
    size_t n_bytes;
    int fd; /* open while data is set */
} file_map;

semid_status file_map_open(file_map *out, const char *path, semid_error *err);
/* Pages before `offset` will not be needed again: lets a streaming reader stay small. */
void file_map_drop(const file_map *map, size_t offset_begin, size_t offset_end);
/* Bytes [offset, offset + n_bytes), which lie within the map, by a system call: a fault maps the
 * pages around it too, which reads here and there would pay for. */
semid_status file_map_read(const file_map *map, size_t offset, size_t n_bytes, void *out,
                           semid_error *err);
void file_map_close(file_map *map);

/* The whole file in memory, followed by a NUL; refuses more than max_bytes. */
semid_status file_read_all(const char *path, size_t max_bytes, char **out, size_t *n_bytes,
                           semid_error *err);

/* SEMID_OK if `path` is a readable regular file; else the error that says what is wrong. */
semid_status file_check_readable(const char *path, semid_error *err);

uint64_t file_bytes(const char *path); /* 0 when missing */

semid_status file_remove(const char *path, semid_error *err); /* missing is fine */

/* ---- output ---- */

/* Writes to a temporary file in the same folder; commit flushes, syncs and renames it over `path`.
 * Folders of the path are created. release without commit removes the temporary file. Write errors
 * are kept and reported by commit, so that callers may write without checking each call. */
typedef struct file_out {
    FILE *stream;
    int error; /* errno of the first write that failed */
    char *path, *temp_path;
} file_out;

semid_status file_out_open(file_out *f, const char *path, semid_error *err);

void file_out_write(file_out *f, const void *data, size_t n_bytes);
/* Go on writing at `offset`, or after all that was written: FILE_OUT_END. */
#define FILE_OUT_END UINT64_MAX
semid_status file_out_seek(file_out *f, uint64_t offset, semid_error *err);
semid_status file_out_commit(file_out *f, semid_error *err);
void file_out_release(file_out *f); /* accepts zeroed and committed ones */

/* For libraries that write to a path themselves: the temporary name to hand them, then the rename.
 * temp names end in ".tmp" followed by the extension of path, so that writers that look at it
 * still see it. */
semid_status file_temp_path(char **out, const char *path, semid_error *err);
semid_status file_temp_commit(const char *temp_path, const char *path, semid_error *err);
/* The slow half of commit ahead of it: for several files that are to change together. */
semid_status file_temp_sync(const char *temp_path, const char *path, semid_error *err);
/* Remove a temporary file that will not be committed and free its name; NULL is allowed. */
void file_temp_discard(char *temp_path);

/* Every file that is still being written is removed when the process is told to stop. Async-signal
 * safe; for the program's signal handler. */
void file_out_remove_unfinished(void);

#endif
