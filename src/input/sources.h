/* input/sources.h - the vectors of a step: one file, or several side by side (--concat). */
#ifndef INPUT_SOURCES_H
#define INPUT_SOURCES_H

#include "base/string_list.h"
#include "base/tristate.h"
#include "formats/embeddings.h"

#include <jansson.h>

typedef struct source_params {
    string_list concat;  /* files beside the first */
    string_list weights; /* one for each file, the first included; none: those noted, else 1 */
    int normalize;       /* tristate: rows of each file to length 1; unset: as noted, else yes */
} source_params;

/* Opens `in` with the files of p->concat beside it. If the rows are of length 1 each, weights are
 * divided by the root of their squares' sum, so that so are the rows side by side.
 *
 * codebooks: where codebooks.npz lies (or NULL); what `train` noted in the metrics.json beside it
 * must fit: as many files, of the same dimensions, weights and normalisation in so far as they are
 * given.
 *
 * *layout, unless `layout` is NULL: what there is to note, or JSON null for one file. */
semid_status sources_open(embeddings **out, json_t **layout, const char *in,
                          const source_params *params, const char *codebooks, semid_error *err);

/* Whether vectors of this layout are what the codebooks in another place were trained on. */
semid_status sources_check(const json_t *layout, const char *codebooks, semid_error *err);

#endif
