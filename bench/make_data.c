/* The reference data: rows of a mixture of Gaussians, scaled to length 1. Dimension i of centres
 * and noise is scaled by (i + 1)^-0.4; noise is 0.6 of the centres' spread. A row depends on its
 * number alone, so that the first rows of a long file are those of a short one. */
#include "base/memory.h"
#include "base/rng.h"
#include "base/threads.h"
#include "bench/bench.h"
#include "formats/embeddings.h"
#include "formats/embeddings_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_ROWS = 1024, BLOCK_ROWS = 16 * CHUNK_ROWS, CENTRE_STREAM = 0, ROW_STREAM = 1 };
static const double noise = 0.6;
static const unsigned seed = 2023;

typedef struct mixture {
    size_t n_centres, dim, first_row;
    float *centres; /* [n_centres, dim] */
    float *scales;  /* [dim] */
    float *rows;    /* [BLOCK_ROWS, dim] */
} mixture;

static void make_centres(mixture *m) {
    rng r;
    rng_init(&r, seed, CENTRE_STREAM);
    for (size_t j = 0; j < m->dim; j++) m->scales[j] = (float)pow((double)j + 1, -0.4);
    for (size_t i = 0; i < m->n_centres * m->dim; i++)
        m->centres[i] = m->scales[i % m->dim] * (float)rng_normal(&r);
}

static void make_row(const mixture *m, size_t number, float *row) {
    rng r;
    rng_init(&r, seed, ROW_STREAM + number);
    const float *centre = m->centres + rng_below(&r, m->n_centres) * m->dim;
    double norm = 0;
    for (size_t j = 0; j < m->dim; j++) {
        row[j] = centre[j] + m->scales[j] * (float)(noise * rng_normal(&r));
        norm += (double)row[j] * row[j];
    }
    for (size_t j = 0; j < m->dim; j++) row[j] = (float)(row[j] / sqrt(norm));
}

static void make_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const mixture *m = user;
    for (size_t i = begin; i < end; i++) make_row(m, m->first_row + i, m->rows + i * m->dim);
}

static size_t argument(const bench_options *o, int i, size_t otherwise) {
    size_t value = i < o->n_args ? strtoul(o->args[i], NULL, 10) : otherwise;
    if (value > 0) return value;
    fprintf(stderr, "make_data: expected a positive number, found \"%s\"\n", o->args[i]);
    exit(2);
}

int main(int argc, char **argv) {
    const char *usage = "FILE.npy [ROWS 200000] [DIM 384] [CENTRES 2000]";
    bench_options o = bench_begin("make_data", usage, argc, argv);
    if (o.n_args < 1 || o.n_args > 4) {
        fprintf(stderr, "usage: make_data %s\n", usage);
        return 2;
    }
    size_t n_rows = argument(&o, 1, 200000);
    mixture m = {.dim = argument(&o, 2, 384), .n_centres = argument(&o, 3, 2000)};
    m.centres = bench_alloc(m.n_centres * m.dim, sizeof(float));
    m.scales = bench_alloc(m.dim, sizeof(float));
    m.rows = bench_alloc(BLOCK_ROWS * m.dim, sizeof(float));
    make_centres(&m);

    semid_error err;
    embeddings_writer *writer;
    bench_must(embeddings_writer_open(&writer, o.args[0], n_rows, m.dim, NULL, &err), &err);
    for (; m.first_row < n_rows; m.first_row += BLOCK_ROWS) {
        size_t left = n_rows - m.first_row, n = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        parallel_chunks(n, CHUNK_ROWS, make_chunk, &m);
        bench_must(embeddings_writer_append(writer, m.rows, n, &err), &err);
    }
    bench_must(embeddings_writer_commit(writer, &err), &err);
    embeddings_writer_free(writer);
    return 0;
}
