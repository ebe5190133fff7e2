/* encoder/bert.h - the forward pass of the BERT family over packed sequences: the tokens of several
 * texts follow each other, without padding that would have to be computed. The vector of a text
 * depends on that text alone, to the last bit. */
#ifndef ENCODER_BERT_H
#define ENCODER_BERT_H

#include "encoder/text_model.h"

#include <stdint.h>

typedef struct packed_texts {
    size_t n_texts;
    const size_t *starts; /* [n_texts + 1] into tokens */
    const int32_t *tokens;
} packed_texts;

/* Buffers of all workers, allocated once for texts of at most max_len tokens. */
typedef struct bert_workspace bert_workspace;
semid_status bert_workspace_new(bert_workspace **out, const text_model *m, size_t max_len,
                                semid_error *err);
void bert_workspace_free(bert_workspace *w);

/* out [n_texts, hidden]. Texts have 1 to max_len tokens. SEMID_ERR_DATA for a token that the model
 * has no vector for. */
semid_status bert_embed(const text_model *m, bert_workspace *w, const packed_texts *texts,
                        pooling pool, bool normalize, float *out, semid_error *err);

#endif
