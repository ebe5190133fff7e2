/* input/concat.h - the vectors of a step: one file, or several side by side (--concat). */
#ifndef INPUT_CONCAT_H
#define INPUT_CONCAT_H

#include "base/string_list.h"
#include "base/tristate.h"
#include "formats/embeddings.h"

#include <jansson.h>

typedef struct concat_params {
    string_list files;   /* beside the first file */
    string_list weights; /* one per file, the first included; none: those noted, else 1 */
    int normalize;       /* tristate: rows of each file to length 1; unset: as noted, else yes */
} concat_params;

/* Opens `in` with params->files beside it. Where rows are scaled to length 1, weights are divided
 * by the square root of the sum of their squares, so that the rows side by side have length 1 too.
 *
 * codebooks: path of codebooks.npz, or NULL. What `train` noted in the metrics.json beside it must
 * fit: as many files, of the same dimensions; and the same weights and normalisation, which are
 * the default here.
 *
 * *layout, unless `layout` is NULL: what to note of the files, or JSON null for one file. */
semid_status concat_open(embeddings **out, json_t **layout, const char *in,
                         const concat_params *params, const char *codebooks, semid_error *err);

/* SEMID_ERR_DATA unless these codebooks were trained on vectors of this layout; SEMID_OK where
 * either is not known. */
semid_status concat_check(const json_t *layout, const char *codebooks, semid_error *err);

#endif
