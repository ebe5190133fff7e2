/* base/text_buffer.h - a growing piece of text. */
#ifndef BASE_TEXT_BUFFER_H
#define BASE_TEXT_BUFFER_H

#include <stddef.h>

/* Starts zeroed; `bytes` is freed with mem_free. */
typedef struct text_buffer {
    char *bytes;
    size_t n_bytes, capacity;
} text_buffer;

#endif
