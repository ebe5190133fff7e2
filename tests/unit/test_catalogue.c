/* The items that evaluation ranks: vectors as they are and of unit length, ids, what is refused. */
#include "base/memory.h"
#include "eval/catalogue.h"
#include "formats/embeddings_write.h"
#include "formats/ids_index.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static semid_error err;

static semid_status load(catalogue *c, const char *emb, const char *ids_path, semid_error *e) {
    embeddings *file;
    TRY(embeddings_open(&file, emb, e));
    return catalogue_load(c, file, ids_path, e);
}

static void write_vectors(const char *name, const float *x, size_t n, size_t dim,
                          const char *const *names) {
    embeddings_writer *w;
    ids list = {0};
    for (size_t i = 0; names && i < n; i++)
        assert_ok(ids_append(&list, names[i], strlen(names[i]), &err));
    assert_ok(embeddings_writer_open(&w, test_path(name), n, dim, names ? &list : NULL, &err));
    assert_ok(embeddings_writer_append(w, x, n, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
    ids_release(&list);
}

static void rows_are_scaled_to_length_one(void **state) {
    (void)state;
    static const char *const files[] = {"v.npy", "v.pt"};
    static const char *const names[] = {"a", "b", "c"};
    const float x[] = {3, 4, 0, 0, 0, -2};
    test_write_file(test_path("abc.txt"), "a\nb\nc\n", 6);
    for (int f = 0; f < 2; f++) {
        catalogue c;
        write_vectors(files[f], x, 3, 2, f ? names : NULL);
        assert_ok(load(&c, test_path(files[f]), f ? NULL : test_path("abc.txt"), &err));
        assert_int_equal(c.n_items, 3);
        assert_int_equal(c.dim, 2);
        assert_memory_equal(c.raw, x, sizeof x);
        const float unit[] = {0.6f, 0.8f, 0, 0, 0, -1};
        assert_memory_equal(c.unit, unit, sizeof unit);
        assert_false(c.rows_are_unit);
        assert_int_equal(ids_index_find(&c.index, "c", 1), 2);
        assert_int_equal(ids_index_find(&c.index, "d", 1), IDS_NOT_FOUND);
        catalogue_release(&c);
        catalogue_release(&c);
    }
}

/* Whether raw rows count as unit vectors is decided at 1e-3, and by every row of every chunk. */
static void unit_rows_are_recognised(void **state) {
    (void)state;
    enum { N = 3000, DIM = 4 };
    static float x[N * DIM];
    static const float lengths[] = {1, 1.0009f, 0.9991f, 1.002f, 0.998f, 0};
    char *text;
    size_t n_bytes = 0;
    assert_ok(mem_alloc(&text, N, 8, &err));
    for (int i = 0; i < N; i++) n_bytes += (size_t)sprintf(text + n_bytes, "i%d\n", i);
    test_write_file(test_path("n.txt"), text, n_bytes);
    mem_free(text);
    for (size_t i = 0; i < N; i++) x[i * DIM + i % DIM] = 1;
    for (size_t k = 0; k < 6; k++) {
        catalogue c;
        size_t last = N - 1;
        x[last * DIM + last % DIM] = lengths[k];
        write_vectors("n.npy", x, N, DIM, NULL);
        assert_ok(load(&c, test_path("n.npy"), test_path("n.txt"), &err));
        assert_int_equal(c.rows_are_unit, k < 3);
        catalogue_release(&c);
    }
}

static void assert_refused(const char *emb, const char *list, semid_status status,
                           const char *part) {
    catalogue c;
    assert_fails(load(&c, test_path(emb), list ? test_path(list) : NULL, &err), status, part);
}

static void what_cannot_be_ranked_is_refused(void **state) {
    (void)state;
    const float x[] = {1, 2, 3, NAN, 5, INFINITY};
    static const char *const twice[] = {"a", "b", "a"};
    test_write_file(test_path("two.txt"), "a\nb\n", 4);
    test_write_file(test_path("twice.txt"), "a\nb\na\n", 6);
    test_write_file(test_path("three.txt"), "a\nb\nc\n", 6);
    write_vectors("good.npy", x, 1, 2, NULL);
    assert_refused("good.npy", NULL, SEMID_ERR_DATA, "good.npy: expected item ids inside, found");
    assert_refused("good.npy", "two.txt", SEMID_ERR_SHAPE, "two.txt: expected 1 ids");
    assert_refused("good.npy", "none.txt", SEMID_ERR_IO, "none.txt");
    assert_refused("none.npy", "two.txt", SEMID_ERR_IO, "none.npy");
    write_vectors("bad.npy", x, 3, 2, NULL);
    assert_refused("bad.npy", "three.txt", SEMID_ERR_DATA,
                   "bad.npy: expected finite values, found NaN or Inf in row 1 (2 of rows 0 to 2)");
    assert_refused("bad.npy", "twice.txt", SEMID_ERR_DATA,
                   "twice.txt: expected distinct ids, found a in rows 0 and 2");
    write_vectors("twice.pt", (float[]){1, 2, 3}, 3, 1, twice);
    assert_refused("twice.pt", NULL, SEMID_ERR_DATA, "twice.pt: expected distinct ids, found a");
}

static void failed_allocations_leave_nothing(void **state) {
    (void)state;
    const float x[] = {3, 4, 0, 1};
    static const char *const names[] = {"a", "b"};
    write_vectors("m.pt", x, 2, 2, names);
    semid_status status = SEMID_ERR_NO_MEMORY;
    for (long n = 1; status != SEMID_OK; n++) {
        catalogue c;
        mem_fail_after(n);
        status = load(&c, test_path("m.pt"), NULL, &err);
        mem_fail_after(0);
        if (status == SEMID_OK)
            catalogue_release(&c);
        else
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_scaled_to_length_one),
        cmocka_unit_test(unit_rows_are_recognised),
        cmocka_unit_test(what_cannot_be_ranked_is_refused),
        cmocka_unit_test(failed_allocations_leave_nothing),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
