/* encoder/token_ids.h - the tokens of one text, as the tokenizers append them. */
#ifndef ENCODER_TOKEN_IDS_H
#define ENCODER_TOKEN_IDS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Starts zeroed, grows as needed and is reused between texts. */
typedef struct token_ids {
    int32_t *ids; /* [n_ids] */
    size_t n_ids, capacity;
    void *workspace; /* what the work on a word or a text takes */
    size_t workspace_bytes;
} token_ids;

semid_status token_ids_append(token_ids *out, const int32_t *ids, size_t n_ids, semid_error *err);
void token_ids_release(token_ids *ids);

#endif
