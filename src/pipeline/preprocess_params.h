/* pipeline/preprocess_params.h - what `semid preprocess` is asked for. */
#ifndef PIPELINE_PREPROCESS_PARAMS_H
#define PIPELINE_PREPROCESS_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum preprocess_split { PREPROCESS_LAST_OUT, PREPROCESS_TIME } preprocess_split;
typedef enum preprocess_dedup {
    PREPROCESS_DEDUP_FIRST,
    PREPROCESS_DEDUP_LAST,
    PREPROCESS_DEDUP_NONE
} preprocess_dedup;

/* The order of the work: min_rating; stable sort by timestamp; dedup of (user, item); k-core to its
 * fixpoint; split. Split files are taken as they are: none of these applies to them. */
typedef struct preprocess_params {
    const char *reviews;                          /* files, folder or glob of raw reviews, or ... */
    const char *train_csv, *valid_csv, *test_csv; /* ... the official splits, all three */
    const char *meta;
    const char *out;   /* folder */
    int64_t core;      /* 0, 1: no filter */
    double min_rating; /* 0: off */
    int split;         /* preprocess_split */
    double valid_frac, test_frac;
    int64_t valid_ts, test_ts; /* both 0: the fractions decide */
    int dedup;                 /* preprocess_dedup */
    bool strict;
    uint64_t memory_limit; /* bytes; 0: most of the memory of the machine */
} preprocess_params;

#endif
