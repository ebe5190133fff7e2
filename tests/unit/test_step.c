/* Every step that is cancelled ends its progress, and writes nothing. */
#include "pipeline/step.h"

#include "base/context.h"
#include "pipeline/build_faiss.h"
#include "pipeline/encode.h"
#include "pipeline/preprocess.h"
#include "pipeline/tokenize.h"
#include "retrieval/faiss_library.h"
#include "support/support.h"
#include "train/train.h"

#include <string.h>

static semid_error err;
static semid_context *context;
static size_t n_begun, n_finished;
static const step_context ctx = {.seed = 1, .device = "cpu"};

/* The first report of a piece of work cancels it. */
static void on_progress(void *user, const semid_progress *progress) {
    (void)user;
    if (progress->finished) {
        n_finished++;
    } else if (progress->done == 0) {
        n_begun++;
        semid_context_cancel(context);
    }
}

static int make_context(void **state) {
    (void)state;
    semid_context_params params = semid_context_params_default();
    params.on_progress = on_progress;
    return semid_context_new(&context, &params, &err) != SEMID_OK;
}

static int free_context(void **state) {
    (void)state;
    semid_context_free(context);
    return 0;
}

typedef semid_status (*call_fn)(const void *params, json_t **report);

static void expect_end(call_fn call, const void *params, const char *out) {
    json_t *report = NULL;
    n_begun = n_finished = 0;
    semid_context_resume(context);
    context_scope outer = context_enter(context);
    semid_status status = call(params, &report);
    context_leave(outer);
    if (status != SEMID_ERR_INTERRUPTED) fail_msg("%d: %s", status, err.message);
    assert_null(report);
    assert_true(n_begun > 0);
    assert_int_equal(n_finished, n_begun);
    if (out) assert_false(path_exists(out));
}

static semid_status call_train(const void *params, json_t **report) {
    return step_train(params, &ctx, report, &err);
}

static semid_status call_encode(const void *params, json_t **report) {
    return step_encode(params, &ctx, report, &err);
}

static semid_status call_faiss(const void *params, json_t **report) {
    return step_build_faiss(params, &ctx, report, &err);
}

static semid_status call_tokenize(const void *params, json_t **report) {
    return step_tokenize(params, &ctx, report, &err);
}

static semid_status call_preprocess(const void *params, json_t **report) {
    return step_preprocess(params, &ctx, report, &err);
}

static train_params training(const char *out) {
    return (train_params){.in = golden_path("ema/x.npy"),
                          .out = out,
                          .L = 2,
                          .K = 4,
                          .iters = 2,
                          .epochs = 2,
                          .batch_size = 16,
                          .decay = 0.9,
                          .beam = 1,
                          .encode_batch_size = 16,
                          .train = true};
}

static void train_and_encode(void **state) {
    (void)state;
    json_t *report = NULL;
    train_params p = training(test_path("trained"));
    assert_ok(step_train(&p, &ctx, &report, &err));
    json_decref(report);

    p.out = test_path("new");
    expect_end(call_train, &p, test_path("new/codes.npy"));
    p.method = TRAIN_RQVAE;
    expect_end(call_train, &p, test_path("new/codes.npy"));

    char load[512];
    snprintf(load, sizeof load, "%s", test_path("trained/codebooks.npz"));
    encode_params e = {
        .load = load, .in = p.in, .out = test_path("new.npy"), .batch_size = 10, .beam = 1};
    expect_end(call_encode, &e, e.out);
    e.balance = true;
    expect_end(call_encode, &e, e.out);
}

static void build_faiss(void **state) {
    (void)state;
    const faiss_bridge *unused;
    if (faiss_library_load(&unused, &err) != SEMID_OK) skip(); /* built without FAISS */
    build_faiss_params p = {.emb = golden_path("eval/emb.npy"),
                            .ids = golden_path("eval/ids.npy"),
                            .outdir = test_path("faiss"),
                            .factory = "Flat"};
    expect_end(call_faiss, &p, test_path("faiss/index.faiss"));
}

static void tokenize(void **state) {
    (void)state;
    static const char text[] = "\"a\"\n\"b\"\n";
    test_write_file(test_path("texts"), text, strlen(text));
    tokenize_params p = {
        .model = golden_path("bert/gelu"), .in = test_path("texts"), .out = stderr};
    expect_end(call_tokenize, &p, NULL);
}

static void preprocess(void **state) {
    (void)state;
    preprocess_params p = {.reviews = golden_path("preprocess/raw/reviews_a.jsonl"),
                           .meta = golden_path("preprocess/raw/meta.jsonl"),
                           .out = test_path("data")};
    expect_end(call_preprocess, &p, test_path("data"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(train_and_encode),
        cmocka_unit_test(build_faiss),
        cmocka_unit_test(tokenize),
        cmocka_unit_test(preprocess),
    };
    return cmocka_run_group_tests_name("step", tests, make_context, free_context);
}
