#include "formats/embeddings_write.h"
#include "formats/safetensors.h"

#include "base/memory.h"
#include "formats/embeddings.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static semid_error err;
static const float x[6] = {1, 2, 3, 4, 5, 6};
static const uint8_t bytes3[3] = {7, 8, 9};

static void write_raw(const char *path, const char *json, size_t length, size_t n_data) {
    uint8_t file[1024] = {0};
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)length >> 8 * i);
    size_t n = strlen(json);
    memcpy(file + 8, json, n);
    test_write_file(path, file, 8 + n + n_data);
}

static void refuse(const char *json, size_t n_data, semid_status status, const char *part) {
    safetensors *s;
    const char *path = test_path("bad.safetensors");
    write_raw(path, json, strlen(json), n_data);
    assert_fails(safetensors_open(&s, path, &err), status, part);
    assert_non_null(strstr(err.message, path));
}

static void save_two(const char *path) {
    safetensors_tensor t[] = {
        {.name = "b", .type = DTYPE_U8, .n_dims = 1, .shape = {3}, .data = bytes3},
        {.name = "w", .type = DTYPE_F32, .n_dims = 2, .shape = {2, 3}, .data = x},
    };
    assert_ok(safetensors_save(path, t, 2, &err));
}

static void saved_tensors_come_back(void **state) {
    (void)state;
    const char *path = test_path("two.safetensors");
    save_two(path);
    safetensors *s;
    array a;
    assert_ok(safetensors_open(&s, path, &err));
    assert_int_equal(safetensors_count(s), 2);
    assert_string_equal(safetensors_name(s, 1), "w");
    assert_true(safetensors_has(s, "b"));
    assert_ok(safetensors_get(s, "w", &a, &err));
    assert_int_equal((uintptr_t)a.data % 4, 0); /* misaligned in the file, so it was copied */
    assert_memory_equal(a.data, x, sizeof x);
    assert_int_equal(a.shape[1], 3);
    assert_fails(safetensors_get(s, "v", &a, &err), SEMID_ERR_FORMAT, "expected a tensor v");
    safetensors_close(s);
}

static void embeddings_are_the_only_matrix(void **state) {
    (void)state;
    const char *path = test_path("two.safetensors");
    save_two(path);
    embeddings *e;
    float out[6];
    assert_ok(embeddings_open(&e, path, &err));
    assert_int_equal(embeddings_rows(e), 2);
    assert_null(embeddings_view(e)); /* misaligned, yet readable */
    assert_ok(embeddings_read(e, 0, 2, out, &err));
    assert_memory_equal(out, x, sizeof x);
    embeddings_close(e);
    safetensors_tensor t[] = {
        {.name = "v", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x},
        {.name = "w", .type = DTYPE_F32, .n_dims = 2, .shape = {2, 3}, .data = x},
    };
    assert_ok(safetensors_save(path, t, 2, &err));
    assert_fails(embeddings_open(&e, path, &err), SEMID_ERR_FORMAT, "or a single matrix of them");
    t[1].name = "emb";
    assert_ok(safetensors_save(path, t, 2, &err));
    assert_ok(embeddings_open(&e, path, &err));
    assert_int_equal(embeddings_dim(e), 3);
    embeddings_close(e);
}

static void files_of_the_official_library_are_read(void **state) {
    (void)state;
    static const char *const names[] = {"formats/x.safetensors", "formats/x_f16.safetensors"};
    for (int i = 0; i < 2; i++) {
        embeddings *e;
        float out[6];
        assert_ok(embeddings_open(&e, golden_path(names[i]), &err));
        assert_ok(embeddings_read(e, 0, 3, out, &err));
        assert_memory_equal(out, x, sizeof x);
        embeddings_close(e);
    }
}

static void embeddings_are_written(void **state) {
    (void)state;
    const char *path = test_path("x.safetensors");
    embeddings_writer *w;
    assert_ok(embeddings_writer_open(&w, path, 3, 2, NULL, &err));
    assert_ok(embeddings_writer_append(w, x, 3, &err));
    assert_ok(embeddings_writer_commit(w, &err));
    embeddings_writer_free(w);
    embeddings *e;
    assert_ok(embeddings_open(&e, path, &err));
    assert_memory_equal(embeddings_view(e), x, sizeof x);
    embeddings_close(e);
}

