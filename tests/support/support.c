#include "support/support.h"

#include "table/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];

static void remove_dir(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", dir);
}

const char *test_dir(void) {
    if (!dir[0]) {
        snprintf(dir, sizeof dir, "/tmp/semid-test-XXXXXX");
        if (!mkdtemp(dir)) abort();
        atexit(remove_dir);
    }
    return dir;
}

static const char *join(const char *folder, const char *name) {
    static char paths[16][512];
    static unsigned next;
    char *path = paths[next++ % 16];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

const char *test_path(const char *name) {
    return join(test_dir(), name);
}

const char *golden_path(const char *name) {
    return join(TESTS_DIR "/golden", name);
}

const char *shared_path(const char *name) {
    return join(SHARED_DIR, name);
}

const char *deps_path(const char *name) {
    return join(DEPS_DIR, name);
}

void test_write_file(const char *path, const void *data, size_t n_bytes) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n_bytes, f) != n_bytes || fclose(f) != 0)
        fail_msg("cannot write %s", path);
}

void test_write_table(const char *name, const char *select) {
    semid_error err;
    sql_db db;
    sql_text sql = {0};
    assert_ok(sql_open(&db, 0, NULL, &err));
    sql_add(&sql, "%s", select);
    assert_ok(sql_copy(&db, &sql, test_path(name), &err));
    sql_close(&db);
}

void skip_without(const char *path) {
    if (access(path, R_OK) == 0) return;
    printf("skipped: %s is not here\n", path);
    skip();
}

static void count_progress(void *user, const semid_progress *progress) {
    test_progress *seen = user;
    if (progress->finished) {
        seen->n_open--;
    } else if (progress->done == 0) {
        seen->n_begun++;
        seen->n_open++;
    }
}

semid_context *test_cancelled_context(test_progress *seen) {
    semid_error err;
    semid_context *context;
    semid_context_params params = semid_context_params_default();
    params.on_progress = count_progress;
    params.user = seen;
    *seen = (test_progress){0};
    assert_ok(semid_context_new(&context, &params, &err));
    semid_context_cancel(context);
    return context;
}
