/* Contexts: whose threads a call uses, whom it tells, how it is cancelled, and what fork() leaves.
 */
#include "base/context.h"
#include "base/log.h"
#include "base/threads.h"
#include "semid/context.h"
#include "support/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static semid_context *new_context(int n_threads) {
    semid_context_params params = semid_context_params_default();
    semid_context *context;
    semid_error err;
    params.n_threads = n_threads;
    assert_int_equal(semid_context_new(&context, &params, &err), SEMID_OK);
    return context;
}

static void bad_parameters_are_refused(void **state) {
    (void)state;
    semid_context_params params = semid_context_params_default();
    semid_context *context = NULL;
    semid_error err = {0};
    params.n_threads = -1;
    assert_int_equal(semid_context_new(&context, &params, &err), SEMID_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "n_threads: expected 0 to 1024, found -1"));
    params.n_threads = 0;
    params.reserved[7] = 1;
    assert_int_equal(semid_context_new(&context, &params, &err), SEMID_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, "reserved"));
    assert_null(context);
    semid_context_free(NULL);
}

static void entering_nests(void **state) {
    (void)state;
    semid_context *one = new_context(1), *three = new_context(3);
    int of_process = threads_get();
    context_scope outer = context_enter(one);
    assert_int_equal(threads_get(), 1);
    context_scope inner = context_enter(three);
    assert_int_equal(threads_get(), 3);
    context_scope same = context_enter(NULL); /* stays */
    assert_int_equal(threads_get(), 3);
    context_leave(same);
    context_leave(inner);
    assert_int_equal(threads_get(), 1);
    context_leave(outer);
    assert_int_equal(threads_get(), of_process);
    semid_context_free(one);
    semid_context_free(three);
}

/* ---- callbacks ---- */

typedef struct heard {
    char line[64];
    semid_log_level level;
    semid_progress last;
    pthread_t thread;
    int n_reports;
} heard;

static void hear_message(void *user, semid_log_level level, const char *line) {
    heard *h = user;
    snprintf(h->line, sizeof h->line, "%s", line);
    h->level = level;
}

static void hear_progress(void *user, const semid_progress *report) {
    heard *h = user;
    h->last = *report;
    h->thread = pthread_self();
    h->n_reports++;
}

static void messages_go_to_the_current_context(void **state) {
    (void)state;
    heard first = {0}, second = {0};
    semid_context *contexts[2];
    heard *ears[] = {&first, &second};
    for (int i = 0; i < 2; i++) {
        semid_context_params params = {
            .on_message = hear_message, .on_progress = hear_progress, .user = ears[i]};
        assert_int_equal(semid_context_new(&contexts[i], &params, NULL), SEMID_OK);
    }
    context_scope outer = context_enter(contexts[1]);
    progress bar;
    log_warn("%d rows", 5);
    progress_begin(&bar, "train", "rows", 10);
    progress_add(&bar, 10);
    progress_end(&bar);
    context_leave(outer);
    log_warn("heard by nobody");
    assert_string_equal(second.line, "5 rows");
    assert_int_equal(second.level, SEMID_LOG_WARNING);
    assert_true(second.n_reports >= 2 && second.last.finished && second.last.done == 10);
    assert_string_equal(second.last.label, "train");
    assert_true(pthread_equal(second.thread, pthread_self()));
    assert_string_equal(first.line, "");
    for (int i = 0; i < 2; i++) semid_context_free(contexts[i]);
}

/* ---- threads ---- */

typedef struct visits {
    atomic_int n_chunks, n_threads_seen;
    pthread_t caller;
} visits;

static void visit(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk, (void)begin, (void)end;
    visits *v = user;
    if (!pthread_equal(pthread_self(), v->caller)) atomic_fetch_add(&v->n_threads_seen, 1);
    atomic_fetch_add(&v->n_chunks, 1);
}

static void a_serial_context_stays_on_the_calling_thread(void **state) {
    (void)state;
    semid_context *serial = new_context(1);
    visits v = {.caller = pthread_self()};
    context_scope outer = context_enter(serial);
    for (int i = 0; i < 100; i++) parallel_chunks(64, 1, visit, &v);
    context_leave(outer);
    assert_int_equal(v.n_chunks, 6400);
    assert_int_equal(v.n_threads_seen, 0);
    semid_context_free(serial);
}

/* Holds the workers of the context until the other call is over. */
static atomic_bool other_is_done;

static void hold(void *user, size_t chunk, size_t begin, size_t end) {
    (void)user, (void)begin, (void)end;
    while (chunk == 0 && !atomic_load(&other_is_done)) usleep(100);
}

static atomic_bool is_held;

static void *hold_the_workers(void *user) {
    context_scope outer = context_enter(user);
    atomic_store(&is_held, true);
    parallel_chunks(2, 1, hold, NULL);
    context_leave(outer);
    return NULL;
}

