#include "quant/nearest.h"

#include "base/memory.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

enum { PANEL = 16, ROWS_PER_CHUNK = 192 };

struct nearest {
    size_t n_codewords, dim, n_panels;
    float *panels;    /* [n_panels, dim, PANEL] */
    float *norms;     /* [n_panels * PANEL], +inf behind the last codeword */
    float *codewords; /* [n_codewords, dim] */
};

semid_status nearest_new(nearest **out, size_t n_codewords, size_t dim, semid_error *err) {
    semid_status status;
    nearest *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    *s = (nearest){
        .n_codewords = n_codewords, .dim = dim, .n_panels = chunk_count(n_codewords, PANEL)};
    TRY_GOTO(mem_calloc(&s->panels, s->n_panels * PANEL, dim * sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->norms, s->n_panels * PANEL, sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->codewords, n_codewords, dim * sizeof(float), err));
    *out = s;
    s = NULL;
done:
    nearest_free(s);
    return status;
}

void nearest_set(nearest *s, const float *codewords) {
    memcpy(s->codewords, codewords, s->n_codewords * s->dim * sizeof(float));
    for (size_t k = 0; k < s->n_panels * PANEL; k++) {
        if (k >= s->n_codewords) {
            s->norms[k] = INFINITY;
            continue;
        }
        const float *c = codewords + k * s->dim;
        float *panel = s->panels + k / PANEL * s->dim * PANEL + k % PANEL;
        double norm = 0;
        for (size_t j = 0; j < s->dim; j++) {
            panel[j * PANEL] = c[j];
            norm += (double)c[j] * (double)c[j];
        }
        s->norms[k] = (float)norm;
    }
}

void nearest_free(nearest *s) {
    if (!s) return;
    mem_free(s->panels);
    mem_free(s->norms);
    mem_free(s->codewords);
    mem_free(s);
}

static int32_t find_one(const nearest *s, const float *x) {
    float best = INFINITY;
    int32_t code = 0;
    for (size_t p = 0; p < s->n_panels; p++) {
        const float *panel = s->panels + p * s->dim * PANEL;
        float dots[PANEL] = {0};
        for (size_t j = 0; j < s->dim; j++)
            for (size_t i = 0; i < PANEL; i++) dots[i] += x[j] * panel[j * PANEL + i];
        for (size_t i = 0; i < PANEL; i++) {
            float score = s->norms[p * PANEL + i] - 2 * dots[i];
            if (score >= best) continue;
            best = score;
            code = (int32_t)(p * PANEL + i);
        }
    }
    return code;
}

static float squared_distance(const float *x, const float *c, size_t dim) {
    double sum = 0;
    for (size_t j = 0; j < dim; j++) {
        double difference = (double)x[j] - (double)c[j];
        sum += difference * difference;
    }
    return (float)sum;
}

typedef struct search {
    const nearest *s;
    const float *x;
    int32_t *codes;
    float *distances;
} search;

static void search_chunk(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    const search *q = user;
    for (size_t i = begin; i < end; i++) {
        const float *x = q->x + i * q->s->dim;
        q->codes[i] = find_one(q->s, x);
        if (!q->distances) continue;
        const float *c = q->s->codewords + (size_t)q->codes[i] * q->s->dim;
        q->distances[i] = squared_distance(x, c, q->s->dim);
    }
}

void nearest_find(const nearest *s, const float *x, size_t n, int32_t *codes, float *distances) {
    search q = {.s = s, .x = x, .codes = codes, .distances = distances};
    parallel_chunks(n, ROWS_PER_CHUNK, search_chunk, &q);
}
