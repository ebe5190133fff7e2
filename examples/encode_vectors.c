/* Encode vectors with a saved codebook: raw float32 rows in, a semantic ID a line out.
 *
 *     encode_vectors codebooks.npz <vectors.f32
 */
#include "semid/codebook.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_ROWS = 1024 };

static void print_codes(const int32_t *codes, size_t n, size_t n_levels) {
    for (size_t i = 0; i < n; i++)
        for (size_t l = 0; l < n_levels; l++)
            printf("%d%c", codes[i * n_levels + l], l + 1 < n_levels ? '-' : '\n');
}

static semid_status encode_stdin(const semid_codebook *cb, semid_error *err) {
    size_t dim = semid_codebook_dim(cb), n_levels = semid_codebook_levels(cb), n;
    float *rows = malloc(BATCH_ROWS * dim * sizeof *rows);
    int32_t *codes = malloc(BATCH_ROWS * n_levels * sizeof *codes);
    semid_status status = rows && codes ? SEMID_OK : SEMID_ERR_NO_MEMORY;
    while (status == SEMID_OK && (n = fread(rows, dim * sizeof *rows, BATCH_ROWS, stdin)) > 0) {
        status = semid_encode(cb, rows, n, codes, err);
        if (status == SEMID_OK) print_codes(codes, n, n_levels);
    }
    free(rows);
    free(codes);
    return status;
}

int main(int argc, char **argv) {
    semid_error err = {0};
    semid_codebook *cb = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: encode_vectors codebooks.npz <vectors.f32\n");
        return 2;
    }
    semid_status status = semid_codebook_load(&cb, argv[1], &err);
    if (status == SEMID_OK) status = encode_stdin(cb, &err);
    if (status != SEMID_OK)
        fprintf(stderr, "encode_vectors: %s: %s\n", semid_status_name(status), err.message);
    semid_codebook_free(cb);
    return status == SEMID_OK ? 0 : 1;
}