/* Or this test would never end: the first call waits for the second. */
static void calls_in_one_context_do_not_wait_for_each_other(void **state) {
    (void)state;
    semid_context *context = new_context(2);
    pthread_t holder;
    assert_int_equal(pthread_create(&holder, NULL, hold_the_workers, context), 0);
    while (!atomic_load(&is_held)) usleep(100);
    context_scope outer = context_enter(context);
    visits v = {.caller = pthread_self()};
    for (int i = 0; i < 200; i++) parallel_chunks(64, 1, visit, &v);
    context_leave(outer);
    assert_int_equal(v.n_chunks, 200 * 64);
    atomic_store(&other_is_done, true);
    pthread_join(holder, NULL);
    semid_context_free(context);
}

static void meet(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk, (void)begin, (void)end;
    pthread_barrier_wait(user);
}

static void *meet_in_a_context(void *barrier) {
    semid_context *context = new_context(2);
    context_scope outer = context_enter(context);
    parallel_chunks(2, 1, meet, barrier);
    context_leave(outer);
    semid_context_free(context);
    return NULL;
}

/* Two chunks in each of two contexts wait for all four: each context has a worker of its own. */
static void contexts_have_workers_of_their_own(void **state) {
    (void)state;
    pthread_barrier_t barrier;
    pthread_t other;
    pthread_barrier_init(&barrier, NULL, 4);
    assert_int_equal(pthread_create(&other, NULL, meet_in_a_context, &barrier), 0);
    meet_in_a_context(&barrier);
    pthread_join(other, NULL);
    pthread_barrier_destroy(&barrier);
}

/* Inside a chunk of one context, scratch space of another has room for its own workers alone. */
static void enter_the_other(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk, (void)begin, (void)end;
    int outside = threads_worker();
    context_scope outer = context_enter(user);
    assert_int_equal(threads_worker(), 0);
    context_leave(outer);
    assert_int_equal(threads_worker(), outside);
}

static void worker_numbers_belong_to_a_context(void **state) {
    (void)state;
    semid_context *four = new_context(4), *one = new_context(1);
    context_scope outer = context_enter(four);
    for (int i = 0; i < 100; i++) parallel_chunks(32, 1, enter_the_other, one);
    context_leave(outer);
    semid_context_free(four);
    semid_context_free(one);
}

/* ---- cancellation ---- */

static void *cancel(void *context) {
    semid_context_cancel(context);
    return NULL;
}

static void a_cancelled_context_interrupts_its_calls_alone(void **state) {
    (void)state;
    semid_context *context = new_context(1);
    semid_error err;
    pthread_t other;
    context_scope outer = context_enter(context);
    assert_int_equal(check_interrupted(&err), SEMID_OK);
    assert_int_equal(pthread_create(&other, NULL, cancel, context), 0);
    pthread_join(other, NULL);
    assert_int_equal(check_interrupted(&err), SEMID_ERR_INTERRUPTED);
    assert_string_equal(err.message, "interrupted");
    context_leave(outer);
    assert_false(interrupted());
    outer = context_enter(context);
    assert_true(interrupted());
    semid_context_resume(context);
    assert_false(interrupted());
    context_leave(outer);
    semid_context_free(context);
}

/* ---- fork ---- */

static void *keep_busy(void *stop) {
    visits v = {.caller = pthread_self()};
    while (!atomic_load((atomic_bool *)stop)) parallel_chunks(64, 1, visit, &v);
    return NULL;
}

/* The child of a process whose workers are in the middle of a job works, with workers anew. */
static void children_work_on(void **state) {
    (void)state;
    enum { CHILDREN = 20, PATIENCE_S = 60 };
    atomic_bool stop = false;
    pthread_t other;
    threads_set(3);
    assert_int_equal(pthread_create(&other, NULL, keep_busy, &stop), 0);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            pthread_barrier_t barrier;
            alarm(PATIENCE_S);
            pthread_barrier_init(&barrier, NULL, 3);
            parallel_chunks(3, 1, meet, &barrier); /* needs all three threads */
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    atomic_store(&stop, true);
    pthread_join(other, NULL);
    threads_set(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_parameters_are_refused),
        cmocka_unit_test(entering_nests),
        cmocka_unit_test(messages_go_to_the_current_context),
        cmocka_unit_test(a_serial_context_stays_on_the_calling_thread),
        cmocka_unit_test(calls_in_one_context_do_not_wait_for_each_other),
        cmocka_unit_test(contexts_have_workers_of_their_own),
        cmocka_unit_test(worker_numbers_belong_to_a_context),
        cmocka_unit_test(a_cancelled_context_interrupts_its_calls_alone),
        cmocka_unit_test(children_work_on),
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
