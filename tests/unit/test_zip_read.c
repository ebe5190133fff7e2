/* Archives made here byte by byte, good and hostile. Those of other programs: test_npz.c. */
#include "formats/zip_read.h"

#include "base/memory.h"
#include "support/support.h"

#include <string.h>
#include <zlib.h>

static semid_error err;

/* One member of an archive as its headers describe it. */
typedef struct made_member {
    const char *name;
    const void *packed;
    size_t packed_bytes, n_bytes;
    int method;
    uint32_t crc;
} made_member;

typedef struct made_archive {
    uint8_t bytes[8192];
    size_t n;
} made_archive;

static void put(made_archive *a, uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++) a->bytes[a->n++] = (uint8_t)(value >> 8 * i);
}

static void put_bytes(made_archive *a, const void *data, size_t n) {
    if (n) memcpy(a->bytes + a->n, data, n);
    a->n += n;
}

static void put_common(made_archive *a, const made_member *m) {
    put(a, 20, 2);
    put(a, 0, 2);
    put(a, (uint64_t)m->method, 2);
    put(a, 0, 4);
    put(a, m->crc, 4);
    put(a, m->packed_bytes, 4);
    put(a, m->n_bytes, 4);
    put(a, strlen(m->name), 2);
    put(a, 0, 2);
}

static size_t put_local(made_archive *a, const made_member *m) {
    size_t offset = a->n;
    put(a, 0x04034b50, 4);
    put_common(a, m);
    put_bytes(a, m->name, strlen(m->name));
    put_bytes(a, m->packed, m->packed_bytes);
    return offset;
}

static void put_entry(made_archive *a, const made_member *m, size_t offset) {
    put(a, 0x02014b50, 4);
    put(a, 20, 2);
    put_common(a, m);
    put(a, 0, 6);
    put(a, 0, 4);
    put(a, offset, 4);
    put_bytes(a, m->name, strlen(m->name));
}

static void put_end(made_archive *a, size_t directory, size_t n_members) {
    size_t n_bytes = a->n - directory;
    put(a, 0x06054b50, 4);
    put(a, 0, 4);
    put(a, n_members, 2);
    put(a, n_members, 2);
    put(a, n_bytes, 4);
    put(a, directory, 4);
    put(a, 0, 2);
}

static void make_archive(made_archive *a, const made_member *m) {
    a->n = 0;
    size_t offset = put_local(a, m), directory = a->n;
    put_entry(a, m, offset);
    put_end(a, directory, 1);
}

/* "text" many times, deflated without zlib's header. */
static made_member deflated_text(char *text, size_t n, uint8_t *packed, size_t capacity) {
    for (size_t i = 0; i < n; i++) text[i] = (char)('a' + i % 7 + i / 100 % 3);
    z_stream s = {0};
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    s.next_in = (uint8_t *)text;
    s.avail_in = (unsigned)n;
    s.next_out = packed;
    s.avail_out = (unsigned)capacity;
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    made_member m = {.name = "text",
                     .packed = packed,
                     .packed_bytes = s.total_out,
                     .n_bytes = n,
                     .method = 8,
                     .crc = (uint32_t)crc32(0, (uint8_t *)text, (unsigned)n)};
    deflateEnd(&s);
    return m;
}

static semid_status read_only_member(const made_archive *a, char *out, size_t n_expected) {
    zip_archive z;
    const uint8_t *data;
    void *owned = NULL;
    semid_status status = zip_open_memory(&z, a->bytes, a->n, "made", &err);
    if (status != SEMID_OK) return status;
    status = zip_read(&z, &z.members[0], &data, &owned, &err);
    if (status == SEMID_OK) {
        assert_int_equal(z.members[0].n_bytes, n_expected);
        if (n_expected) memcpy(out, data, n_expected);
    }
    mem_free(owned);
    zip_close(&z);
    return status;
}

static void deflated_members_are_unpacked(void **state) {
    (void)state;
    static char text[3000], out[3000];
    static uint8_t packed[3000];
    static made_archive a;
    static const size_t sizes[] = {0, 1, 7, 3000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        made_member m = deflated_text(text, sizes[i], packed, sizeof packed);
        make_archive(&a, &m);
        assert_ok(read_only_member(&a, out, sizes[i]));
        assert_memory_equal(out, text, sizes[i]);
    }
}

static void deflated_members_must_be_what_they_claim(void **state) {
    (void)state;
    static char text[3000], out[3000];
    static uint8_t packed[3000];
    static made_archive a;
    const made_member good = deflated_text(text, sizeof text, packed, sizeof packed);
    made_member cases[6];
    for (int i = 0; i < 6; i++) cases[i] = good;
    cases[0].n_bytes++;
    cases[1].n_bytes--;
    cases[2].packed_bytes--;
    cases[3].packed_bytes++; /* a byte after the end of the deflated data */
    cases[4].crc ^= 1;
    cases[5].n_bytes = 0;
    for (int i = 0; i < 6; i++) {
        make_archive(&a, &cases[i]);
        assert_fails(read_only_member(&a, out, good.n_bytes), SEMID_ERR_FORMAT,
                     i == 4 ? "expected checksum" : "unpacked bytes");
    }

    cases[0].n_bytes = 1100 * good.packed_bytes;
    make_archive(&a, &cases[0]);
    assert_fails(read_only_member(&a, out, 0), SEMID_ERR_FORMAT, "refused as a zip bomb");
}

