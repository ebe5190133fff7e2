/* Lines as they come: the scanner stays inside them, and what it accepts has values that decode to
 * UTF-8 within their own length. */
#include "base/utf8.h"
#include "table/json_scan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const keys[] = {"user_id", "parent_asin", "timestamp", "a"};
    json_span values[4];
    char *line = malloc(n + 1), *text = malloc(n + 1), list[40];
    memcpy(line, data, n);
    const char *where = json_scan_object(line, n, keys, 4, values);
    if (where && (where < line || where > line + n)) abort();
    json_scan_keys(line, n, list, sizeof list);
    for (int i = 0; i < 4 && !where; i++) {
        if (!values[i].text) continue;
        size_t n_text = json_scan_text(values[i], text);
        if (n_text > values[i].n_bytes || !utf8_check(text, n_text, NULL)) abort();
    }
    free(line);
    free(text);
    return 0;
}
