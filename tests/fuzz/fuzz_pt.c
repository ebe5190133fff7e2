/* Any bytes: either refused, or every element and id can be read. */
#include "formats/pt_read.h"

#include "fuzz_input.h"

static void load(const char *path, const uint8_t *data, size_t n) {
    (void)data, (void)n;
    stored_array a = {0};
    ids list = {0};
    if (pt_open_vectors(&a, &list, path, NULL, NULL) == SEMID_OK) fuzz_read_matrix(&a.layout);
    stored_array_release(&a);
    ids_release(&list);
    (void)pt_load_ids(&list, path, NULL);
    ids_release(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_zip(data, n, load);
    return 0;
}
