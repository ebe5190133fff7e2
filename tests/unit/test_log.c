/* Messages and progress go to the sink that is installed, and nowhere without one. */
#include "base/log.h"
#include "support/support.h"

#include <string.h>
#include <unistd.h>

static char last_line[4096];
static semid_log_level last_level;
static semid_progress last_state;
static int n_messages, n_reports;

static void take_message(void *user, semid_log_level level, const char *line) {
    assert_ptr_equal(user, &n_messages);
    snprintf(last_line, sizeof last_line, "%s", line);
    last_level = level;
    n_messages++;
}

static void take_progress(void *user, const semid_progress *state) {
    assert_ptr_equal(user, &n_messages);
    last_state = *state;
    n_reports++;
}

static int install(void **state) {
    (void)state;
    context_set_sink((log_sink){take_message, take_progress, &n_messages});
    n_messages = n_reports = 0;
    return 0;
}

static int uninstall(void **state) {
    (void)state;
    context_set_sink((log_sink){0});
    return 0;
}

static void messages_reach_the_sink(void **state) {
    (void)state;
    static char text[3000];
    log_warn("%s: %d rows", "x.npy", 3);
    assert_string_equal(last_line, "x.npy: 3 rows");
    assert_int_equal(last_level, SEMID_LOG_WARNING);
    log_info("note");
    assert_int_equal(last_level, SEMID_LOG_INFO);
    log_debug("more");
    assert_int_equal(last_level, SEMID_LOG_DEBUG);
    memset(text, 'a', sizeof text - 1);
    log_info("%s", text); /* cut, not overrun */
    assert_in_range(strlen(last_line), 1000, sizeof text - 2);
    assert_int_equal(n_messages, 4);
}

static void progress_is_told_at_begin_end_and_now_and_then(void **state) {
    (void)state;
    progress p;
    progress_begin(&p, "embed", "texts", 2000);
    assert_int_equal(n_reports, 1);
    assert_int_equal(last_state.total, 2000);
    for (int i = 0; i < 1000; i++) progress_add(&p, 1);
    assert_true(n_reports < 500); /* that was no second */
    usleep(150000);
    int before = n_reports;
    progress_add(&p, 1);
    assert_int_equal(n_reports, before + 1);
    assert_int_equal(last_state.done, 1001);
    assert_true(last_state.elapsed_s >= 0.15);
    assert_false(last_state.finished);
    progress_end(&p);
    assert_true(last_state.finished);
    assert_string_equal(last_state.label, "embed");
}

static void without_a_sink_they_vanish(void **state) {
    (void)state;
    progress p;
    context_set_sink((log_sink){0});
    log_warn("nobody hears this");
    progress_begin(&p, "a", "b", 1);
    progress_add(&p, 1);
    progress_end(&p);
    assert_int_equal(n_messages + n_reports, 0);
}

static void an_interruption_stays(void **state) {
    (void)state;
    assert_false(interrupted());
    interrupt_request();
    assert_true(interrupted());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_reach_the_sink, install, uninstall),
        cmocka_unit_test_setup_teardown(progress_is_told_at_begin_end_and_now_and_then, install,
                                        uninstall),
        cmocka_unit_test_setup_teardown(without_a_sink_they_vanish, install, uninstall),
        cmocka_unit_test(an_interruption_stays),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