static void stored_members_must_be_what_they_claim(void **state) {
    (void)state;
    static made_archive a;
    char out[8];
    made_member m = {.name = "m",
                     .packed = "abc",
                     .packed_bytes = 3,
                     .n_bytes = 3,
                     .crc = (uint32_t)crc32(0, (const uint8_t *)"abc", 3)};
    make_archive(&a, &m);
    assert_ok(read_only_member(&a, out, 3));
    assert_memory_equal(out, "abc", 3);
    m.n_bytes = 4;
    make_archive(&a, &m);
    assert_fails(read_only_member(&a, out, 4), SEMID_ERR_FORMAT, "claims 4");
    m.n_bytes = 3;
    m.crc++;
    make_archive(&a, &m);
    assert_fails(read_only_member(&a, out, 3), SEMID_ERR_FORMAT, "expected checksum");
}

/* Many names for one piece of data (Fifield's bomb), and a member that reaches into the directory.
 */
static void members_must_not_overlap(void **state) {
    (void)state;
    static made_archive a;
    zip_archive z;
    made_member m = {.name = "m", .packed = "abcd", .packed_bytes = 4, .n_bytes = 4};
    a.n = 0;
    put_local(&a, &m);
    size_t second = put_local(&a, &m), directory = a.n;
    put_entry(&a, &m, second);
    put_entry(&a, &m, 0);
    put_end(&a, directory, 2);
    assert_ok(zip_open_memory(&z, a.bytes, a.n, "made", &err));
    assert_int_equal(z.members[0].header_offset, second); /* in the order of the directory */
    zip_close(&z);

    a.n = directory;
    put_entry(&a, &m, 0);
    put_entry(&a, &m, 0);
    put_end(&a, directory, 2);
    assert_fails(zip_open_memory(&z, a.bytes, a.n, "made", &err), SEMID_ERR_FORMAT, "overlaps");

    a.n = directory;
    m.packed_bytes = 5;
    put_entry(&a, &m, second);
    put_end(&a, directory, 1);
    assert_fails(zip_open_memory(&z, a.bytes, a.n, "made", &err), SEMID_ERR_FORMAT, "overlaps");
}

static void the_head_of_a_member_is_enough(void **state) {
    (void)state;
    static char text[3000];
    static uint8_t packed[3000], head[16], all[4000];
    static made_archive a;
    zip_archive z;
    size_t n;
    made_member m = deflated_text(text, sizeof text, packed, sizeof packed);
    packed[m.packed_bytes - 1] ^= 0xff; /* the end is not looked at */
    make_archive(&a, &m);
    assert_ok(zip_open_memory(&z, a.bytes, a.n, "made", &err));
    assert_ok(zip_read_head(&z, &z.members[0], head, sizeof head, &n, &err));
    assert_int_equal(n, sizeof head);
    assert_memory_equal(head, text, sizeof head);
    assert_fails(zip_read_head(&z, &z.members[0], all, sizeof all, &n, &err), SEMID_ERR_FORMAT,
                 "unpacked bytes");
    zip_close(&z);

    m = (made_member){.name = "m", .packed = "abc", .packed_bytes = 3, .n_bytes = 3};
    make_archive(&a, &m);
    assert_ok(zip_open_memory(&z, a.bytes, a.n, "made", &err));
    assert_ok(zip_read_head(&z, &z.members[0], head, sizeof head, &n, &err));
    assert_int_equal(n, 3);
    assert_memory_equal(head, "abc", 3);
    zip_close(&z);
}

static void failed_allocations_leak_nothing(void **state) {
    (void)state;
    static char text[3000], out[3000];
    static uint8_t packed[3000];
    static made_archive a;
    made_member m = deflated_text(text, sizeof text, packed, sizeof packed);
    make_archive(&a, &m);
    for (long n = 1;; n++) {
        mem_fail_after(n);
        semid_status status = read_only_member(&a, out, sizeof text);
        mem_fail_after(0);
        if (status == SEMID_OK) break;
        assert_int_equal(status, SEMID_ERR_NO_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deflated_members_are_unpacked),
        cmocka_unit_test(deflated_members_must_be_what_they_claim),
        cmocka_unit_test(stored_members_must_be_what_they_claim),
        cmocka_unit_test(members_must_not_overlap),
        cmocka_unit_test(the_head_of_a_member_is_enough),
        cmocka_unit_test(failed_allocations_leak_nothing),
    };
    return cmocka_run_group_tests_name("zip_read", tests, NULL, NULL);
}
