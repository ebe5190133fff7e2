/* Any bytes: either refused, from memory as from a file, or every tensor can be read. */
#include "formats/safetensors.h"

#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    safetensors *s;
    semid_status status = safetensors_open(&s, fuzz_file(data, n), NULL);
    if (status == SEMID_OK) safetensors_close(s);
    if (safetensors_open_memory(&s, data, n, "memory", NULL) != status) abort();
    if (status != SEMID_OK) return 0;

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
