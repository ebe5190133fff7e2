/* The FAISS module: what it writes it reads and finds again; bad files are refused, not followed.
 */
#include "base/memory.h"
#include "base/rng.h"
#include "retrieval/faiss_library.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

static semid_error err;
static const faiss_bridge *faiss;

enum { N = 600, DIM = 8, TOP = 5 };

static float x[N * DIM];

static int set_up(void **state) {
    (void)state;
    rng r;
    rng_init(&r, 3, 0);
    for (size_t i = 0; i < N * DIM; i++) x[i] = (float)rng_normal(&r);
    assert_ok(faiss_library_load(&faiss, &err));
    return 0;
}

static faiss_index *build(const char *factory) {
    faiss_index *index;
    assert_ok(faiss->create(&index, DIM, factory, true, &err));
    if (faiss->needs_training(index)) assert_ok(faiss->train(index, x, N, &err));
    assert_ok(faiss->add(index, x, N / 2, &err));
    assert_ok(faiss->add(index, x + N / 2 * DIM, N - N / 2, &err));
    return index;
}

static size_t best_row(const float *query) {
    size_t best = 0;
    double most = -INFINITY;
    for (size_t i = 0; i < N; i++) {
        double score = 0;
        for (size_t j = 0; j < DIM; j++) score += (double)query[j] * (double)x[i * DIM + j];
        if (score <= most) continue;
        most = score;
        best = i;
    }
    return best;
}

static void flat_finds_the_best(void **state) {
    (void)state;
    float scores[TOP], stored[N * DIM];
    int64_t rows[TOP];
    faiss_index *built = build("Flat"), *index;
    assert_ok(faiss_file_save(faiss, built, test_path("flat.faiss"), &err));
    faiss->free(built);
    assert_ok(faiss_file_load(faiss, &index, test_path("flat.faiss"), &err));
    assert_int_equal(faiss->rows(index), N);
    assert_int_equal(faiss->dim(index), DIM);
    assert_true(faiss->is_inner_product(index));
    for (size_t i = 0; i < 50; i++) {
        assert_ok(faiss->search(index, x + i * DIM, 1, TOP, scores, rows, &err));
        assert_int_equal(rows[0], best_row(x + i * DIM));
        for (size_t k = 1; k < TOP; k++) assert_true(scores[k] <= scores[k - 1]);
    }
    assert_ok(faiss->reconstruct(index, stored, &err));
    assert_memory_equal(stored, x, sizeof x);
    faiss->free(index);
}

static void bad_factories_are_named(void **state) {
    (void)state;
    faiss_index *index;
    assert_fails(faiss->create(&index, DIM, "Nonsense", true, &err), SEMID_ERR_ARGUMENT,
                 "Nonsense");
    assert_ok(faiss->create(&index, DIM, "IVF1000,Flat", true, &err));
    assert_fails(faiss->train(index, x, N, &err), SEMID_ERR_ARGUMENT, "1000");
    faiss->free(index);
}

/* ---- bad files ---- */

static const char *const kinds[] = {"Flat", "IVF8,Flat", "HNSW8", "SQ8", "PCA4,Flat"};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static uint8_t *bytes_of(const char *factory, size_t *n_bytes) {
    char *bytes;
    faiss_index *index = build(factory);
    assert_ok(faiss_file_save(faiss, index, test_path("kind.faiss"), &err));
    faiss->free(index);
    assert_ok(file_read_all(test_path("kind.faiss"), 1 << 22, &bytes, n_bytes, &err));
    return (uint8_t *)bytes;
}

static void cut_files_are_refused(void **state) {
    (void)state;
    for (size_t k = 0; k < N_KINDS; k++) {
        size_t n_bytes;
        faiss_index *index;
        uint8_t *bytes = bytes_of(kinds[k], &n_bytes);
        for (size_t cut = 0; cut < n_bytes; cut += cut < 200 ? 1 : 997)
            assert_int_equal(faiss->read(&index, bytes, cut, &err), SEMID_ERR_FORMAT);
        mem_free(bytes);
    }
}

/* Whatever a changed byte does, it must not crash: refused, or an index that can be searched. */
static void changed_bytes_do_not_crash(void **state) {
    (void)state;
    float scores[TOP];
    int64_t rows[TOP];
    for (size_t k = 0; k < N_KINDS; k++) {
        size_t n_bytes;
        uint8_t *bytes = bytes_of(kinds[k], &n_bytes);
        for (size_t i = 0; i < n_bytes; i += i < 120 ? 1 : 211)
            for (size_t c = 0; c < 3; c++) {
                uint8_t old = bytes[i];
                faiss_index *index;
                bytes[i] = (uint8_t[]){(uint8_t)(old ^ 1), 0xff, 0x7f}[c];
                if (faiss->read(&index, bytes, n_bytes, &err) == SEMID_OK) {
                    if (faiss->dim(index) == DIM)
                        faiss->search(index, x, 1, TOP, scores, rows, NULL);
                    faiss->free(index);
                }
                bytes[i] = old;
            }
        mem_free(bytes);
    }
}

static void lying_lengths_are_not_allocated(void **state) {
    (void)state;
    size_t n_bytes, before = mem_peak_bytes();
    faiss_index *index;
    uint8_t *bytes = bytes_of("Flat", &n_bytes);
    /* fourcc, d, ntotal, 2 dummies, trained, metric: then the number of stored floats. */
    size_t at = 4 + 4 + 8 + 8 + 8 + 1 + 4;
    uint64_t length;
    memcpy(&length, bytes + at, sizeof length);
    assert_true(length == (uint64_t)N * DIM || length == (uint64_t)N * DIM * 4);
    length = (uint64_t)1 << 36;
    memcpy(bytes + at, &length, sizeof length);
    assert_fails(faiss->read(&index, bytes, n_bytes, &err), SEMID_ERR_FORMAT, "FAISS");
    assert_true(mem_peak_bytes() < before + (64u << 20));
    mem_free(bytes);
}

static void wrong_files_are_named(void **state) {
    (void)state;
    faiss_index *index;
    assert_fails(faiss_file_load(faiss, &index, test_path("none.faiss"), &err), SEMID_ERR_IO,
                 "none.faiss");
    test_write_file(test_path("text.faiss"), "not an index at all", 19);
    assert_fails(faiss_file_load(faiss, &index, test_path("text.faiss"), &err), SEMID_ERR_FORMAT,
                 "text.faiss: FAISS: ");
    test_write_file(test_path("empty.faiss"), "", 0);
    assert_fails(faiss_file_load(faiss, &index, test_path("empty.faiss"), &err), SEMID_ERR_FORMAT,
                 "empty.faiss");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_finds_the_best),
        cmocka_unit_test(bad_factories_are_named),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(changed_bytes_do_not_crash),
        cmocka_unit_test(lying_lengths_are_not_allocated),
        cmocka_unit_test(wrong_files_are_named),
    };
    return cmocka_run_group_tests_name("faiss", tests, set_up, NULL);
}
