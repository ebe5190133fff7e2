/* Reads one format and writes another, for test_numpy_torch.py:
 *     convert embeddings IN OUT     convert ids IN OUT     convert array IN.npy OUT.npz
 *     convert tensors IN.safetensors OUT.safetensors       convert codes IN OUT */
#include "base/file.h"
#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/embeddings_write.h"
#include "formats/ids.h"
#include "formats/ids_file.h"
#include "formats/npy.h"
#include "formats/npz.h"
#include "formats/safetensors.h"
#include "semid/codes.h"

#include <stdio.h>
#include <string.h>

static semid_status copy_rows(const embeddings *e, embeddings_writer *w, semid_error *err) {
    enum { BLOCK_ROWS = 1000 };
    float *block;
    size_t n_rows = embeddings_rows(e);
    semid_status status = SEMID_OK;
    TRY(mem_alloc(&block, BLOCK_ROWS * embeddings_dim(e), sizeof *block, err));
    for (size_t row = 0; row < n_rows && status == SEMID_OK; row += BLOCK_ROWS) {
        size_t n = n_rows - row < BLOCK_ROWS ? n_rows - row : BLOCK_ROWS;
        status = embeddings_read(e, row, n, block, err);
        if (status == SEMID_OK) status = embeddings_writer_append(w, block, n, err);
        embeddings_drop(e, row, row + n);
    }
    mem_free(block);
    return status;
}

static semid_status convert_embeddings(const char *in, const char *out, semid_error *err) {
    embeddings *e;
    embeddings_writer *w = NULL;
    ids list = {0};
    semid_status status;
    TRY(embeddings_open(&e, in, err));
    TRY_GOTO(embeddings_ids(e, &list, err));
    TRY_GOTO(embeddings_writer_open(&w, out, embeddings_rows(e), embeddings_dim(e),
                                    list.n_ids ? &list : NULL, err));
    TRY_GOTO(copy_rows(e, w, err));
    TRY_GOTO(embeddings_writer_commit(w, err));
done:
    embeddings_writer_free(w);
    ids_release(&list);
    embeddings_close(e);
    return status;
}

static semid_status convert_ids(const char *in, const char *out, semid_error *err) {
    ids list;
    TRY(ids_load(&list, in, err));
    semid_status status = ids_save(&list, out, err);
    ids_release(&list);
    return status;
}

static semid_status convert_array(const char *in, const char *out, semid_error *err) {
    array a;
    TRY(npy_load(&a, in, err));
    npz_member members[2] = {{.name = "first"}, {.name = "second"}};
    for (int i = 0; i < 2; i++) {
        members[i].type = a.type;
        members[i].n_dims = a.n_dims;
        memcpy(members[i].shape, a.shape, sizeof a.shape);
        members[i].data = a.data;
    }
    semid_status status = npz_save(out, members, 2, err);
    array_release(&a);
    return status;
}

static semid_status convert_tensors(const char *in, const char *out, semid_error *err) {
    safetensors *s;
    safetensors_tensor tensors[16] = {0};
    semid_status status = SEMID_OK;
    TRY(safetensors_open(&s, in, err));
    size_t n = safetensors_count(s);
    for (size_t i = 0; i < n && i < 16; i++) {
        array a;
        TRY_GOTO(safetensors_get(s, safetensors_name(s, i), &a, err));
        tensors[i].name = safetensors_name(s, i);
        tensors[i].type = a.type;
        tensors[i].n_dims = a.n_dims;
        memcpy(tensors[i].shape, a.shape, sizeof a.shape);
        tensors[i].data = a.data;
    }
    TRY_GOTO(safetensors_save(out, tensors, n < 16 ? n : 16, err));
done:
    safetensors_close(s);
    return status;
}

static semid_status convert_codes(const char *in, const char *out, semid_error *err) {
    semid_codes codes;
    TRY(semid_codes_load(&codes, in, err));
    semid_status status = semid_codes_save(&codes, out, err);
    semid_codes_release(&codes);
    return status;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        semid_status (*run)(const char *in, const char *out, semid_error *err);
    } kinds[] = {{"embeddings", convert_embeddings},
                 {"ids", convert_ids},
                 {"array", convert_array},
                 {"tensors", convert_tensors},
                 {"codes", convert_codes}};
    semid_error err;
    for (size_t i = 0; argc == 4 && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, argv[1]) != 0) continue;
        if (kinds[i].run(argv[2], argv[3], &err) == SEMID_OK) return 0;
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    return 2;
}
