#include "formats/pickle.h"

#include "base/memory.h"
#include "support/support.h"

#include <string.h>

static semid_error err;

static pickle parse(const char *bytes, size_t n) {
    pickle p;
    assert_ok(pickle_parse(&p, (const uint8_t *)bytes, n, "test", &err));
    return p;
}
#define PARSE(bytes) parse(bytes, sizeof bytes - 1)

static void refuse(const char *bytes, size_t n, const char *part) {
    pickle p;
    assert_fails(pickle_parse(&p, (const uint8_t *)bytes, n, "test", &err), SEMID_ERR_FORMAT, part);
}
#define REFUSE(bytes, part) refuse(bytes, sizeof bytes - 1, part)

static int64_t integer(const pickle_value *v) {
    assert_true(v && v->kind == PICKLE_INT);
    return v->as.integer;
}

static void numbers_are_read(void **state) {
    (void)state;
    static const int64_t expected[] = {200, 65535, -2, 0, -1, 128, INT64_MIN};
    pickle p = PARSE("\x80\x02(K\xc8M\xff\xffJ\xfe\xff\xff\xff\x8a\x00\x8a\x01\xff\x8a\x02\x80\x00"
                     "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80t.");
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(integer(pickle_item(&p, pickle_root(&p), i)), expected[i]);
    assert_null(pickle_item(&p, pickle_root(&p), 7));
    assert_int_equal(p.n_bytes, 34);
    pickle_release(&p);
    p = PARSE("G\xbf\xe0\x00\x00\x00\x00\x00\x00.");
    assert_true(pickle_root(&p)->kind == PICKLE_FLOAT && pickle_root(&p)->as.real == -0.5);
    pickle_release(&p);
}

static void containers_are_built(void **state) {
    (void)state;
    /* {"a": [1, 2, 3], "b": (None, True), "a": 7}: the last value of a key counts */
    pickle p = PARSE("}(X\1\0\0\0a](K\1K\2e"
                     "K\3aX\1\0\0\0bN\x88\x86\x8c\1aK\7u.");
    const pickle_value *root = pickle_root(&p), *pair = pickle_find(&p, root, "b");
    assert_int_equal(integer(pickle_find(&p, root, "a")), 7);
    assert_int_equal(pickle_item(&p, root, 1)->n, 3);
    assert_int_equal(integer(pickle_item(&p, pickle_item(&p, root, 1), 2)), 3);
    assert_string_equal(pickle_describe(pair), "a tuple");
    assert_null(pickle_find(&p, root, "c"));
    assert_null(pickle_find(&p, pair, "a"));
    pickle_release(&p);
    p = PARSE("(K\1K\2l0(K\1K\2d."); /* made from a mark, dropped, made again */
    assert_string_equal(pickle_describe(pickle_root(&p)), "a dict");
    pickle_release(&p);
}

static void memos_share_values_and_cycles_are_harmless(void **state) {
    (void)state;
    pickle p = PARSE("]q\0h\0a."); /* a list that holds itself */
    const pickle_value *list = pickle_root(&p);
    assert_ptr_equal(pickle_item(&p, list, 0), list);
    pickle_release(&p);
    p = PARSE("\x80\4\x8c\1a\x94h\0\x86.");
    assert_true(pickle_is_str(pickle_item(&p, pickle_root(&p), 1), "a"));
    pickle_release(&p);
    REFUSE("h\0.", "a memo place that is empty");
    REFUSE("Nr\xff\xff\xff\xff.", "a memo place far outside");
}

