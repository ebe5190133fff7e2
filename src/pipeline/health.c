#include "pipeline/health.h"

#include "base/json_report.h"

#include <math.h>

/* semid/quality.h says what the figures mean; here they only get their names. Programs read them,
 * and records of earlier runs hold them: a name that was once given stays. Errors that overflow, or
 * that nobody measured, are null, because JSON has no infinities. */

json_t *health_figure(double v) {
    return isfinite(v) ? json_real(v) : json_null();
}

semid_status health_add(json_t *report, const semid_quality *quality, semid_error *err) {
    TRY(json_set(report, "levels", json_array(), err));
    for (size_t l = 0; l < quality->n_levels; l++) {
        const semid_level_quality *q = &quality->levels[l];
        TRY(json_append(
            json_object_get(report, "levels"),
            json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "level", (json_int_t)l + 1,
                      "used", (json_int_t)q->n_used, "used_ratio", q->used_ratio, "perplexity",
                      q->perplexity, "conditional_perplexity", q->conditional_perplexity, "gini",
                      q->gini, "largest_ratio", q->largest_ratio, "mse", health_figure(q->mse),
                      "explained_ratio", health_figure(q->explained_ratio)),
            err));
    }

    /* entropy_bits_max: were all codes different */
    return json_set(
        report, "codes",
        json_pack("{s:I, s:I, s:f, s:I, s:I, s:f, s:f}", "rows", (json_int_t)quality->n_rows,
                  "unique", (json_int_t)quality->n_unique, "collision_ratio",
                  quality->collision_ratio, "sharing", (json_int_t)quality->n_sharing,
                  "largest_bucket", (json_int_t)quality->largest_bucket, "entropy_bits",
                  quality->entropy_bits, "entropy_bits_max", log2((double)quality->n_rows)),
        err);
}