#define ONE(type, shape, offsets)                                                                  \
    "{\"a\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void hostile_headers_are_refused(void **state) {
    (void)state;
    safetensors *s;
    const char *path = test_path("bad.safetensors");
    test_write_file(path, "abc", 3);
    assert_fails(safetensors_open(&s, path, &err), SEMID_ERR_FORMAT, "found 3 bytes");
    write_raw(path, "{}", SIZE_MAX, 0);
    assert_fails(safetensors_open(&s, path, &err), SEMID_ERR_FORMAT,
                 "a header of 18446744073709551615 bytes in a file of 10");
    refuse("[]", 0, SEMID_ERR_FORMAT, "expected a JSON header, found: not an object");
    refuse("{", 0, SEMID_ERR_FORMAT, "expected a JSON header");
    refuse(ONE("F32", "[2]", "[0,8]"), 4, SEMID_ERR_FORMAT,
           "truncated: tensor a ends at byte 8 of 4");
    refuse(ONE("F32", "[2]", "[0,4]"), 8, SEMID_ERR_FORMAT, "does not fit bytes 0 to 4");
    refuse(ONE("F32", "[2]", "[8,0]"), 8, SEMID_ERR_FORMAT, "does not fit");
    refuse(ONE("F32", "[9223372036854775807,4]", "[0,8]"), 8, SEMID_ERR_FORMAT, "does not fit");
    refuse(ONE("F32", "[-1]", "[0,4]"), 4, SEMID_ERR_FORMAT, "expected dtype, shape");
    refuse(ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, SEMID_ERR_FORMAT, "expected dtype");
    refuse(ONE("F8_E4M3", "[1]", "[0,1]"), 1, SEMID_ERR_UNSUPPORTED, "dtype F8_E4M3");
    refuse(ONE("U8", "[2]", "[1,3]"), 3, SEMID_ERR_FORMAT, "starts at byte 1, expected 0");
    refuse(ONE("U8", "[2]", "[0,2]"), 3, SEMID_ERR_FORMAT, "expected 2 bytes of data, found 3");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
           3, SEMID_ERR_FORMAT, "tensor b starts at byte 1, expected 2");
    refuse("{\"a\":1}", 0, SEMID_ERR_FORMAT, "expected dtype");
}

static void an_index_is_all_its_files(void **state) {
    (void)state;
    safetensors *s;
    array a;
    assert_ok(safetensors_open(&s, golden_path("formats/named.safetensors.index.json"), &err));
    assert_int_equal(safetensors_count(s), 3);
    assert_ok(safetensors_get(s, "item.weight", &a, &err));
    assert_memory_equal(a.data, x, sizeof x);
    assert_ok(safetensors_get(s, "user.weight", &a, &err));
    assert_int_equal(a.type, DTYPE_BF16);
    assert_fails(safetensors_get(s, "v", &a, &err), SEMID_ERR_FORMAT, "among the 3 there");
    safetensors_drop_pages(s);
    safetensors_close(s);
}

static void refuse_index(const char *json, semid_status status, const char *part) {
    safetensors *s;
    const char *path = test_path("bad.safetensors.index.json");
    test_write_file(path, json, strlen(json));
    assert_fails(safetensors_open(&s, path, &err), status, part);
}

static void hostile_indexes_are_refused(void **state) {
    (void)state;
    save_two(test_path("two.safetensors"));
    refuse_index("{", SEMID_ERR_FORMAT, "bad.safetensors.index.json");
    refuse_index("[]", SEMID_ERR_FORMAT, "with a weight_map, found none");
    refuse_index("{\"weight_map\": 1}", SEMID_ERR_FORMAT, "with a weight_map, found none");
    refuse_index("{\"weight_map\": {\"w\": 1}}", SEMID_ERR_FORMAT, "expected the name of a file");
    refuse_index("{\"weight_map\": {\"w\": \"../two.safetensors\"}}", SEMID_ERR_FORMAT,
                 "found ../two.safetensors");
    refuse_index("{\"weight_map\": {\"w\": \"bad.safetensors.index.json\"}}", SEMID_ERR_FORMAT,
                 "found bad.safetensors.index.json");
    refuse_index("{\"weight_map\": {\"w\": \"no.safetensors\"}}", SEMID_ERR_IO, "no.safetensors");
    refuse_index("{\"weight_map\": {\"v\": \"two.safetensors\"}}", SEMID_ERR_FORMAT,
                 "expected tensor v in two.safetensors, found none");
}

