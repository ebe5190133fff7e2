/* Any bytes: either refused, or a value that ids may be looked for in. */
#include "formats/pickle.h"

#include "formats/ids_pickle.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    pickle p;
    ids list = {0};
    if (pickle_parse(&p, data, n, "fuzz", NULL) != SEMID_OK) return 0;
    const pickle_value *root = pickle_root(&p), *inner = pickle_find(&p, root, "ids");
    (void)ids_append_pickled(&list, &p, inner ? inner : root, NULL);
    ids_release(&list);
    pickle_release(&p);
    return 0;
}
