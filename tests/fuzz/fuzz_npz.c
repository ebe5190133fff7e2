/* Any bytes: either refused, or every element can be read; from memory, where a sanitizer sees the
 * end of the bytes, as from a file. */
#include "formats/npz.h"

#include "fuzz_input.h"

static void load(const char *path, const uint8_t *data, size_t n) {
    static const char *const names[] = {"emb", "Z", "arr_0", NULL};
    stored_array stored;
    array from_file, from_memory;
    if (npz_open_vectors(&stored, path, NULL, NULL) == SEMID_OK) {
        fuzz_read_matrix(&stored.layout);
        stored_array_release(&stored);
    }

    semid_status status = npz_load(&from_file, path, names, NULL);
    if (npz_load_memory(&from_memory, data, n, "memory", names, NULL) != status) abort();
    if (status != SEMID_OK) return;
    if (from_file.n_bytes != from_memory.n_bytes ||
        memcmp(from_file.data, from_memory.data, from_file.n_bytes) != 0)
        abort();
    array_release(&from_file);
    array_release(&from_memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_zip(data, n, load);
    return 0;
}
