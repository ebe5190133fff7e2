#include "table/csv_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    csv_span fields[4];
    char *line = malloc(n + 1), *text = malloc(n + 1);
    memcpy(line, data, n);
    size_t n_fields = csv_scan_line(line, n, fields, 4);
    if (n_fields > n + 1) abort();
    for (size_t i = 0; i < n_fields && i < 4; i++)
        if (csv_scan_text(fields[i], text) > fields[i].n_bytes) abort();
    free(line);
    free(text);
    return 0;
}
