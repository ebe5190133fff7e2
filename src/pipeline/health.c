#include "pipeline/health.h"

#include <math.h>

json_t *health_figure(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *level_json(size_t number, const semid_level_quality *q) {
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "level", (json_int_t)number,
                     "used", (json_int_t)q->n_used, "used_ratio", q->used_ratio, "perplexity",
                     q->perplexity, "conditional_perplexity", q->conditional_perplexity, "gini",
                     q->gini, "largest_ratio", q->largest_ratio, "mse", health_figure(q->mse),
                     "explained_ratio", health_figure(q->explained_ratio));
}

static json_t *codes_json(const semid_quality *q) {
    return json_pack("{s:I, s:I, s:f, s:I, s:I, s:f, s:f}", "rows", (json_int_t)q->n_rows, "unique",
                     (json_int_t)q->n_unique, "collision_ratio", q->collision_ratio, "sharing",
                     (json_int_t)q->n_sharing, "largest_bucket", (json_int_t)q->largest_bucket,
                     "entropy_bits", q->entropy_bits, "entropy_bits_max", log2((double)q->n_rows));
}

semid_status health_add(json_t *report, const semid_quality *quality, semid_error *err) {
    json_t *levels = json_array();
    int failed = !levels;
    for (size_t l = 0; l < quality->n_levels; l++)
        failed |= json_array_append_new(levels, level_json(l + 1, &quality->levels[l]));
    failed |= json_object_set_new(report, "levels", levels);
    failed |= json_object_set_new(report, "codes", codes_json(quality));
    if (failed) FAIL(SEMID_ERR_NO_MEMORY, "out of memory: the health figures");
    return SEMID_OK;
}
