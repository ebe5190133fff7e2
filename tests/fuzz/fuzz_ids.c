/* Any bytes as a .npy of ids: either refused, or an index can be made of them. */
#include "formats/ids_index.h"
#include "formats/ids_npy.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    ids list = {0};
    ids_index index = {0};
    if (ids_npy_load(&list, fuzz_file(data, n), NULL) == SEMID_OK &&
        ids_index_init(&index, &list, NULL) == SEMID_OK) {
        for (size_t i = 0; i < list.n_ids; i++) {
            size_t n_bytes;
            const char *s = ids_get(&list, i, &n_bytes);
            if (ids_index_find(&index, s, n_bytes) != i) abort();
        }
    }
    ids_index_release(&index);
    ids_release(&list);
    return 0;
}
