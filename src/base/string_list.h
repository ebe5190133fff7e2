/* base/string_list.h - a list of strings, as list options give them. */
#ifndef BASE_STRING_LIST_H
#define BASE_STRING_LIST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct string_list {
    char **items; /* owned, as the array is: mem_free */
    size_t n_items;
    bool is_default; /* what is given replaces it, instead of adding to it */
} string_list;

/* Append a copy of `text`. */
semid_status string_list_add(string_list *list, const char *text, semid_error *err);

/* Append `text` itself, which came from mem_alloc; on failure it is freed. */
semid_status string_list_take(string_list *list, char *text, semid_error *err);

/* Empty the list; accepts a zeroed one. */
void string_list_release(string_list *list);

#endif
