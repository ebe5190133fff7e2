/* Encode vectors with a saved codebook, through the networks beside it if there are any: raw
 * float32 rows in, one semantic ID per line out.
 *
 *     encode_vectors codebooks.npz <vectors.f32
 */
#include "semid/codes.h"
#include "semid/encoder.h"

#include <stdio.h>
#include <stdlib.h>

enum { BATCH_ROWS = 1024 };

static semid_status encode_stdin(semid_encoder *encoder, semid_error *err) {
    size_t dim = semid_encoder_dim(encoder), n_levels = semid_encoder_levels(encoder), n;
    float *rows = malloc(BATCH_ROWS * dim * sizeof *rows);
    int32_t *codes = malloc(BATCH_ROWS * n_levels * sizeof *codes);
    semid_status status = rows && codes ? SEMID_OK : SEMID_ERR_NO_MEMORY;

    while (status == SEMID_OK && (n = fread(rows, dim * sizeof *rows, BATCH_ROWS, stdin)) > 0) {
        status = semid_encoder_encode(encoder, rows, n, codes, err);
        for (size_t i = 0; status == SEMID_OK && i < n; i++) {
            char text[SEMID_CODE_TEXT_BYTES];
            semid_code_format(codes + i * n_levels, n_levels, text, sizeof text);
            puts(text);
        }
    }
    free(rows);
    free(codes);
    return status;
}

int main(int argc, char **argv) {
    semid_error err = {0};
    semid_encoder *encoder = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: encode_vectors codebooks.npz <vectors.f32\n");
        return 2;
    }

    semid_status status = semid_encoder_open(&encoder, argv[1], NULL, &err);
    if (status == SEMID_OK) status = encode_stdin(encoder, &err);
    if (status != SEMID_OK)
        fprintf(stderr, "encode_vectors: %s: %s\n", semid_status_name(status), err.message);
    semid_encoder_free(encoder);
    return status == SEMID_OK ? 0 : 1;
}
