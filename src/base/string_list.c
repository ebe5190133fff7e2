/* The lists of options and of the files of a step: a few strings, so that the array simply grows by
 * one. (A list that grows without bound would want mem_reserve, whose capacity every holder of a
 * list would have to carry along.) */
#include "base/string_list.h"

#include "base/memory.h"

semid_status string_list_add(string_list *list, const char *text, semid_error *err) {
    char *copy;
    TRY(mem_strdup(&copy, text, err));
    return string_list_take(list, copy, err);
}

semid_status string_list_take(string_list *list, char *text, semid_error *err) {
    semid_status status =
        mem_resize(&list->items, list->n_items, list->n_items + 1, sizeof(char *), err);
    if (status == SEMID_OK)
        list->items[list->n_items++] = text;
    else
        mem_free(text);
    return status;
}

void string_list_release(string_list *list) {
    for (size_t i = 0; i < list->n_items; i++) mem_free(list->items[i]);
    mem_free(list->items);
    *list = (string_list){0};
}
