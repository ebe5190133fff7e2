/* Any bytes: either refused, or every element can be read. */
#include "formats/npz.h"

#include "base/memory.h"
#include "fuzz_input.h"

static void load(const char *path) {
    strided s;
    file_map map;
    void *owned;
    if (npz_open_vectors(&s, &map, &owned, path, NULL, NULL) != SEMID_OK) return;
    fuzz_read_matrix(&s);
    mem_free(owned);
    file_map_close(&map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_zip(data, n, load);
    return 0;
}
