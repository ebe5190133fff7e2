/* Any bytes as a tokenizer.json: refused, or a tokenizer that works. */
#include "encoder/tokenizer.h"
#include "encoder/tokenizer_spec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char text[] = "The caf\xc3\xa9, unaffable [SEP] x\xe4\xb8\xad\xff a<L> b";
    semid_error err = {0};
    tokenizer_spec spec = {0};
    tokenizer *t = NULL;
    token_ids ids = {0};
    if (tokenizer_spec_read_json(&spec, (const char *)data, n, &err) == SEMID_OK &&
        tokenizer_from_spec(&t, &spec, &err) == SEMID_OK) {
        if (tokenizer_encode(t, text, sizeof text - 1, 0, &ids, &err) != SEMID_OK) abort();
        for (size_t i = 0; i < ids.n_ids; i++)
            if (!tokenizer_token(t, ids.ids[i])) abort();
    } else if (err.status == SEMID_OK || !err.message[0]) {
        abort();
    }
    token_ids_release(&ids);
    tokenizer_close(t);
    tokenizer_spec_release(&spec);
    return 0;
}
