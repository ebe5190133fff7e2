#include "base/memory.h"
#include "base/path_list.h"
#include "support/support.h"
#include "table/line_reader.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

static semid_error err;

/* ---- making files ---- */

static size_t gzip_bytes(const char *text, size_t n, char *out, size_t n_out) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)n_out;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

/* Lines "k:" followed by k % 700 letters. Returns how many bytes. */
static size_t make_lines(char *out, size_t n_lines) {
    size_t n = 0;
    for (size_t k = 0; k < n_lines; k++) {
        n += (size_t)sprintf(out + n, "%zu:", k);
        memset(out + n, 'x', k % 700);
        n += k % 700;
        out[n++] = '\n';
    }
    return n;
}

enum { N_LINES = 10000, TEXT_BYTES = 8 << 20 };

typedef struct fixture {
    char *text, *packed;
    size_t n_text, n_packed;
} fixture;

static int set_up(void **state) {
    static fixture f;
    f.text = test_malloc(TEXT_BYTES);
    f.packed = test_malloc(TEXT_BYTES);
    f.n_text = make_lines(f.text, N_LINES);
    f.n_packed = gzip_bytes(f.text, f.n_text, f.packed, TEXT_BYTES);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    test_free(f->text);
    test_free(f->packed);
    return 0;
}

/* ---- reading ---- */

static semid_status read_all(const char *path, char *out, size_t *n_out, uint64_t *n_blocks) {
    path_list files = {(char *[]){(char *)(uintptr_t)path}, 1};
    line_reader *s;
    line_block block = {0};
    *n_out = 0;
    *n_blocks = 0;
    uint64_t next_line = 1;
    TRY(line_reader_open(&s, &files, &err));
    semid_status status;
    while ((status = line_reader_next(s, &block, 1, &err)) == SEMID_OK && block.n_bytes > 0) {
        assert_int_equal(block.first_line, next_line);
        for (size_t i = 0; i < block.n_bytes; i++) next_line += block.bytes[i] == '\n';
        memcpy(out + *n_out, block.bytes, block.n_bytes);
        *n_out += block.n_bytes;
        ++*n_blocks;
    }
    line_block_release(&block);
    line_reader_close(s);
    return status;
}

static void assert_reads(const char *path, const char *text, size_t n_text) {
    char *found = test_malloc(TEXT_BYTES);
    size_t n;
    uint64_t n_blocks;
    assert_ok(read_all(path, found, &n, &n_blocks));
    assert_int_equal(n, n_text);
    assert_memory_equal(found, text, n);
    test_free(found);
}

static void assert_refused(const char *path, const char *part) {
    char *found = test_malloc(TEXT_BYTES);
    size_t n;
    uint64_t n_blocks;
    assert_fails(read_all(path, found, &n, &n_blocks), SEMID_ERR_FORMAT, part);
    assert_non_null(strstr(err.message, path_basename(path)));
    test_free(found);
}

static void plain_gzip_and_zstd_read_alike(void **state) {
    fixture *f = *state;
    test_write_file(test_path("a.jsonl"), f->text, f->n_text);
    assert_reads(test_path("a.jsonl"), f->text, f->n_text);
    test_write_file(test_path("a.jsonl.gz"), f->packed, f->n_packed);
    assert_reads(test_path("a.jsonl.gz"), f->text, f->n_text);
    char *zst = test_malloc(TEXT_BYTES);
    size_t n = ZSTD_compress(zst, TEXT_BYTES, f->text, f->n_text, 1);
    assert_false(ZSTD_isError(n));
    test_write_file(test_path("a.jsonl.zst"), zst, n);
    assert_reads(test_path("a.jsonl.zst"), f->text, f->n_text);
    test_write_file(test_path("cut.jsonl.zst"), zst, n - 5);
    assert_refused(test_path("cut.jsonl.zst"), "ends too early");
    zst[n / 2] ^= 0x55;
    zst[n / 2 + 1] ^= 0x55;
    test_write_file(test_path("bad.jsonl.zst"), zst, n);
    char *found = test_malloc(TEXT_BYTES);
    size_t n_found;
    uint64_t n_blocks;
    /* zstd without a checksum may not notice; it must not crash. */
    semid_status status = read_all(test_path("bad.jsonl.zst"), found, &n_found, &n_blocks);
    assert_true(status == SEMID_OK || status == SEMID_ERR_FORMAT);
    test_free(found);
    test_free(zst);
}

