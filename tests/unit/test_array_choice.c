/* Which array of a file is taken for the vectors, in every format that has several. */
#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/embeddings.h"
#include "support/support.h"
#include "table/parquet_formats.h"

#include <string.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};

static semid_status open_named(embeddings **out, const char *file, const char *name) {
    char spec[512];
    snprintf(spec, sizeof spec, "%s%s%s", golden_path(file), name ? ":" : "", name ? name : "");
    return embeddings_open(out, spec, &err);
}

static void check(const char *file, const char *name, const float *expected, size_t rows,
                  size_t dim) {
    embeddings *e;
    float out[6];
    assert_ok(open_named(&e, file, name));
    assert_int_equal(embeddings_rows(e), rows);
    assert_int_equal(embeddings_dim(e), dim);
    assert_ok(embeddings_read(e, 0, rows, out, &err));
    assert_memory_equal(out, expected, rows * dim * sizeof(float));
    embeddings_close(e);
}

static void refuse(const char *file, const char *name, semid_status status, const char *part) {
    embeddings *e;
    assert_fails(open_named(&e, file, name), status, part);
    assert_non_null(strstr(err.message, file));
}

static void named_arrays_are_read(void **state) {
    (void)state;
    static const float image[3] = {2, 6, 10};
    check("formats/named.npz", "text", x, 3, 2);
    check("formats/named.npz", "image", image, 3, 1);
    check("formats/named.safetensors.index.json", "item.weight", x, 3, 2);
    check("formats/named.safetensors.index.json", "user.weight", x, 2, 2);
    check("formats/x.safetensors", "emb", x, 3, 2);
    check("formats/x_dict.pt", "emb", x, 3, 2);
    check("formats/named.pt", "model.item.weight", x, 3, 2);
}

static void the_only_matrix_needs_no_name(void **state) {
    (void)state;
    check("formats/x_other.npz", NULL, x, 3, 2);
    check("formats/named-00001-of-00002.safetensors", NULL, x, 3, 2);
    check("formats/named-00002-of-00002.safetensors", NULL, x, 2, 2);
}

#define ALL_NPZ "text [3, 2] float32, image [3, 1] float16, codes [3, 2] int64, line [2] float32"

static void what_is_there_is_listed(void **state) {
    (void)state;
    refuse("formats/named.npz", NULL, SEMID_ERR_FORMAT, "(FILE:NAME chooses one), found " ALL_NPZ);
    refuse("formats/named.npz", "texts", SEMID_ERR_FORMAT,
           "expected an array named texts, found " ALL_NPZ);
    refuse("formats/named.npz", "", SEMID_ERR_FORMAT, "expected an array named , found text");
    refuse("formats/named.pt", NULL, SEMID_ERR_FORMAT,
           "found model.item.weight [3, 2] float32, model.item.bias [2] float32, "
           "model.user.weight [2, 2] bfloat16, epoch");
    refuse("formats/named.pt", "item.weight", SEMID_ERR_FORMAT, "found model.item.weight");
    refuse("formats/named.safetensors.index.json", NULL, SEMID_ERR_FORMAT, "user.weight [2, 2]");
    refuse("formats/named.safetensors.index.json", "x", SEMID_ERR_FORMAT, "item.bias [2] float32");
}

static void a_named_array_must_be_vectors(void **state) {
    (void)state;
    refuse("formats/named.npz", "line", SEMID_ERR_SHAPE, "[rows, dim], found [2] float32");
    refuse("formats/named.npz", "codes", SEMID_ERR_FORMAT, "floating-point type, found [3, 2] int");
    refuse("formats/named.pt", "model.item.bias", SEMID_ERR_SHAPE, "found [2] float32");
    refuse("formats/named.pt", "epoch", SEMID_ERR_FORMAT, "expected a tensor, found");
    refuse("formats/named.pt", "model.user.weight", SEMID_ERR_SHAPE, "each of 2 rows, found 3");
    refuse("formats/named.safetensors.index.json", "item.bias", SEMID_ERR_SHAPE, "found [2]");
    refuse("formats/x_f4.npy", "emb", SEMID_ERR_FORMAT, "one array that has no name, found :emb");
    refuse("formats/x_tensor.pt", "emb", SEMID_ERR_FORMAT, "a dict with emb, found a tensor");
}

