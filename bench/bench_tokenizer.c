/* Texts to token ids: bench_tokenizer MODEL_DIR FILE, a text a line. One thread. */
#include "bench/bench.h"
#include "encoder/tokenizer.h"
#include "formats/ids_file.h"

#include <stdio.h>

typedef struct work {
    tokenizer *tokenizer;
    ids texts;
    token_ids tokens;
} work;

static void run_tokenizer(void *user) {
    work *w = user;
    semid_error err;
    for (size_t i = 0; i < w->texts.n_ids; i++) {
        size_t n_bytes;
        const char *text = ids_get(&w->texts, i, &n_bytes);
        bench_must(tokenizer_encode(w->tokenizer, text, n_bytes, 0, &w->tokens, &err), &err);
    }
}

int main(int argc, char **argv) {
    bench_options options = bench_begin("tokenizer", "MODEL_DIR FILE.txt", argc, argv);
    if (options.n_args != 2) {
        fprintf(stderr, "usage: bench_tokenizer MODEL_DIR FILE.txt\n");
        return 2;
    }
    semid_error err;
    work w = {0};
    bench_must(tokenizer_open(&w.tokenizer, options.args[0], &err), &err);
    bench_must(ids_load(&w.texts, options.args[1], &err), &err);
    bench_case c = {"whole texts", (double)w.texts.n_bytes, "byte", run_tokenizer, &w};
    bench_cases(&options, &c, 1);
    token_ids_release(&w.tokens);
    ids_release(&w.texts);
    tokenizer_close(w.tokenizer);
    return 0;
}
