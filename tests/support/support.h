/* tests/support/support.h - what the tests share: cmocka, temporary folders, skipping. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "semid/context.h"

#include <stdbool.h>

/* A fresh folder for this process, removed at exit. */
const char *test_dir(void);
/* A path inside it; valid until the 16th next call. */
const char *test_path(const char *name);
void test_write_file(const char *path, const void *data, size_t n_bytes);
/* The rows of a SELECT as a file of test_dir(), by its extension: parquet, csv, jsonl. */
void test_write_table(const char *name, const char *select);

/* tests/golden/<name>, or the same in ../shared or .deps. */
const char *golden_path(const char *name);
const char *shared_path(const char *name);
const char *deps_path(const char *name);

/* Print why and skip the running test (cmocka) when `path` is not there. */
void skip_without(const char *path);

/* A context that is cancelled from the start, and what the work in it reports. The caller's. */
typedef struct test_progress {
    int n_begun, n_open; /* begun and not ended */
} test_progress;
semid_context *test_cancelled_context(test_progress *seen);

/* The call must succeed / must fail with this status and a message that contains `part`. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != SEMID_OK) fail_msg("%s: %s", #call, err.message);                            \
    } while (0)
#define assert_fails(call, expected, part)                                                         \
    do {                                                                                           \
        assert_int_equal((call), (expected));                                                      \
        if (!strstr(err.message, (part)))                                                          \
            fail_msg("expected \"%s\" in \"%s\"", (part), err.message);                            \
    } while (0)

#endif
