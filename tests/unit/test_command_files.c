#include "cli/command_files.h"
#include "cli/commands.h"
#include "pipeline/embed.h"
#include "pipeline/eval.h"
#include "support/support.h"
#include "train/train.h"

#include <string.h>

static semid_error err;

/* Both lists as "a b | c d". */
static const char *files_of(const command *cmd, const void *params) {
    static char text[2048];
    command_files files;
    assert_ok(command_files_collect(&files, cmd, params, &err));
    const string_list *lists[] = {&files.reads, &files.writes};
    text[0] = '\0';
    for (size_t l = 0; l < 2; l++) {
        if (l) strcat(text, " |");
        for (size_t i = 0; i < lists[l]->n_items; i++) {
            strcat(text, *text ? " " : "");
            strcat(text, lists[l]->items[i]);
        }
    }
    command_files_release(&files);
    return text;
}

static void every_path_is_marked_as_read_or_written(void **state) {
    (void)state;
    for (const command *const *c = all_commands; *c; c++)
        for (const option *o = (*c)->options; o->name; o++) {
            if (o->type == OPTION_PATH && o->file == FILE_NONE)
                fail_msg("%s --%s: a path without a mark", (*c)->name, o->name);
            if (o->file != FILE_NONE && o->type != OPTION_PATH && o->type != OPTION_LIST)
                fail_msg("%s --%s: a mark at what is no path", (*c)->name, o->name);
            if (o->type == OPTION_TRISTATE && !o->unset)
                fail_msg("%s --%s: a tristate that does not say what it is when unset", (*c)->name,
                         o->name);
        }
}

static void options_and_folders_give_the_files(void **state) {
    (void)state;
    char named[512], expected[600];
    const char *file = test_path("z.pt");
    test_write_file(file, "x", 1);
    snprintf(named, sizeof named, "%s:emb", file); /* FILE:NAME of a file that exists */
    snprintf(expected, sizeof expected,
             "%s y.npy | out/codebooks.npz out/codes.npy out/metrics.json", file);
    train_params p = {.in = named, .out = "out"};
    assert_ok(string_list_add(&p.concat.files, "y.npy", &err));
    assert_string_equal(files_of(&cmd_train, &p), expected);
    p.in = "x.npz";
    assert_string_equal(files_of(&cmd_train, &p),
                        "x.npz y.npy | out/codebooks.npz out/codes.npy out/metrics.json");
    assert_null(cmd_train.resume_flag(&p));

    assert_ok(string_list_add(&p.hidden, "16", &err));
    p.load = "old/codebooks.npz";
    assert_string_equal(files_of(&cmd_train, &p),
                        "x.npz y.npy old/codebooks.npz | out/codebooks.npz out/codes.npy "
                        "out/metrics.json out/model.safetensors");
    assert_ptr_equal(cmd_train.resume_flag(&p), &p.resume);
    options_release(cmd_train.options, &p);
}

static void files_beside_others_are_listed(void **state) {
    (void)state;
    embed_params e = {.data = "items.parquet", .model = "none", .out = "a/X.pt"};
    assert_string_equal(files_of(&cmd_embed, &e), "items.parquet none | a/X.pt a/X.ids.npy");

    eval_params v = {.train = "t",
                     .test = "u",
                     .items_emb = "e.npy",
                     .outputs_dir = "o",
                     .out = "r.csv",
                     .rows = "rows.csv"};
    assert_ok(string_list_add(&v.methods, "rq", &err));
    assert_string_equal(files_of(&cmd_eval, &v),
                        "t u e.npy o/rq/codebooks.npz o/rq/metrics.json o/rq/items.parquet "
                        "o/rq/inverted.sid | r.csv rows.csv r.json");
    options_release(cmd_eval.options, &v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_is_marked_as_read_or_written),
        cmocka_unit_test(options_and_folders_give_the_files),
        cmocka_unit_test(files_beside_others_are_listed),
    };
    return cmocka_run_group_tests_name("command_files", tests, NULL, NULL);
}
