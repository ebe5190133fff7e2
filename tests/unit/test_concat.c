/* Vectors side by side: the numbers NumPy gives (golden/concat/make.py), and what must fit. */
#include "formats/embeddings_write.h"
#include "input/concat.h"

#include "base/json_file.h"
#include "base/memory.h"
#include "formats/npy.h"
#include "support/support.h"

#include <math.h>
#include <string.h>

enum { ROWS = 60, TEXT_DIM = 5, DIM = 8 };
static semid_error err;

typedef struct paths {
    char text[512], image[512], shorter[512];
    char *concat[1], *concat_short[1], *weights[2];
} paths;

static paths files;

static int find_files(void **state) {
    (void)state;
    snprintf(files.text, sizeof files.text, "%s", golden_path("concat/text.npy"));
    snprintf(files.image, sizeof files.image, "%s", golden_path("concat/image.npy"));
    snprintf(files.shorter, sizeof files.shorter, "%s", golden_path("concat/image_short.npy"));
    files.concat[0] = files.image;
    files.concat_short[0] = files.shorter;
    static char two[] = "2", one[] = "1";
    files.weights[0] = two;
    files.weights[1] = one;
    return 0;
}

static concat_params both(size_t n_weights, tristate normalize) {
    return (concat_params){.files = {.items = files.concat, .n_items = 1},
                           .weights = {.items = files.weights, .n_items = n_weights},
                           .normalize = normalize};
}

static semid_status open_both(embeddings **out, json_t **layout, size_t n_weights,
                              tristate normalize, const char *codebooks) {
    concat_params p = both(n_weights, normalize);
    return concat_open(out, layout, files.text, &p, codebooks, &err);
}

static void compare(const embeddings *e, const char *expected_name) {
    array expected;
    float found[ROWS * DIM], wanted[ROWS * DIM], one[DIM];
    assert_ok(npy_load(&expected, golden_path(expected_name), &err));
    assert_ok(array_to_f32(&expected, 0, ROWS * DIM, wanted, &err));
    assert_int_equal(embeddings_rows(e), ROWS);
    assert_int_equal(embeddings_dim(e), DIM);
    assert_ok(embeddings_read(e, 0, ROWS, found, &err));
    for (size_t i = 0; i < ROWS * DIM; i++)
        if (!(fabsf(found[i] - wanted[i]) <= 1e-6F * fmaxf(1, fabsf(wanted[i]))))
            fail_msg("[%zu]: expected %.8g, found %.8g", i, (double)wanted[i], (double)found[i]);
    const uint64_t row = 41;
    assert_ok(embeddings_gather(e, &row, 1, one, &err));
    assert_memory_equal(one, found + 41 * DIM, sizeof one);
    assert_null(embeddings_view(e));
    embeddings_drop(e, 0, ROWS);
    assert_int_equal(embeddings_read(e, ROWS, 1, one, &err), SEMID_ERR_ARGUMENT);
    array_release(&expected);
}

static void rows_are_those_of_numpy(void **state) {
    (void)state;
    embeddings *e;
    assert_ok(open_both(&e, NULL, 2, TRISTATE_UNSET, NULL));
    compare(e, "concat/unit_2_1.npy");
    assert_non_null(strstr(embeddings_path(e), "text.npy + "));
    embeddings_close(e);
    assert_ok(open_both(&e, NULL, 2, TRISTATE_NO, NULL));
    compare(e, "concat/raw_2_1.npy");
    embeddings_close(e);
}

static void one_file_stays_as_it_is(void **state) {
    (void)state;
    embeddings *e;
    json_t *layout;
    concat_params none = {0};
    assert_ok(concat_open(&e, &layout, files.image, &none, NULL, &err));
    assert_true(json_is_null(layout));
    assert_non_null(embeddings_view(e));
    embeddings_close(e);
}

/* What `train` would note, as metrics.json beside codebooks that need not be there. */
static const char *note(size_t n_weights, tristate normalize) {
    embeddings *e;
    json_t *layout;
    assert_ok(open_both(&e, &layout, n_weights, normalize, NULL));
    embeddings_close(e);
    json_t *metrics = json_pack("{s:o}", "concat", layout);
    assert_ok(json_file_save(metrics, test_path("metrics.json"), &err));
    json_decref(metrics);
    return test_path("codebooks.npz");
}

static void what_is_noted_is_the_default(void **state) {
    (void)state;
    embeddings *e;
    const char *codebooks = note(2, TRISTATE_UNSET);
    assert_ok(open_both(&e, NULL, 0, TRISTATE_UNSET, codebooks));
    compare(e, "concat/unit_2_1.npy");
    embeddings_close(e);
    assert_ok(open_both(&e, NULL, 2, TRISTATE_YES, codebooks));
    embeddings_close(e);
    codebooks = note(2, TRISTATE_NO);
    assert_ok(open_both(&e, NULL, 0, TRISTATE_UNSET, codebooks));
    compare(e, "concat/raw_2_1.npy");
    embeddings_close(e);
}

