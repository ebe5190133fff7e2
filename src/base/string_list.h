/* base/string_list.h - a list of strings, as list options give them. */
#ifndef BASE_STRING_LIST_H
#define BASE_STRING_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct string_list {
    char **items;
    size_t n_items;
    bool is_default; /* what is given replaces it, instead of adding to it */
} string_list;

#endif
