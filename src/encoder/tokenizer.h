/* encoder/tokenizer.h - text to token ids, exactly as Hugging Face's library `tokenizers` does it:
 * WordPiece (BERT, MPNet), byte-level BPE (RoBERTa) and Unigram (XLM-RoBERTa). */
#ifndef ENCODER_TOKENIZER_H
#define ENCODER_TOKENIZER_H

#include "encoder/token_ids.h"

#include <stddef.h>
#include <stdint.h>

typedef struct tokenizer tokenizer;

/* Reads tokenizer.json, else vocab.txt or vocab.json and merges.txt (+ tokenizer_config.json), from
 * a model folder. Its padding and truncation are ignored. SEMID_ERR_UNSUPPORTED names what is not
 * supported, SEMID_ERR_FORMAT what is wrong. */
semid_status tokenizer_open(tokenizer **out, const char *model_dir, semid_error *err);

/* The same from what was read already; checks that it all fits together. Takes the lists of ids
 * around a text over from the spec (tokenizer_spec.h). */
struct tokenizer_spec;
semid_status tokenizer_from_spec(tokenizer **out, struct tokenizer_spec *spec, semid_error *err);

void tokenizer_close(tokenizer *t);

/* text: n_bytes of UTF-8 (invalid bytes become U+FFFD). max_len counts what is put around a text,
 * such as [CLS] and [SEP]; 0: no truncation; a max_len that has no room for them is
 * SEMID_ERR_ARGUMENT. Replaces the contents of `out`. Callable from several threads. */
semid_status tokenizer_encode(const tokenizer *t, const char *text, size_t n_bytes, size_t max_len,
                              token_ids *out, semid_error *err);

/* The token of an id, NUL-terminated, or NULL if there is none. */
const char *tokenizer_token(const tokenizer *t, int32_t id);
/* How many ids go before and after every text. */
size_t tokenizer_n_before(const tokenizer *t);
size_t tokenizer_n_after(const tokenizer *t);
/* The highest id + 1. */
size_t tokenizer_vocab_size(const tokenizer *t);

#endif
