#include "encoder/token_ids.h"

#include "base/memory.h"

#include <string.h>

/* One object per thread serves text after text, so that encoding allocates nothing once the longest
 * text has been seen. The tokenizers write ids directly where they know an upper bound; this is the
 * way for everything else. */

semid_status token_ids_append(token_ids *out, const int32_t *ids, size_t n_ids, semid_error *err) {
    TRY(mem_reserve(&out->ids, &out->capacity, out->n_ids + n_ids, sizeof *out->ids, err));
    if (n_ids) memcpy(out->ids + out->n_ids, ids, n_ids * sizeof *ids);
    out->n_ids += n_ids;
    return SEMID_OK;
}

void token_ids_release(token_ids *ids) {
    mem_free(ids->ids);
    mem_free(ids->workspace);
    *ids = (token_ids){0};
}
