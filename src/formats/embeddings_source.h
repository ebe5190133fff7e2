/* formats/embeddings_source.h - what each format's reader hands to embeddings.c. */
#ifndef FORMATS_EMBEDDINGS_SOURCE_H
#define FORMATS_EMBEDDINGS_SOURCE_H

#include "formats/embeddings.h"
#include "formats/strided.h"

typedef struct embeddings_source {
    strided matrix; /* its data lies in map or in owned */
    file_map map;
    void *owned;
    ids list;
} embeddings_source;

struct embeddings {
    char *path;
    embeddings_source source; /* of a concatenation: shape alone */
    embeddings_part *parts;   /* [n_parts] of a concatenation */
    size_t n_parts;
};

/* Rows of one file, from memory: for those that are read one behind the other, where a system call
 * for each would cost more than the faults it saves. */
void embeddings_copy(const embeddings *e, size_t row, size_t n, float *out);

/* embeddings_read of a concatenation, whose rows are there. */
semid_status embeddings_concat_read(const embeddings *e, size_t row, size_t n, float *out,
                                    semid_error *err);

#endif
