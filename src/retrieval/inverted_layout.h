/* retrieval/inverted_layout.h - the bytes of inverted.sid, shared by its writer and its reader.
 *
 * Little endian. A header of 64 bytes, then five sections, each starting at a multiple of 64; where
 * they start follows from the counts in the header. docs/formats.md says the same in prose. */
#ifndef RETRIEVAL_INVERTED_LAYOUT_H
#define RETRIEVAL_INVERTED_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVERTED_MAGIC "SEMIDINV"
enum { INVERTED_VERSION = 1, INVERTED_ALIGN = 64, INVERTED_MAX_LEVELS = 64 };

typedef struct inverted_header {
    char magic[8];
    uint32_t version;
    uint32_t n_levels;
    uint64_t n_items;
    uint64_t n_codes;     /* distinct */
    uint64_t n_codewords; /* exclusive upper bound of the code values */
    uint64_t id_bytes;    /* of the last section */
    uint64_t file_bytes;
    uint64_t checksum; /* of the bytes before it */
} inverted_header;

_Static_assert(sizeof(inverted_header) == INVERTED_ALIGN, "the header is one block");

typedef struct inverted_layout {
    size_t codes;      /* int32  [n_codes, n_levels], strictly ascending */
    size_t offsets;    /* uint64 [n_codes + 1]: the items of code i are rows[offsets[i]..] */
    size_t rows;       /* uint32 [n_items]: each row once, ascending within a code */
    size_t id_offsets; /* uint64 [n_items + 1], by row */
    size_t ids;        /* bytes  [id_bytes]: each id followed by a NUL */
    size_t end;
} inverted_layout;

/* False when the counts do not fit into memory. */
bool inverted_layout_init(inverted_layout *out, const inverted_header *header);

uint64_t inverted_checksum(const inverted_header *header);

#endif
