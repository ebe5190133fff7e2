/* Any bytes: either refused, or every element can be read. */
#include "formats/npy.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    array a;
    if (npy_load(&a, fuzz_file(data, n), NULL) != SEMID_OK) return 0;
    for (size_t i = 0; i < array_elements(&a); i++) {
        float x;
        int64_t v;
        if (array_to_f32(&a, i, 1, &x, NULL) != SEMID_OK) abort();
        (void)array_to_i64(&a, i, 1, &v, NULL);
    }
    array_release(&a);
    return 0;
}
