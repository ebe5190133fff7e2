/* Which items lie under a prefix of their semantic ID?
 *
 *     lookup_prefix inverted.sid 12-203
 */
#include "semid/inverted.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_LEVELS = 64 };

/* "12-203" -> {12, 203}; returns the number of levels, 0 if it is not a prefix. */
static size_t parse_prefix(const char *text, int32_t levels[MAX_LEVELS]) {
    size_t n = 0;
    while (n < MAX_LEVELS) {
        char *end;
        levels[n++] = (int32_t)strtol(text, &end, 10);
        if (end == text) return 0;
        if (*end == '\0') return n;
        if (*end != '-') return 0;
        text = end + 1;
    }
    return 0;
}

static void print_code(const int32_t *code, size_t n_levels) {
    for (size_t l = 0; l < n_levels; l++) printf("%s%d", l ? "-" : "", code[l]);
}

int main(int argc, char **argv) {
    int32_t prefix[MAX_LEVELS];
    size_t n_levels = argc == 3 ? parse_prefix(argv[2], prefix) : 0;
    if (n_levels == 0) {
        fprintf(stderr, "usage: lookup_prefix inverted.sid 12-203\n");
        return 2;
    }
    semid_error err;
    semid_inverted *index;
    if (semid_inverted_open(&index, argv[1], &err) != SEMID_OK) {
        fprintf(stderr, "lookup_prefix: %s\n", err.message);
        return 1;
    }
    semid_code_range found = semid_inverted_find(index, prefix, n_levels);
    for (size_t i = found.first; i < found.first + found.n; i++) {
        size_t n_rows;
        const uint32_t *rows = semid_inverted_rows(index, (semid_code_range){i, 1}, &n_rows);
        for (size_t r = 0; r < n_rows; r++) {
            print_code(semid_inverted_code(index, i), semid_inverted_levels(index));
            printf("\t%s\n", semid_inverted_id(index, rows[r]));
        }
    }
    semid_inverted_close(index);
    return 0;
}
