/* A file of embeddings is streamed through little memory, whatever its format. */
#include "base/memory.h"
#include "formats/embeddings.h"
#include "formats/embeddings_write.h"
#include "support/support.h"

#include <string.h>

enum { DIM = 256, BLOCK_ROWS = 4096, BLOCKS = 24, ALLOWED_BYTES = 48 << 20 };
static semid_error err;
static float block[BLOCK_ROWS * DIM];

static void fill(size_t row) {
    for (size_t i = 0; i < (size_t)BLOCK_ROWS * DIM; i++) block[i] = (float)(row * DIM + i);
}

static void write_file(const char *path) {
    embeddings_writer *w;
    assert_ok(embeddings_writer_open(&w, path, (size_t)BLOCK_ROWS * BLOCKS, DIM, NULL, &err));
    for (size_t b = 0; b < BLOCKS; b++) {
        fill(b * BLOCK_ROWS);
        assert_ok(embeddings_writer_append(w, block, BLOCK_ROWS, &err));
    }
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
}

static void read_file(const char *path) {
    static float out[BLOCK_ROWS * DIM];
    embeddings *e;
    assert_ok(embeddings_open(&e, path, &err));
    for (size_t b = 0; b < BLOCKS; b++) {
        size_t row = b * BLOCK_ROWS;
        fill(row);
        assert_ok(embeddings_read(e, row, BLOCK_ROWS, out, &err));
        assert_memory_equal(out, block, sizeof block);
        embeddings_drop(e, row, row + BLOCK_ROWS);
    }
    embeddings_close(e);
}

static void gather_file(const char *path) {
    embeddings *e;
    assert_ok(embeddings_open(&e, path, &err));
    uint64_t rows[2048];
    for (size_t i = 0; i < 2048; i++) rows[i] = i * (BLOCK_ROWS * BLOCKS / 2048);
    for (size_t i = 0; i < 2048; i += 512) {
        assert_ok(embeddings_gather(e, rows + i, 512, block, &err));
        assert_true(block[DIM] == (float)(rows[i + 1] * DIM));
    }
    embeddings_close(e);
}

static void files_are_streamed(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* its own memory is several times ours */
#endif
    static const char *const names[] = {"x.npy", "x.pt", "x.safetensors"};
    for (int i = 0; i < 3; i++) {
        const char *path = test_path(names[i]);
        size_t before = mem_peak_bytes();
        write_file(path);
        read_file(path);
        gather_file(path);
        size_t grown = mem_peak_bytes() - before;
        if (grown > ALLOWED_BYTES) fail_msg("%s: %zu bytes more", names[i], grown);
        remove(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_are_streamed)};
    return cmocka_run_group_tests_name("streaming", tests, NULL, NULL);
}
