/* Which items have codes near that of a given item? The item's code is decoded to the vector that
 * it stands for, and a beam over the existing codes finds the nearest ones.
 *
 *     similar_items codebooks.npz inverted.sid ID
 */
#include "semid/expand.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_ITEMS = 10 };

static semid_status print_similar(const semid_codebook *cb, const semid_inverted *index,
                                  const char *id, semid_error *err) {
    semid_expand_params params = semid_expand_params_default();
    semid_expander *expander = NULL;
    semid_expander_workspace *workspace = NULL;
    uint32_t rows[MAX_ITEMS];
    size_t row, code = 0;
    params.n_candidates = MAX_ITEMS;

    float *query = malloc(semid_codebook_dim(cb) * sizeof *query);
    semid_status status = query ? semid_inverted_row_of(index, id, &row, err) : SEMID_ERR_NO_MEMORY;
    if (status == SEMID_OK && row == SEMID_NO_ROW) {
        snprintf(err->message, sizeof err->message, "no item has the id %s", id);
        status = SEMID_ERR_DATA;
    }
    if (status == SEMID_OK) status = semid_inverted_code_of(index, row, &code, err);
    if (status == SEMID_OK)
        status = semid_decode(NULL, cb, semid_inverted_code(index, code), 1, query, err);
    if (status == SEMID_OK) status = semid_expander_new(NULL, &expander, cb, index, &params, err);
    if (status == SEMID_OK) status = semid_expander_workspace_new(&workspace, expander, err);
    if (status == SEMID_OK) {
        size_t n = semid_expander_rows(expander, query, NULL, workspace, rows, MAX_ITEMS);
        for (size_t i = 0; i < n && i < MAX_ITEMS; i++) puts(semid_inverted_id(index, rows[i]));
    }

    semid_expander_workspace_free(workspace);
    semid_expander_free(expander);
    free(query);
    return status;
}

int main(int argc, char **argv) {
    semid_error err = {0};
    semid_codebook *cb = NULL;
    semid_inverted *index = NULL;
    if (argc != 4) {
        fprintf(stderr, "usage: similar_items codebooks.npz inverted.sid ID\n");
        return 2;
    }

    semid_status status = semid_codebook_load(NULL, &cb, argv[1], &err);
    if (status == SEMID_OK) status = semid_inverted_open(&index, argv[2], &err);
    if (status == SEMID_OK) status = print_similar(cb, index, argv[3], &err);
    if (status != SEMID_OK) fprintf(stderr, "similar_items: %s\n", err.message);
    semid_inverted_close(index);
    semid_codebook_free(cb);
    return status == SEMID_OK ? 0 : 1;
}
