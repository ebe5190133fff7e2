/* Any bytes: either refused, or every look-up stays inside the file. Each input is tried as it is
 * and with a header checksum that matches, which a fuzzer would hardly find by itself. */
#include "retrieval/inverted_layout.h"
#include "retrieval/inverted_walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t walk(const semid_inverted *index, semid_code_range node, size_t level) {
    size_t n_rows = 0;
    if (level == semid_inverted_levels(index)) {
        const uint32_t *rows = semid_inverted_rows(index, node, &n_rows);
        for (size_t i = 0; i < n_rows; i++)
            if (!semid_inverted_id(index, rows[i])) abort();
        return n_rows;
    }
    while (node.n > 0) {
        semid_code_range child = inverted_first_child(index, node, level);
        if (child.n == 0 || child.n > node.n) abort();
        n_rows += walk(index, child, level + 1);
        node.first += child.n;
        node.n -= child.n;
    }
    return n_rows;
}

/* Rows lead to the code that lists them, ids to the lowest row that has them. */
static void look_up_all(const semid_inverted *index) {
    for (size_t row = 0; row < semid_inverted_items(index); row++) {
        size_t code, found, n_rows, n_seen = 0;
        if (semid_inverted_code_of(index, row, &code, NULL) != SEMID_OK) abort();
        const uint32_t *rows = semid_inverted_rows(index, (semid_code_range){code, 1}, &n_rows);
        for (size_t i = 0; i < n_rows; i++) n_seen += rows[i] == row;
        if (n_seen != 1) abort();

        const char *id = semid_inverted_id(index, row);
        if (semid_inverted_row_of(index, id, &found, NULL) != SEMID_OK || found > row ||
            strcmp(semid_inverted_id(index, found), id) != 0)
            abort();
    }
    size_t n = semid_inverted_children(index, NULL, 0, NULL, NULL, 0);
    if (n == 0 || n > semid_inverted_codewords(index)) abort();
}

static int new_file(char path[64]) {
    int fd = memfd_create("inverted.sid", MFD_CLOEXEC);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void try_bytes(const uint8_t *data, size_t n) {
    static int fd = -1;
    static char path[64];
    if (fd < 0) fd = new_file(path);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n) abort();
    semid_inverted *index;
    if (semid_inverted_open(&index, path, NULL) != SEMID_OK) return;
    semid_code_range all = {0, semid_inverted_codes(index)};
    if (walk(index, all, 0) != semid_inverted_items(index)) abort();
    size_t last = all.n - 1, n_levels = semid_inverted_levels(index);
    semid_code_range found = semid_inverted_find(index, semid_inverted_code(index, last), n_levels);
    if (found.first != last || found.n != 1) abort();
    look_up_all(index);
    semid_inverted_close(index);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    inverted_header h;
    try_bytes(data, n);
    if (n < sizeof h) return 0;
    memcpy(&h, data, sizeof h);
    h.checksum = inverted_checksum(&h);
    uint8_t *repaired = malloc(n);
    if (!repaired) return 0;
    memcpy(repaired, data, n);
    memcpy(repaired, &h, sizeof h);
    try_bytes(repaired, n);
    free(repaired);
    return 0;
}
