/* Any bytes: either refused, or every element can be read. */
#include "formats/npz.h"

#include "fuzz_input.h"

static void load(const char *path) {
    stored_array a;
    if (npz_open_vectors(&a, path, NULL, NULL) != SEMID_OK) return;
    fuzz_read_matrix(&a.layout);
    stored_array_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_zip(data, n, load);
    return 0;
}