static void gzip_members_follow_each_other(void **state) {
    fixture *f = *state;
    char *two = test_malloc(2 * f->n_packed + 512);
    memcpy(two, f->packed, f->n_packed);
    memcpy(two + f->n_packed, f->packed, f->n_packed);
    memset(two + 2 * f->n_packed, 0, 512); /* padding */
    test_write_file(test_path("two.jsonl.gz"), two, 2 * f->n_packed + 512);
    char *text = test_malloc(2 * f->n_text);
    memcpy(text, f->text, f->n_text);
    memcpy(text + f->n_text, f->text, f->n_text);
    if (2 * f->n_text <= TEXT_BYTES) assert_reads(test_path("two.jsonl.gz"), text, 2 * f->n_text);
    test_free(text);
    memcpy(two + f->n_packed, "garbage", 7);
    test_write_file(test_path("junk.jsonl.gz"), two, f->n_packed + 7);
    assert_refused(test_path("junk.jsonl.gz"), "corrupt gzip data");
    test_free(two);
}

static void damage_is_seen(void **state) {
    fixture *f = *state;
    static const size_t cuts[] = {3, 12, 100, 5000};
    for (size_t i = 0; i < 4; i++) {
        test_write_file(test_path("cut.jsonl.gz"), f->packed, f->n_packed - cuts[i]);
        assert_refused(test_path("cut.jsonl.gz"), "ends too early");
    }
    test_write_file(test_path("head.jsonl.gz"), f->packed, 5);
    assert_refused(test_path("head.jsonl.gz"), "ends too early");
    f->packed[f->n_packed - 8] ^= 1; /* the checksum */
    test_write_file(test_path("sum.jsonl.gz"), f->packed, f->n_packed);
    f->packed[f->n_packed - 8] ^= 1;
    assert_refused(test_path("sum.jsonl.gz"), "corrupt gzip data");
    test_write_file(test_path("text.jsonl.gz"), f->text, f->n_text);
    assert_refused(test_path("text.jsonl.gz"), "expected gzip data, found something else");
    test_write_file(test_path("empty.jsonl.gz"), "", 0);
    assert_refused(test_path("empty.jsonl.gz"), "expected gzip data, found an empty file");
    test_write_file(test_path("text.jsonl.zst"), f->text, f->n_text);
    assert_refused(test_path("text.jsonl.zst"), "expected zstd data");
}

static void ends_of_files(void **state) {
    (void)state;
    char *found = test_malloc(TEXT_BYTES);
    size_t n;
    uint64_t n_blocks;
    test_write_file(test_path("e.jsonl"), "", 0);
    assert_ok(read_all(test_path("e.jsonl"), found, &n, &n_blocks));
    assert_int_equal(n_blocks, 0);
    test_write_file(test_path("e.jsonl"), "no newline", 10);
    assert_ok(read_all(test_path("e.jsonl"), found, &n, &n_blocks));
    assert_int_equal(n, 10);
    test_write_file(test_path("e.jsonl"), "\xef\xbb\xbf{}\n", 6);
    assert_ok(read_all(test_path("e.jsonl"), found, &n, &n_blocks));
    assert_memory_equal(found, "   {}\n", 6);
    memset(found, 'y', 5 << 20); /* one line of 5 MiB among others */
    found[0] = found[(5 << 20) - 2] = '\n';
    test_write_file(test_path("long.jsonl"), found, 5 << 20);
    char *copy = test_malloc(TEXT_BYTES);
    memcpy(copy, found, 5 << 20);
    assert_reads(test_path("long.jsonl"), copy, 5 << 20);
    test_free(copy);
    test_free(found);
}

static void missing_files_and_folders(void **state) {
    (void)state;
    char *found = test_malloc(64);
    size_t n;
    uint64_t n_blocks;
    assert_fails(read_all(test_path("none.jsonl"), found, &n, &n_blocks), SEMID_ERR_IO,
                 "none.jsonl");
    assert_fails(read_all(test_dir(), found, &n, &n_blocks), SEMID_ERR_IO, "found a folder");
    test_free(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_gzip_and_zstd_read_alike),
        cmocka_unit_test(gzip_members_follow_each_other),
        cmocka_unit_test(damage_is_seen),
        cmocka_unit_test(ends_of_files),
        cmocka_unit_test(missing_files_and_folders),
    };
    return cmocka_run_group_tests_name("line_reader", tests, set_up, tear_down);
}
