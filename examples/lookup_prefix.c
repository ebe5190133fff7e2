/* Which items lie under a prefix of their semantic ID?
 *
 *     lookup_prefix inverted.sid 12-203
 */
#include "semid/codes.h"
#include "semid/inverted.h"

#include <stdio.h>

int main(int argc, char **argv) {
    semid_error err;
    int32_t prefix[SEMID_CODE_MAX_LEVELS];
    size_t n_levels;
    if (argc != 3) {
        fprintf(stderr, "usage: lookup_prefix inverted.sid 12-203\n");
        return 2;
    }
    if (semid_code_parse(argv[2], prefix, SEMID_CODE_MAX_LEVELS, &n_levels, &err) != SEMID_OK) {
        fprintf(stderr, "lookup_prefix: %s\n", err.message);
        return 2;
    }

    semid_inverted *index;
    if (semid_inverted_open(&index, argv[1], &err) != SEMID_OK) {
        fprintf(stderr, "lookup_prefix: %s\n", err.message);
        return 1;
    }

    semid_code_range found = semid_inverted_find(index, prefix, n_levels);
    for (size_t i = found.first; i < found.first + found.n; i++) {
        char text[SEMID_CODE_TEXT_BYTES];
        const int32_t *code = semid_inverted_code(index, i);
        semid_code_format(code, semid_inverted_levels(index), text, sizeof text);

        size_t n_rows;
        const uint32_t *rows = semid_inverted_rows(index, (semid_code_range){i, 1}, &n_rows);
        for (size_t r = 0; r < n_rows; r++)
            printf("%s\t%s\n", text, semid_inverted_id(index, rows[r]));
    }
    semid_inverted_close(index);
    return 0;
}
