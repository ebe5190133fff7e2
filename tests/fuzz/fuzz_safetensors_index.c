/* Any bytes as model.safetensors.index.json beside two files: refused, or its tensors are theirs.
 */
#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/safetensors.h"

#include "fuzz_input.h"

static char dir[] = "/tmp/semid-fuzz-XXXXXX", path[64];
static safetensors *files[2];

static const char *in_dir(const char *name) {
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void remove_dir(void) {
    for (int i = 0; i < 2; i++) safetensors_close(files[i]);
    unlink(in_dir("a.safetensors"));
    unlink(in_dir("b.safetensors"));
    unlink(in_dir("index.json"));
    rmdir(dir);
}

static void make_dir(void) {
    static const float x[6] = {1, 2, 3, 4, 5, 6};
    const safetensors_tensor t[] = {
        {.name = "u", .type = DTYPE_U8, .n_dims = 1, .shape = {3}, .data = x},
        {.name = "w", .type = DTYPE_F32, .n_dims = 2, .shape = {2, 3}, .data = x},
        {.name = "v", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x},
        {.name = "w", .type = DTYPE_F16, .n_dims = 2, .shape = {3, 1}, .data = x},
    };
    if (!mkdtemp(dir)) abort();
    atexit(remove_dir);
    if (safetensors_save(in_dir("a.safetensors"), t, 2, NULL) != SEMID_OK ||
        safetensors_open(&files[0], path, NULL) != SEMID_OK ||
        safetensors_save(in_dir("b.safetensors"), t + 2, 2, NULL) != SEMID_OK ||
        safetensors_open(&files[1], path, NULL) != SEMID_OK)
        abort();
}

static bool is_in(const safetensors *file, const char *name, const array *a) {
    array b;
    return safetensors_has(file, name) && safetensors_get(file, name, &b, NULL) == SEMID_OK &&
           a->type == b.type && a->n_bytes == b.n_bytes && memcmp(a->data, b.data, b.n_bytes) == 0;
}

static void read_all(const safetensors *s) {
    for (size_t i = 0; i < safetensors_count(s); i++) {
        array a;
        const char *name = safetensors_name(s, i);
        if (safetensors_get(s, name, &a, NULL) != SEMID_OK) abort();
        if (!is_in(files[0], name, &a) && !is_in(files[1], name, &a)) abort();
    }
}

static void read_rows(const char *index) {
    embeddings *e;
    float *x;
    if (embeddings_open(&e, index, NULL) != SEMID_OK) return;
    size_t n = embeddings_rows(e);
    if (mem_alloc(&x, n * embeddings_dim(e), sizeof *x, NULL) != SEMID_OK ||
        embeddings_read(e, 0, n, x, NULL) != SEMID_OK)
        abort();
    mem_free(x);
    embeddings_close(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    safetensors *s;
    semid_error err = {0};
    if (!files[0]) {
        make_dir();
        if (symlink(fuzz_file(data, n), in_dir("index.json")) != 0) abort();
    }
    (void)fuzz_file(data, n);
    if (safetensors_open(&s, in_dir("index.json"), &err) == SEMID_OK) {
        read_all(s);
        safetensors_close(s);
        read_rows(path);
    } else if (err.status == SEMID_OK || !err.message[0]) {
        abort();
    }
    return 0;
}