static double seconds_to_open(safetensors **out, const char *path) {
    clock_t begin = clock();
    assert_ok(safetensors_open(out, path, &err));
    return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* What an index adds to its file is of the order of reading the file, not its square. */
static void many_tensors_are_found_fast(void **state) {
    (void)state;
    enum { N = 100000, NAME_BYTES = 24 };
    char(*names)[NAME_BYTES] = malloc(sizeof(char[N][NAME_BYTES]));
    safetensors_tensor *t = calloc(N, sizeof *t);
    FILE *index = fopen(test_path("many.safetensors.index.json"), "w");
    assert_true(names && t && index);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], NAME_BYTES, "layers.%05d.weight", (i * 7919 + 1) % N);
        t[i] = (safetensors_tensor){
            .name = names[i], .type = DTYPE_U8, .n_dims = 1, .shape = {1}, .data = &bytes3[i % 3]};
        fprintf(index, "%s\"%s\":\"many.safetensors\"", i ? "," : "{\"weight_map\":{", names[i]);
    }
    fputs("}}", index);
    fclose(index);
    assert_ok(safetensors_save(test_path("many.safetensors"), t, N, &err));
    safetensors *file, *all;
    double alone = seconds_to_open(&file, test_path("many.safetensors"));
    double indexed = seconds_to_open(&all, test_path("many.safetensors.index.json"));
    assert_int_equal(safetensors_count(all), N);
    clock_t begin = clock();
    for (int i = 0; i < N; i++) {
        array a;
        assert_string_equal(safetensors_name(all, (size_t)i), names[i]); /* the index's order */
        assert_ok(safetensors_get(all, names[i], &a, &err));
        assert_memory_equal(a.data, &bytes3[i % 3], 1);
    }
    double looked_up = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (indexed > 10 * alone || looked_up > 10 * alone)
        fail_msg("%.2f s alone, %.2f s by an index, %.2f s looked up", alone, indexed, looked_up);
    safetensors_close(all);
    safetensors_close(file);
    free(t);
    free(names);
}

static void open_failing(const char *path) {
    safetensors *s;
    for (long n = 1;; n++) {
        mem_fail_after(n);
        semid_status status = safetensors_open(&s, path, &err);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
    safetensors_close(s);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    save_two(test_path("two.safetensors"));
    open_failing(test_path("two.safetensors"));
    open_failing(golden_path("formats/named.safetensors.index.json"));
}

static void memory_is_as_good_as_a_file(void **state) {
    (void)state;
    static const int8_t odd[3] = {1, 2, 3};
    const safetensors_tensor t[] = {
        {.name = "odd", .type = DTYPE_I8, .n_dims = 1, .shape = {3}, .data = odd},
        {.name = "w", .type = DTYPE_F32, .n_dims = 2, .shape = {3, 2}, .data = x},
    };
    byte_buffer buffer = {0};
    char *bytes;
    size_t n;
    safetensors *s;
    array a;
    assert_ok(safetensors_save(test_path("m.safetensors"), t, 2, &err));
    assert_ok(safetensors_save_memory(&buffer, t, 2, &err));
    assert_ok(file_read_all(test_path("m.safetensors"), 4096, &bytes, &n, &err));
    assert_int_equal(buffer.n_bytes, n);
    assert_memory_equal(buffer.bytes, bytes, n);

    assert_ok(safetensors_open_memory(&s, bytes, n, "a buffer", &err));
    assert_int_equal(safetensors_count(s), 2);
    assert_ok(safetensors_get(s, "w", &a, &err));
    assert_int_equal((uintptr_t)a.data % 4, 0);
    assert_memory_equal(a.data, x, sizeof x);
    assert_fails(safetensors_get(s, "v", &a, &err), SEMID_ERR_FORMAT,
                 "a buffer: expected a tensor");
    safetensors_drop_pages(s);
    safetensors_close(s);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(safetensors_open_memory(&s, bytes, cut, "a buffer", &err),
                         SEMID_ERR_FORMAT);
    mem_free(buffer.bytes);
    mem_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_tensors_come_back),
        cmocka_unit_test(embeddings_are_the_only_matrix),
        cmocka_unit_test(files_of_the_official_library_are_read),
        cmocka_unit_test(embeddings_are_written),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(an_index_is_all_its_files),
        cmocka_unit_test(hostile_indexes_are_refused),
        cmocka_unit_test(many_tensors_are_found_fast),
        cmocka_unit_test(failed_allocations_leak_nothing),
        cmocka_unit_test(memory_is_as_good_as_a_file),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
