#include "codebook/scores.h"

#include "base/memory.h"
#include "base/threads.h"
#include "kernels/kernels.h"

#include <math.h>

/* All scores |c|^2 - 2 x.c of a few rows, for what ranks codewords (beams, assignments). Codewords
 * are packed into panels of PANEL_WIDTH; the kernel computes the inner products of a tile of rows
 * with a panel, and norms are added. The kernel's thresholds, which other callers filter by, are
 * set so that nothing is filtered. The last panel is padded with codewords of norm +inf, so that
 * padding is never chosen. Sums have the kernel's order: a score does not depend on the other rows.
 */

struct scores {
    size_t n_panels, dim;
    float *panels; /* [n_panels, dim, PANEL_WIDTH] */
    float *norms;  /* [n_panels * PANEL_WIDTH] */
};

semid_status scores_new(scores **out, const float *codewords, size_t n_codewords, size_t dim,
                        semid_error *err) {
    semid_status status;
    scores *s;
    TRY(mem_calloc(&s, 1, sizeof *s, err));
    s->n_panels = chunk_count(n_codewords, PANEL_WIDTH);
    s->dim = dim;
    TRY_GOTO(mem_calloc(&s->panels, s->n_panels * PANEL_WIDTH, dim * sizeof(float), err));
    TRY_GOTO(mem_alloc(&s->norms, s->n_panels * PANEL_WIDTH, sizeof(float), err));

    for (size_t k = 0; k < s->n_panels * PANEL_WIDTH; k++) {
        float *panel = s->panels + k / PANEL_WIDTH * PANEL_WIDTH * dim + k % PANEL_WIDTH;
        const float *codeword = codewords + k * dim;
        double norm = 0;
        for (size_t j = 0; k < n_codewords && j < dim; j++) {
            panel[j * PANEL_WIDTH] = codeword[j];
            norm += (double)codeword[j] * (double)codeword[j];
        }
        s->norms[k] = k < n_codewords ? (float)norm : INFINITY;
    }
    *out = s;
    s = NULL;
done:
    scores_free(s);
    return status;
}

void scores_free(scores *s) {
    if (!s) return;
    mem_free(s->panels);
    mem_free(s->norms);
    mem_free(s);
}

size_t scores_stride(const scores *s) {
    return s->n_panels * PANEL_WIDTH;
}

const float *scores_norms(const scores *s) {
    return s->norms;
}

void scores_measure(const scores *s, const float *x, size_t n, float *out) {
    float inner[KERNEL_MAX_ROWS * PANEL_WIDTH], floors[PANEL_WIDTH];
    uint16_t above[KERNEL_MAX_ROWS];
    size_t stride = scores_stride(s);
    for (size_t i = 0; i < PANEL_WIDTH; i++) floors[i] = INFINITY; /* nothing is above: no filter */

    for (size_t row = 0; row < n; row += KERNEL_MAX_ROWS) {
        size_t n_rows = n - row < KERNEL_MAX_ROWS ? n - row : KERNEL_MAX_ROWS;
        for (size_t p = 0; p < s->n_panels; p++) {
            const float *norms = s->norms + p * PANEL_WIDTH;
            kernels()->inner_f32(x + row * s->dim, n_rows, s->panels + p * PANEL_WIDTH * s->dim,
                                 s->dim, floors, inner, above);
            for (size_t r = 0; r < n_rows; r++)
                for (size_t i = 0; i < PANEL_WIDTH; i++)
                    out[(row + r) * stride + p * PANEL_WIDTH + i] =
                        norms[i] - 2 * inner[r * PANEL_WIDTH + i];
        }
    }
}
