/* The only command whose standard output is not a report: it is the token ids, so the report of the
 * step is dropped. For comparing tokenizers: tests/golden/make_tokens.py does.
 */
#include "cli/options.h"
#include "pipeline/tokenize.h"

static const option options[] = {
    {.name = "in",
     .type = OPTION_PATH,
     .offset = offsetof(tokenize_params, in),
     .metavar = "FILE",
     .file = FILE_READ,
     .positional = true,
     .help = "Texts as JSON strings, one per line; - is standard input",
     .unset = "standard input"},
    {.name = "model",
     .type = OPTION_PATH,
     .offset = offsetof(tokenize_params, model),
     .metavar = "DIR",
     .file = FILE_READ,
     .required = true,
     .help =
         "Hugging Face model folder with tokenizer.json, vocab.txt, or vocab.json and merges.txt"},
    {.name = "prefix",
     .type = OPTION_STRING,
     .offset = offsetof(tokenize_params, prefix),
     .metavar = "TEXT",
     .help = "Put this before every text"},
    {.name = "max-len",
     .type = OPTION_INT,
     .offset = offsetof(tokenize_params, max_len),
     .metavar = "N",
     .default_value = "128",
     .min = 1,
     .max = 1e9,
     .help = "Maximum number of tokens per text, with [CLS] and [SEP]"},
    {.name = "truncate",
     .type = OPTION_FLAG,
     .offset = offsetof(tokenize_params, truncate),
     .default_value = "true",
     .help = "Cut texts to --max-len tokens"},
    {.name = "tokens",
     .type = OPTION_FLAG,
     .offset = offsetof(tokenize_params, tokens),
     .help = "Print the tokens themselves instead of their ids"},
    {0}};

static semid_status run(const void *params, const step_context *ctx, json_t **report,
                        semid_error *err) {
    tokenize_params p = *(const tokenize_params *)params;
    json_t *figures = NULL;
    (void)report;
    p.out = stdout;
    semid_status status = step_tokenize(&p, ctx, &figures, err);
    json_decref(figures);
    return status;
}

const command cmd_tokenize = {
    .name = "tokenize",
    .summary = "Turn texts into token ids",
    .description = "Prints the token ids of each text, as `embed` uses them, as one JSON array per "
                   "line. They equal those of Hugging Face's `tokenizers` for WordPiece (BERT, "
                   "MPNet), byte-level BPE (RoBERTa) and Unigram (XLM-RoBERTa). The padding and "
                   "truncation settings of the tokenizer's file are ignored.",
    .examples = "semid tokenize --model models/all-MiniLM-L6-v2 --in texts.jsonl\n"
                "echo '\"a blue kettle\"' | semid tokenize --model models/all-MiniLM-L6-v2 "
                "--tokens",
    .options = options,
    .params_size = sizeof(tokenize_params),
    .run = run};
