/* sample/sample.h - a made-up catalogue in the raw schema of Amazon Reviews 2023. */
#ifndef SAMPLE_SAMPLE_H
#define SAMPLE_SAMPLE_H

#include "pipeline/step.h"

typedef struct sample_params {
    const char *out;      /* folder: reviews.jsonl, meta.jsonl */
    int64_t items, users; /* users 0: two per item */
    int64_t bad_lines;    /* malformed ones, in each of the two files */
} sample_params;

/*
 * Writes out/reviews.jsonl and out/meta.jsonl. Every item and every user is a function of the seed
 * and its number alone: memory does not grow with their count, and the same seed gives the same
 * bytes. Items come in product lines (same brand, material and text, different sizes); users walk
 * from line to neighbouring line, so that a history predicts what comes next.
 */
semid_status step_sample(const sample_params *p, const step_context *ctx, json_t **report,
                         semid_error *err);

#endif