static void refuse(semid_status status, const char *part, const char *in, const concat_params *p,
                   const char *codebooks) {
    embeddings *e = NULL;
    assert_fails(concat_open(&e, NULL, in, p, codebooks, &err), status, part);
    assert_null(e);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    concat_params p = both(0, TRISTATE_UNSET), none = {0};
    const char *codebooks = note(2, TRISTATE_UNSET);
    refuse(SEMID_ERR_SHAPE, "expected 2 files side by side", files.text, &none, codebooks);
    refuse(SEMID_ERR_SHAPE, "expected vectors of dimension 5 as file 1", files.image, &p,
           codebooks);
    char *three[] = {files.image, files.image};
    p.files = (string_list){.items = three, .n_items = 2};
    refuse(SEMID_ERR_SHAPE, "trained on 2 files side by side, found 3", files.text, &p, codebooks);
    p = both(0, TRISTATE_NO);
    refuse(SEMID_ERR_DATA, "--concat-normalize: expected it as in", files.text, &p, codebooks);
    char half[] = "0.5", two[] = "2", *other[] = {two, half};
    p = both(2, TRISTATE_UNSET);
    p.weights.items = other;
    refuse(SEMID_ERR_DATA, "--concat-weights: expected 1 for ", files.text, &p, codebooks);
    p = both(0, TRISTATE_UNSET);
    p.files.items = files.concat_short;
    refuse(SEMID_ERR_SHAPE, "image_short.npy: expected 60 rows as in ", files.text, &p, NULL);
    embeddings *e;
    assert_ok(concat_open(&e, NULL, golden_path("concat/unit_2_1.npy"), &none, codebooks, &err));
    embeddings_close(e); /* put together elsewhere */
}

static void wrong_usage_is_named(void **state) {
    (void)state;
    concat_params p = both(1, TRISTATE_UNSET);
    refuse(STATUS_USAGE, "expected 2 numbers, one for each file, found 1", files.text, &p, NULL);
    static const char *const bad[] = {"0", "-1", "x", "1x", "nan", "inf", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[8], one[] = "1", *weights[] = {one, text};
        snprintf(text, sizeof text, "%s", bad[i]);
        p.weights = (string_list){.items = weights, .n_items = 2};
        refuse(STATUS_USAGE, "--concat-weights: expected numbers above 0, found", files.text, &p,
               NULL);
    }
    concat_params alone = {.normalize = TRISTATE_NO};
    refuse(STATUS_USAGE, "--concat-normalize: expected --concat FILE", files.text, &alone, NULL);
    alone = (concat_params){.weights = {.items = files.weights, .n_items = 1}};
    refuse(STATUS_USAGE, "--concat-weights: expected --concat FILE", files.text, &alone, NULL);
}

static void damaged_notes_are_refused(void **state) {
    (void)state;
    concat_params p = both(0, TRISTATE_UNSET);
    static const char text[] = "{\"concat\": {\"sources\": [{\"dim\": 5}, {\"dim\": 3}]}}";
    test_write_file(test_path("metrics.json"), text, strlen(text));
    refuse(SEMID_ERR_FORMAT, "metrics.json: expected a weight above 0 for file 1", files.text, &p,
           test_path("codebooks.npz"));
}

static void other_layouts_are_noticed(void **state) {
    (void)state;
    embeddings *e;
    json_t *layout;
    assert_ok(open_both(&e, &layout, 2, TRISTATE_UNSET, NULL));
    embeddings_close(e);
    assert_ok(concat_check(layout, note(2, TRISTATE_UNSET), &err));
    assert_fails(concat_check(layout, note(0, TRISTATE_UNSET), &err), SEMID_ERR_DATA,
                 "metrics.json: expected the files, weights");
    assert_fails(concat_check(layout, note(2, TRISTATE_NO), &err), SEMID_ERR_DATA, "found others");
    json_decref(layout);
}

static void save_with_ids(const char *path, const char *second) {
    static const float x[4] = {1, 2, 3, 4};
    embeddings_writer *w;
    ids list = {0};
    assert_ok(ids_append(&list, "a", 1, &err));
    assert_ok(ids_append(&list, second, 1, &err));
    assert_ok(embeddings_writer_open(&w, path, 2, 2, &list, &err));
    assert_ok(embeddings_writer_append(w, x, 2, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
    ids_release(&list);
}

static void ids_of_the_files_must_agree(void **state) {
    (void)state;
    embeddings *e;
    ids list;
    char first[512], second[512], *concat[] = {second};
    concat_params p = {.files = {.items = concat, .n_items = 1}};
    snprintf(first, sizeof first, "%s", test_path("first.pt"));
    snprintf(second, sizeof second, "%s", test_path("second.pt"));
    save_with_ids(first, "b");
    save_with_ids(second, "b");
    assert_ok(concat_open(&e, NULL, first, &p, NULL, &err));
    assert_ok(embeddings_ids(e, &list, &err));
    assert_int_equal(list.n_ids, 2);
    ids_release(&list);
    embeddings_close(e);
    save_with_ids(second, "c");
    refuse(SEMID_ERR_DATA, "in the same order, found c in row 1 instead of b", first, &p, NULL);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    const char *codebooks = note(2, TRISTATE_UNSET);
    for (long n = 1; n < 10000; n++) {
        embeddings *e = NULL;
        mem_fail_after(n);
        semid_status status = open_both(&e, NULL, 2, TRISTATE_UNSET, codebooks);
        mem_fail_after(0);
        if (status == SEMID_OK) {
            embeddings_close(e);
            return;
        }
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    fail();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_of_numpy),
        cmocka_unit_test(one_file_stays_as_it_is),
        cmocka_unit_test(what_is_noted_is_the_default),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(wrong_usage_is_named),
        cmocka_unit_test(damaged_notes_are_refused),
        cmocka_unit_test(other_layouts_are_noticed),
        cmocka_unit_test(ids_of_the_files_must_agree),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("concat", tests, find_files, NULL);
}
