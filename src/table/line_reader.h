/* table/line_reader.h - the lines of several text files in blocks, so that threads parse while
 * another decompresses. A line is identified by its file and its number there. */
#ifndef TABLE_LINE_READER_H
#define TABLE_LINE_READER_H

#include "base/file.h"
#include "base/path_list.h"

#include <stdint.h>

typedef struct line_reader line_reader;

/* Files are opened when they are first read; `files` must outlive the reader. */
semid_status line_reader_open(line_reader **out, const path_list *files, semid_error *err);
void line_reader_close(line_reader *r); /* accepts NULL */

/* Whole lines of one file. Zero it before the first use, release it after the last. */
typedef struct line_block {
    char *bytes;
    size_t n_bytes, capacity;
    size_t file;
    uint64_t first_line; /* number of its first line, from 1 */
} line_block;

/* The next block of any of the first n_files files; n_bytes 0 when all are read. Blocks of one file
 * come in order. Callable from several threads, each with its own block. Errors name the file: it
 * cannot be opened or read, it is corrupt, a line is longer than 256 MiB. */
semid_status line_reader_next(line_reader *r, line_block *block, size_t n_files, semid_error *err);
void line_block_release(line_block *block);

/* Bytes of the files consumed so far. */
size_t line_reader_consumed(line_reader *r);

#endif
