/* Prices for an even use of codewords, by dual ascent.
 *
 * Assigning rows to codewords that may each take the same number of rows, at the least sum of
 * squared errors, is a transportation problem. Its solution assigns every row to the codeword with
 * the least squared distance plus price, for the right prices (a power diagram; Aurenhammer,
 * Hoffmann & Aronov 1998), and these maximise a concave dual function whose gradient is how far
 * counts are off. So prices climb: a codeword with more rows than the mean becomes dearer, one with
 * fewer cheaper, by step * log(count / mean), as in Sinkhorn's iteration for optimal transport. The
 * step starts at a quarter of the typical gap between the two nearest codewords of a row, grows
 * slowly, and is halved where the last one made things worse.
 *
 * Evenness is measured by the perplexity exp(H) of the counts. The ascent stops at 96 % of the
 * highest possible: the last bit of evenness costs the most error.
 *
 * Cost: O(n + K) per update. Memory: four arrays of K; it does not grow with the rows. */
#include "kmeans/balance.h"

#include "base/memory.h"
#include "codebook/scores.h"

#include <math.h>
#include <string.h>

/* The perplexity that is enough, as a share of the highest possible; the first step, as a share of
 * the gap. */
static const double ENOUGH = 0.96, RATE = 0.25;

/* Rows of a dense cloud may all go to a far codeword at once when it becomes cheap enough: prices
 * under which the perplexity falls below this share of the best are taken back. */
static const double FALL = 0.95;

/* The gap is measured on so many rows. */
enum { GAP_ROWS = 1024, GAP_BLOCK_ROWS = 16 };

semid_status balance_init(balance *b, const row_source *rows, const float *codewords,
                          size_t n_codewords, semid_error *err) {
    semid_status status;
    scores *s = NULL;
    float *block = NULL, *found = NULL;
    size_t n = rows->n, dim = rows->dim, n_sample = n < GAP_ROWS ? n : GAP_ROWS;
    double sum = 0;
    *b = (balance){.n_codewords = n_codewords, .n_rows = n};
    TRY_GOTO(mem_calloc(&b->prices, n_codewords, sizeof *b->prices, err));
    TRY_GOTO(mem_calloc(&b->best, n_codewords, sizeof *b->best, err));
    TRY_GOTO(mem_alloc(&b->counts, n_codewords, sizeof *b->counts, err));
    TRY_GOTO(mem_alloc(&b->best_counts, n_codewords, sizeof *b->best_counts, err));
    TRY_GOTO(scores_new(&s, codewords, n_codewords, dim, err));
    TRY_GOTO(mem_alloc(&block, GAP_BLOCK_ROWS, dim * sizeof *block, err));
    TRY_GOTO(mem_alloc(&found, GAP_BLOCK_ROWS, scores_stride(s) * sizeof *found, err));

    /* The gap: the mean over evenly spaced rows of how much farther than the nearest codeword the
     * second is. */
    for (size_t i = 0; i < n_sample; i += GAP_BLOCK_ROWS) {
        size_t n_block = n_sample - i < GAP_BLOCK_ROWS ? n_sample - i : GAP_BLOCK_ROWS;
        for (size_t r = 0; r < n_block; r++)
            TRY_GOTO(row_source_read(rows, (i + r) * n / n_sample, 1, block + r * dim, err));
        scores_measure(s, block, n_block, found);

        for (size_t r = 0; r < n_block; r++) {
            const float *row = found + r * scores_stride(s);
            float least = INFINITY, second = INFINITY;
            for (size_t k = 0; k < n_codewords; k++) {
                if (row[k] < least) {
                    second = least;
                    least = row[k];
                } else if (row[k] < second) {
                    second = row[k];
                }
            }
            sum += n_codewords > 1 ? (double)second - (double)least : 0;
        }
    }
    b->step = RATE * (sum / (double)n_sample);
done:
    scores_free(s);
    mem_free(block);
    mem_free(found);
    return status;
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

/* One step from these prices, under which codewords have these counts. */
static void move_prices(balance *b, const float *from, const uint32_t *counts) {
    double mean = (double)b->n_rows / (double)b->n_codewords;
    for (size_t k = 0; k < b->n_codewords; k++)
        b->prices[k] = from[k] + (float)(b->step * log((counts[k] + 0.5) / (mean + 0.5)));
}

balance_outcome balance_update(balance *b, const int32_t *codes) {
    size_t K = b->n_codewords;
    double highest = (double)(b->n_rows < K ? b->n_rows : K), last = b->perplexity;
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
    if (b->perplexity > b->best_perplexity) {
        b->best_perplexity = b->perplexity;
        memcpy(b->best, b->prices, K * sizeof *b->prices);
        memcpy(b->best_counts, b->counts, K * sizeof *b->counts);
    }
    if (b->perplexity >= ENOUGH * highest) return BALANCE_REACHED;
    move_prices(b, b->prices, b->counts);
    return BALANCE_CLOSER;
}
