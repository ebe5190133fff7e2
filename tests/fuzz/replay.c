/* Runs a fuzz target over every file of a corpus folder, and over cuts of each, without libFuzzer.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void replay(const uint8_t *data, size_t n) {
    for (size_t cut = 0; cut < 16; cut++) LLVMFuzzerTestOneInput(data, n * cut / 16);
    LLVMFuzzerTestOneInput(data, n);
}

static int replay_file(const char *path) {
    static uint8_t buf[1 << 20];
    FILE *f = fopen(path, "rb");
    if (!f) return 1;
    size_t n = fread(buf, 1, sizeof buf, f);
    fclose(f);
    replay(buf, n);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    DIR *d = opendir(argv[1]);
    if (!d) {
        fprintf(stderr, "%s: no corpus\n", argv[1]);
        return 1;
    }
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024];
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], e->d_name);
        if (replay_file(path) != 0) return 1;
        n++;
    }
    closedir(d);
    printf("replayed %d inputs\n", n);
    return n > 0 ? 0 : 1;
}
