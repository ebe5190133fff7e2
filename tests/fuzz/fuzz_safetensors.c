/* Any bytes: either refused, or every tensor can be read. */
#include "formats/safetensors.h"

#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    safetensors *s;
    if (safetensors_open(&s, fuzz_file(data, n), NULL) != SEMID_OK) return 0;
    for (size_t i = 0; i < safetensors_count(s); i++) {
        array a;
        float x;
        if (safetensors_get(s, safetensors_name(s, i), &a, NULL) != SEMID_OK) abort();
        for (size_t k = 0; k < array_elements(&a); k++)
            if (array_to_f32(&a, k, 1, &x, NULL) != SEMID_OK) abort();
    }
    safetensors_close(s);
    return 0;
}
