#include "cli/options.h"
#include "pipeline/tokenize.h"

static const option options[] = {
    {.name = "in",
     .type = OPTION_PATH,
     .offset = offsetof(tokenize_params, in),
     .metavar = "FILE",
     .positional = true,
     .help = "Texts as JSON strings, a line each; without it, or -, standard input"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = offsetof(tokenize_params, model),
     .metavar = "DIR",
     .required = true,
     .help = "Hugging Face model folder with tokenizer.json, vocab.txt, or vocab.json and "
             "merges.txt"},
    {.name = "prefix",
     .type = OPTION_STRING,
     .offset = offsetof(tokenize_params, prefix),
     .metavar = "TEXT",
     .help = "Put before every text"},
    {.name = "max-len",
     .type = OPTION_INT,
     .offset = offsetof(tokenize_params, max_len),
     .metavar = "N",
     .default_value = "128",
     .min = 1,
     .max = 1e9,
     .help = "Tokens of a text at most, [CLS] and [SEP] included"},
    {.name = "truncate",
     .type = OPTION_FLAG,
     .offset = offsetof(tokenize_params, truncate),
     .default_value = "true",
     .help = "Cut texts at --max-len"},
    {.name = "tokens",
     .type = OPTION_FLAG,
     .offset = offsetof(tokenize_params, tokens),
     .help = "Print the tokens themselves instead of their ids"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    tokenize_params p = *(const tokenize_params *)params;
    json_t *figures = NULL; /* standard output is the tokens' */
    p.out = stdout;
    (void)report;
    semid_status status = step_tokenize(&p, ctx, &figures, err);
    json_decref(figures);
    return status;
}

const command cmd_tokenize = {
    .name = "tokenize",
    .summary = "Turn texts into token ids",
    .description = "Prints the token ids of every text as a JSON array on a line of its own, as "
                   "`embed` uses them: equal to those of Hugging Face's `tokenizers` for WordPiece "
                   "(BERT, MPNet), byte-level BPE (RoBERTa) and Unigram (XLM-RoBERTa). The file's "
                   "own padding and "
                   "truncation settings do not count.",
    .examples = "semid tokenize --model models/all-MiniLM-L6-v2 --in texts.jsonl\n"
                "echo '\"a blue kettle\"' | semid tokenize --model models/all-MiniLM-L6-v2 "
                "--tokens",
    .options = options,
    .params_size = sizeof(tokenize_params),
    .run = run};
