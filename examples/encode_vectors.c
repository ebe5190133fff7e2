/* Encode vectors with a saved codebook, through the networks beside it if there are any: raw
 * float32 rows in, a semantic ID a line out.
 *
 *     encode_vectors codebooks.npz <vectors.f32
 */
#include "semid/model.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_ROWS = 1024 };

static void print_codes(const int32_t *codes, size_t n, size_t n_levels) {
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < n_levels; l++)
            printf("%d%c", codes[i * n_levels + l], l + 1 < n_levels ? '-' : '\n');
}

static semid_status encode_stdin(const semid_codebook *cb, const semid_model *m, semid_error *err) {
    size_t n_levels = semid_codebook_levels(cb), latent = semid_codebook_dim(cb), n;
    size_t dim = m ? semid_model_dim(m) : latent;
    float *rows = malloc(BATCH_ROWS * dim * sizeof *rows);
    float *z = m ? malloc(BATCH_ROWS * latent * sizeof *z) : rows;
    int32_t *codes = malloc(BATCH_ROWS * n_levels * sizeof *codes);
    semid_status status = rows && z && codes ? SEMID_OK : SEMID_ERR_NO_MEMORY;
    while (status == SEMID_OK && (n = fread(rows, dim * sizeof *rows, BATCH_ROWS, stdin)) > 0) {
        if (m) status = semid_model_project(NULL, m, rows, n, z, err);
        if (status == SEMID_OK) status = semid_encode(NULL, cb, z, n, codes, err);
        if (status == SEMID_OK) print_codes(codes, n, n_levels);
    }
    if (z != rows) free(z);
    free(rows);
    free(codes);
    return status;
}

int main(int argc, char **argv) {
    semid_error err = {0};
    semid_codebook *cb = NULL;
    semid_model *model = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: encode_vectors codebooks.npz <vectors.f32\n");
        return 2;
    }
    semid_status status = semid_codebook_load(NULL, &cb, argv[1], &err);
    if (status == SEMID_OK) status = semid_model_beside(NULL, &model, argv[1], cb, &err);
    if (status == SEMID_OK) status = encode_stdin(cb, model, &err);
    if (status != SEMID_OK)
        fprintf(stderr, "encode_vectors: %s: %s\n", semid_status_name(status), err.message);
    semid_model_free(model);
    semid_codebook_free(cb);
    return status == SEMID_OK ? 0 : 1;
}
