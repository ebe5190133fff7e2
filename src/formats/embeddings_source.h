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

#endif
