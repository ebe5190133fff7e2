#include "base/context.h"
#include "base/memory.h"
#include "sample/sample.h"
#include "support/support.h"

#include <jansson.h>
#include <string.h>

static semid_error err;

/* Write a sample into test_dir()/name; its two files as text. */
static void make(const char *name, const sample_params *given, uint64_t seed, char **reviews,
                 char **meta) {
    char path[512];
    json_t *report = NULL;
    sample_params p = *given;
    p.out = test_path(name);
    step_context ctx = {.seed = seed};
    assert_ok(step_sample(&p, &ctx, &report, &err));
    json_decref(report);
    snprintf(path, sizeof path, "%s/reviews.jsonl", p.out);
    assert_ok(file_read_all(path, (size_t)1 << 30, reviews, NULL, &err));
    snprintf(path, sizeof path, "%s/meta.jsonl", p.out);
    assert_ok(file_read_all(path, (size_t)1 << 30, meta, NULL, &err));
}

typedef struct line_counts {
    size_t good, bad, with_title, without_price, empty_description;
} line_counts;

static line_counts count_lines(char *text, const char *id_key) {
    line_counts n = {0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *record = json_loads(line, 0, NULL);
        if (!record) {
            n.bad++;
            continue;
        }
        n.good++;
        assert_true(json_is_string(json_object_get(record, id_key)));
        n.with_title += json_object_get(record, "title") != NULL;
        n.without_price += json_is_null(json_object_get(record, "price"));
        n.empty_description += json_array_size(json_object_get(record, "description")) == 0;
        json_decref(record);
    }
    return n;
}

static void every_line_is_json_but_the_bad_ones(void **state) {
    (void)state;
    char *reviews, *meta;
    make("lines", &(sample_params){.items = 2000, .users = 500, .bad_lines = 7}, 42, &reviews,
         &meta);
    line_counts m = count_lines(meta, "parent_asin"), v = count_lines(reviews, "user_id");
    assert_int_equal(m.bad, 7);
    assert_int_equal(v.bad, 7);
    assert_in_range(m.good, 1970, 2030);
    assert_in_range(v.good, 500 * 7, 500 * 12);
    assert_in_range(m.good - m.with_title, 1, 40);
    assert_in_range(m.without_price, 200, 400);
    assert_in_range(m.empty_description, 150, 350);
    mem_free(reviews);
    mem_free(meta);
}

static void a_seed_gives_the_same_bytes(void **state) {
    (void)state;
    const sample_params p = {.items = 300, .bad_lines = 1};
    char *reviews[3], *meta[3];
    make("a", &p, 7, &reviews[0], &meta[0]);
    make("b", &p, 7, &reviews[1], &meta[1]);
    make("c", &p, 8, &reviews[2], &meta[2]);
    assert_string_equal(reviews[0], reviews[1]);
    assert_string_equal(meta[0], meta[1]);
    assert_string_not_equal(reviews[0], reviews[2]);
    assert_string_not_equal(meta[0], meta[2]);
    for (int i = 0; i < 3; i++) {
        mem_free(reviews[i]);
        mem_free(meta[i]);
    }
}

static void items_have_ids_of_their_own(void **state) {
    (void)state;
    char *reviews, *meta;
    make("ids", &(sample_params){.items = 3000, .users = 1}, 1, &reviews, &meta);
    json_t *seen = json_object();
    for (char *at = meta; (at = strstr(at, "\"parent_asin\": \"")); at++) {
        char id[16];
        assert_int_equal(sscanf(at, "\"parent_asin\": \"%10s", id), 1);
        json_object_set_new(seen, id, json_true());
    }
    assert_in_range(json_object_size(seen), 2960, 3000);
    json_decref(seen);
    mem_free(reviews);
    mem_free(meta);
}

/* ---- progress ---- */

static void progress_ends_when_writing_fails(void **state) {
    (void)state;
    test_progress shown;
    semid_context *context = test_cancelled_context(&shown);
    context_scope outer = context_enter(context);
    json_t *report = NULL;
    const sample_params p = {.out = test_path("cancelled"), .items = 100};
    const step_context ctx = {.seed = 1};
    assert_fails(step_sample(&p, &ctx, &report, &err), SEMID_ERR_INTERRUPTED, "interrupted");
    assert_null(report);
    context_leave(outer);
    assert_true(shown.n_begun > 0);
    assert_int_equal(shown.n_open, 0);
    semid_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_json_but_the_bad_ones),
        cmocka_unit_test(a_seed_gives_the_same_bytes),
        cmocka_unit_test(items_have_ids_of_their_own),
        cmocka_unit_test(progress_ends_when_writing_fails),
    };
    return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
