/* pipeline/eval_report.h - the figures of `eval` as JSON, and its CSV files. */
#ifndef PIPELINE_EVAL_REPORT_H
#define PIPELINE_EVAL_REPORT_H

#include "base/file.h"
#include "eval/metrics.h"
#include "eval/protocol.h"

#include <jansson.h>

typedef struct eval_topk {
    uint32_t k[METRICS_MAX_TOPK];
    size_t n;
} eval_topk;

/* One row of the table: the reference's columns first, then ours. */
semid_status eval_method_json(json_t **out, const char *name, const protocol *p,
                              const method_result *result, const eval_topk *topk,
                              uint64_t index_bytes, const char *query_space, semid_error *err);

/* The ceiling: the whole catalogue searched for every row. */
semid_status eval_ceiling_json(json_t **out, const protocol *p, const eval_topk *topk,
                               semid_error *err);

/* The rows of a table that all have the same keys. */
semid_status eval_table_save(const json_t *rows, const char *path, semid_error *err);

/* --rows: method, user, item, query_code, n_cand, rank (from 1; empty beyond the largest k). */
void eval_rows_begin(file_out *f);
void eval_rows_write(file_out *f, const char *method, const protocol *p,
                     const method_result *result, const ids *users);

#endif
