/* pipeline/tokenize.h - texts to token ids, one text per line. */
#ifndef PIPELINE_TOKENIZE_H
#define PIPELINE_TOKENIZE_H

#include "pipeline/step.h"

#include <stdio.h>

typedef struct tokenize_params {
    const char *model;  /* folder with a tokenizer */
    const char *in;     /* JSON strings, one per line; NULL: standard input */
    const char *prefix; /* put before every text; NULL: nothing */
    int64_t max_len;
    bool truncate;
    bool tokens; /* the tokens' texts, not their ids */
    FILE *out;   /* gets a JSON array per line */
} tokenize_params;

/* Streams: memory is a few blocks of lines. Lines before a bad one are written. */
semid_status step_tokenize(const tokenize_params *params, const step_context *ctx, json_t **report,
                           semid_error *err);

#endif
