#include "kmeans/balance.h"

#include "base/memory.h"
#include "codebook/scores.h"

#include <math.h>
#include <string.h>

/* Enough perplexity, as a share of the most there can be; how fast prices follow; on how many rows
 * their scale is measured. */
static const double ENOUGH = 0.96, RATE = 0.25;

/* Rows of a dense cloud may all go to a far codeword at once when it becomes cheap enough: prices
 * under which so much of the perplexity is lost are taken back. */
static const double FALL = 0.95;
enum { SCALE_ROWS = 1024, SCALE_BLOCK_ROWS = 16 };

/* How much further than the nearest codeword the next one is. */
static double gap_of_row(const float *row, size_t n) {
    float least = INFINITY, next = INFINITY;
    for (size_t k = 0; k < n; k++) {
        if (row[k] < least) {
            next = least;
            least = row[k];
        } else if (row[k] < next) {
            next = row[k];
        }
    }
    return n > 1 ? (double)next - (double)least : 0;
}

/* The mean over rows that lie evenly spaced. */
static semid_status measure_gap(double *out, const row_source *from, const float *codewords,
                                size_t n_codewords, semid_error *err) {
    semid_status status;
    scores *s = NULL;
    float *block = NULL, *found = NULL;
    size_t n = from->n, dim = from->dim, n_rows = n < SCALE_ROWS ? n : SCALE_ROWS;
    double sum = 0;
    TRY_GOTO(scores_new(&s, codewords, n_codewords, dim, err));
    TRY_GOTO(mem_alloc(&block, SCALE_BLOCK_ROWS, dim * sizeof *block, err));
    TRY_GOTO(mem_alloc(&found, SCALE_BLOCK_ROWS, scores_stride(s) * sizeof *found, err));
    for (size_t i = 0; i < n_rows; i += SCALE_BLOCK_ROWS) {
        size_t rows = n_rows - i < SCALE_BLOCK_ROWS ? n_rows - i : SCALE_BLOCK_ROWS;
        for (size_t r = 0; r < rows; r++)
            TRY_GOTO(row_source_read(from, (i + r) * n / n_rows, 1, block + r * dim, err));
        scores_measure(s, block, rows, found);
        for (size_t r = 0; r < rows; r++)
            sum += gap_of_row(found + r * scores_stride(s), n_codewords);
    }
    *out = sum / (double)n_rows;
done:
    scores_free(s);
    mem_free(block);
    mem_free(found);
    return status;
}

semid_status balance_init(balance *b, const row_source *rows, const float *codewords,
                          size_t n_codewords, semid_error *err) {
    double gap = 0;
    *b = (balance){.n_codewords = n_codewords, .n_rows = rows->n};
    TRY(mem_calloc(&b->prices, n_codewords, sizeof *b->prices, err));
    TRY(mem_calloc(&b->best, n_codewords, sizeof *b->best, err));
    TRY(mem_alloc(&b->counts, n_codewords, sizeof *b->counts, err));
    TRY(mem_alloc(&b->best_counts, n_codewords, sizeof *b->best_counts, err));
    TRY(measure_gap(&gap, rows, codewords, n_codewords, err));
    b->step = RATE * gap;
    return SEMID_OK;
}

void balance_release(balance *b) {
    mem_free(b->prices);
    mem_free(b->best);
    mem_free(b->counts);
    mem_free(b->best_counts);
    *b = (balance){0};
}

static double perplexity(const balance *b) {
    double entropy = 0;
    for (size_t k = 0; k < b->n_codewords; k++) {
        double p = (double)b->counts[k] / (double)b->n_rows;
        entropy -= p > 0 ? p * log(p) : 0;
    }
    return exp(entropy);
}

static void keep_best(balance *b) {
    b->best_perplexity = b->perplexity;
    memcpy(b->best, b->prices, b->n_codewords * sizeof *b->prices);
    memcpy(b->best_counts, b->counts, b->n_codewords * sizeof *b->counts);
}

static void move_prices(balance *b, const float *from, const uint32_t *counts) {
    double mean = (double)b->n_rows / (double)b->n_codewords;
    for (size_t k = 0; k < b->n_codewords; k++)
        b->prices[k] = from[k] + (float)(b->step * log((counts[k] + 0.5) / (mean + 0.5)));
}

balance_verdict balance_settle(balance *b, const int32_t *codes) {
    size_t K = b->n_codewords;
    double most = (double)(b->n_rows < K ? b->n_rows : K), last = b->perplexity;
    memset(b->counts, 0, K * sizeof *b->counts);
    for (size_t i = 0; i < b->n_rows; i++) b->counts[codes[i]]++;
    b->perplexity = perplexity(b);
    if (b->perplexity < FALL * b->best_perplexity) {
        b->step /= 2;
        b->perplexity = b->best_perplexity;
        move_prices(b, b->best, b->best_counts);
        return BALANCE_TOO_FAR;
    }
    b->step *= b->perplexity < last ? 0.5 : 1.1;
    if (b->perplexity > b->best_perplexity) keep_best(b);
    if (b->perplexity >= ENOUGH * most) return BALANCE_REACHED;
    move_prices(b, b->prices, b->counts);
    return BALANCE_CLOSER;
}