static void calls_are_noted_not_run(void **state) {
    (void)state;
    pickle p = PARSE("cnumpy\ndtype\nX\2\0\0\0f4\x85RK\5b.");
    const pickle_value *call = pickle_root(&p);
    assert_true(pickle_is_call(call, GLOBAL_DTYPE));
    assert_true(pickle_is_str(pickle_item(&p, pickle_item(&p, call, 0), 0), "f4"));
    assert_int_equal(integer(pickle_item(&p, call, 1)), 5);
    pickle_release(&p);
    p = PARSE("c_codecs\nencode\nX\3\0\0\0\xc3\xbf"
              "aX\6\0\0\0latin1\x86R.");
    assert_int_equal(pickle_root(&p)->kind, PICKLE_BYTES);
    assert_memory_equal(pickle_root(&p)->as.bytes,
                        "\xff"
                        "a",
                        2);
    pickle_release(&p);
    REFUSE("c_codecs\nencode\nX\3\0\0\0\xe2\x82\xacX\6\0\0\0latin1\x86R.", "not latin1");
    REFUSE("cos\nsystem\n)R.", "refused: this pickle asks for os.system");
    REFUSE("\x80\4\x8c\2os\x8c\6system\x93)R.", "asks for os.system");
    REFUSE("cbuiltins\neval\n)R.", "asks for builtins.eval");
    REFUSE("c__builtin__\ngetattr\n)R.", "asks for __builtin__.getattr");
    REFUSE("cnumpy\ndtype.x\n)R.", "asks for numpy.dtype.x");
    REFUSE("K\1)R.", "a call of what is no function");
    REFUSE("cnumpy\ndtype\nK\1R.", "a call of what is no function");
    REFUSE("cnumpy\ndtype\n)RK\1bK\1b.", "a state for what has none");
}

static void other_opcodes_are_refused(void **state) {
    (void)state;
    static const unsigned char allowed[] = "\x80\x95N\x88\x89KMJ\x8aGX\x8c\x8d"
                                           "CB\x8eUT(01])}ltd\x85\x86\x87"
                                           "aseuqr\x94hjc\x93RbQ.";
    for (int opcode = 0; opcode < 256; opcode++) {
        char bytes[] = {(char)opcode, '.'};
        pickle p;
        if (memchr(allowed, opcode, sizeof allowed - 1)) continue;
        assert_fails(pickle_parse(&p, (const uint8_t *)bytes, 2, "test", &err), SEMID_ERR_FORMAT,
                     "is not allowed");
    }
}

static void damaged_pickles_are_refused(void **state) {
    (void)state;
    REFUSE("", "truncated");
    REFUSE(".", "expected one value at the end");
    REFUSE("NN.", "expected one value at the end");
    REFUSE("(N.", "expected one value at the end");
    REFUSE("N", "truncated");
    REFUSE("a.", "values are missing");
    REFUSE("](a.", "values are missing"); /* not past a mark */
    REFUSE("]e.", "no mark");
    REFUSE("N(K\1e.", "items for what is no container");
    REFUSE("}(K\1u.", "a key without a value");
    REFUSE("X\xff\xff\xff\xff"
           "a.",
           "truncated");
    REFUSE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
           "a.",
           "truncated");
    REFUSE("\x95\xff\xff\xff\xff\xff\xff\xff\xff"
           "N.",
           "truncated");
    REFUSE("\x8a\x09\0\0\0\0\0\0\0\0\1.", "more than 64 bits");
    REFUSE("\x80\6N.", "an unknown protocol");
    REFUSE("cnumpy", "truncated");
}

/* A million lists inside each other: nothing recurses. */
static void depth_is_harmless(void **state) {
    (void)state;
    enum { DEPTH = 1000000 };
    char *bytes;
    pickle p;
    assert_ok(mem_alloc(&bytes, 2 * DEPTH, 1, &err));
    memset(bytes, ']', DEPTH);
    memset(bytes + DEPTH, 'a', DEPTH - 1);
    bytes[2 * DEPTH - 1] = '.';
    assert_ok(pickle_parse(&p, (const uint8_t *)bytes, 2 * DEPTH, "test", &err));
    assert_int_equal(p.n_values, DEPTH);
    pickle_release(&p);
    mem_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read),
        cmocka_unit_test(containers_are_built),
        cmocka_unit_test(memos_share_values_and_cycles_are_harmless),
        cmocka_unit_test(calls_are_noted_not_run),
        cmocka_unit_test(other_opcodes_are_refused),
        cmocka_unit_test(damaged_pickles_are_refused),
        cmocka_unit_test(depth_is_harmless),
    };
    return cmocka_run_group_tests_name("pickle", tests, NULL, NULL);
}
