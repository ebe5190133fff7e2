/* Any bytes as model.safetensors: refused, or networks that take a vector there and back. */
#include "base/memory.h"
#include "semid/model.h"

#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    semid_model *m;
    float *x, *z;
    if (semid_model_load(NULL, &m, fuzz_file(data, n), NULL, NULL) != SEMID_OK) return 0;
    if (mem_calloc(&x, semid_model_dim(m), sizeof *x, NULL) != SEMID_OK ||
        mem_calloc(&z, semid_model_latent(m), sizeof *z, NULL) != SEMID_OK)
        abort();
    if (semid_model_project(NULL, m, x, 1, z, NULL) == SEMID_OK)
        (void)semid_model_reconstruct(NULL, m, z, 1, x, NULL);
    mem_free(x);
    mem_free(z);
    semid_model_free(m);
    return 0;
}