static void columns_are_named_too(void **state) {
    (void)state;
    static const char *const names[] = {"list32",  "list64", "large",
                                        "fixed32", "list16", "fixed16"};
    skip_without(deps_path("duckdb"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        embeddings *e;
        ids list;
        check("formats/named.parquet", names[i], x, 3, 2);
        assert_ok(open_named(&e, "formats/named.parquet", names[i]));
        assert_ok(embeddings_ids(e, &list, &err));
        assert_string_equal(ids_get(&list, 1, NULL), "é");
        ids_release(&list);
        embeddings_close(e);
    }
    refuse("formats/named.parquet", NULL, SEMID_ERR_FORMAT, "title VARCHAR, features VARCHAR[]");
    refuse("formats/named.parquet", "none", SEMID_ERR_FORMAT, "named none, found item_id VARCHAR");
    refuse("formats/named.parquet", "title", SEMID_ERR_FORMAT, "lists of numbers, found VARCHAR");
    refuse("formats/named.parquet", "features", SEMID_ERR_FORMAT, "found VARCHAR[]");
}

static const char *made(array_choice *c) {
    const void *token;
    return array_choice_make(c, &token, &err) == SEMID_OK ? token : NULL;
}

static void usual_names_go_by_rank(void **state) {
    (void)state;
    array_choice c = {.path = "p"};
    array_choice_offer(&c, "features", true, "m", "features");
    array_choice_offer(&c, "emb", false, "v", "emb");
    assert_string_equal(made(&c), "features"); /* emb is no matrix */
    array_choice_offer(&c, "Z", true, "m", "Z");
    array_choice_offer(&c, "a", true, "m", "a");
    assert_string_equal(made(&c), "Z");
    array_choice only = {.path = "p"};
    array_choice_offer(&only, "emb", false, "v", "emb");
    assert_string_equal(made(&only), "emb"); /* who opens it says what is wrong */
    array_choice none = {.path = "p"};
    assert_null(made(&none));
    assert_non_null(strstr(err.message, "found none"));
}

static void long_lists_are_cut(void **state) {
    (void)state;
    array_choice c = {.path = "p"};
    for (int i = 0; i < 1000; i++) array_choice_offer(&c, "layer.weight", true, "[3, 2]", "t");
    assert_null(made(&c));
    size_t n = strlen(c.list);
    assert_true(n < ARRAY_CHOICE_LIST_BYTES);
    assert_string_equal(c.list + n - 5, ", ...");
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static const char *const files[][2] = {{"formats/named.npz", "text"},
                                           {"formats/named.pt", "model.item.weight"},
                                           {"formats/named.safetensors.index.json", "item.weight"}};
    for (int i = 0; i < 3; i++)
        for (long n = 1;; n++) {
            embeddings *e;
            mem_fail_after(n);
            semid_status status = open_named(&e, files[i][0], files[i][1]);
            mem_fail_after(0);
            if (status == SEMID_OK) {
                embeddings_close(e);
                break;
            }
            assert_int_equal(status, SEMID_ERR_NO_MEMORY);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_arrays_are_read),
        cmocka_unit_test(the_only_matrix_needs_no_name),
        cmocka_unit_test(what_is_there_is_listed),
        cmocka_unit_test(a_named_array_must_be_vectors),
        cmocka_unit_test(columns_are_named_too),
        cmocka_unit_test(usual_names_go_by_rank),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    parquet_register_formats();
    return cmocka_run_group_tests_name("array_choice", tests, NULL, NULL);
}
