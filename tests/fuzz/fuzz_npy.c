/* Any bytes: either refused, from memory as from a file, or every element can be read. */
#include "formats/npy.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    array a;
    semid_status status = npy_load(&a, fuzz_file(data, n), NULL);
    if (status == SEMID_OK) array_release(&a);
    if (npy_load_memory(&a, data, n, "memory", NULL) != status) abort();
    if (status != SEMID_OK) return 0;

    for (size_t i = 0; i < array_elements(&a); i++) {
        float x;
        int64_t v;
        if (array_to_f32(&a, i, 1, &x, NULL) != SEMID_OK) abort();
        (void)array_to_i64(&a, i, 1, &v, NULL);
    }
    array_release(&a);
    return 0;
}
