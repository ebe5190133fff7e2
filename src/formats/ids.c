/* The list is one block of text and an array of offsets into it, both of which grow by halves: two
 * allocations however many ids there are, about 9 bytes per id besides its text, and an id is found
 * by its row in constant time. Each is followed by a NUL, so that it can be handed out as a string.
 */
#include "formats/ids.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

const char *ids_get(const ids *list, size_t i, size_t *n_bytes) {
    if (n_bytes) *n_bytes = list->offsets[i + 1] - list->offsets[i] - 1;
    return list->bytes + list->offsets[i];
}

semid_status ids_append(ids *list, const char *s, size_t n_bytes, semid_error *err) {
    bool first = list->capacity_ids == 0;
    TRY(mem_reserve(&list->offsets, &list->capacity_ids, list->n_ids + 2, sizeof *list->offsets,
                    err));
    if (first) list->offsets[0] = 0;
    TRY(mem_reserve(&list->bytes, &list->capacity_bytes, list->n_bytes + n_bytes + 1, 1, err));

    char *copy = list->bytes + list->n_bytes;
    if (n_bytes) memcpy(copy, s, n_bytes);
    copy[n_bytes] = '\0';
    list->n_bytes += n_bytes + 1;
    list->offsets[++list->n_ids] = list->n_bytes;
    return SEMID_OK;
}

semid_status ids_append_checked(ids *list, const char *s, size_t n_bytes, semid_error *err) {
    if (!utf8_check(s, n_bytes, NULL) || (n_bytes && memchr(s, '\0', n_bytes)))
        FAIL(SEMID_ERR_FORMAT, "id %zu: expected UTF-8 text, found other bytes", list->n_ids);
    return ids_append(list, s, n_bytes, err);
}

semid_status ids_append_integer(ids *list, int64_t v, semid_error *err) {
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)v);
    return ids_append(list, text, (size_t)n, err);
}

void ids_release(ids *list) {
    mem_free(list->offsets);
    mem_free(list->bytes);
    *list = (ids){0};
}
