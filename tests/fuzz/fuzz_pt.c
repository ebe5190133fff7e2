/* Any bytes: either refused, or every element and id can be read. */
#include "formats/pt.h"

#include "base/memory.h"
#include "fuzz_input.h"

static void load(const char *path) {
    embeddings_source source = {0};
    ids list = {0};
    if (pt_open(&source, path, NULL, NULL) == SEMID_OK) fuzz_read_matrix(&source.matrix);
    ids_release(&source.list);
    mem_free(source.owned);
    file_map_close(&source.map);
    (void)pt_load_ids(&list, path, NULL);
    ids_release(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    fuzz_zip(data, n, load);
    return 0;
}
