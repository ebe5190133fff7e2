/* table/line_reader.h - the lines of several text files, handed out in blocks, so that some threads
 * parse while another decompresses. Every line is known by its file and its number there. */
#ifndef TABLE_LINE_READER_H
#define TABLE_LINE_READER_H

#include "base/file.h"

#include <stdint.h>

typedef struct line_reader line_reader;

/* Files are opened as they are reached; `files` must outlive the source. */
semid_status line_reader_open(line_reader **out, const path_list *files, semid_error *err);
void line_reader_close(line_reader *s); /* accepts NULL */

/* Whole lines of one file. Zeroed before its first use, released after the last. */
typedef struct line_block {
    char *bytes;
    size_t n_bytes, capacity;
    size_t file;
    uint64_t first_line; /* number of its first line, from 1 */
} line_block;

/* The next block of any file below `n_files`; n_bytes 0 when they are used up. Blocks of one file
 * come in order. Callable from several threads, each with its own block. Errors name the file: it
 * cannot be opened or read, it is corrupt, a line is longer than 256 MiB. */
semid_status line_reader_next(line_reader *s, line_block *block, size_t n_files, semid_error *err);
void line_block_release(line_block *block);

/* Bytes of the files consumed so far. */
size_t line_reader_consumed(line_reader *s);

#endif
