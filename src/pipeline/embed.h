/* pipeline/embed.h - item texts to vectors. */
#ifndef PIPELINE_EMBED_H
#define PIPELINE_EMBED_H

#include "base/tristate.h"
#include "pipeline/step.h"

typedef struct embed_params {
    const char *data;  /* parquet: file, folder, glob or comma list */
    const char *model; /* folder */
    const char *out;   /* .npy, .pt or .safetensors; X.ids.npy is written beside it */
    const char *id_col, *ts_col;
    string_list text_cols;
    int64_t batch_size; /* texts that are computed and stored at once */
    int64_t max_len;    /* tokens */
    int pooling;        /* position in auto|mean|cls|pooler */
    tristate normalize;
    const char *prefix; /* NULL: as the model folder says */
    int dtype;          /* position in f32|bf16|int8 */
    bool resume;
} embed_params;

/* Finished rows are kept in OUT.partial until OUT is complete: with `resume`, those of the same
 * texts, model and options are not computed again. */
semid_status step_embed(const embed_params *params, const step_context *ctx, json_t **report,
                        semid_error *err);

#endif
