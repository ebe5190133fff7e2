#include "encoder/unicode.h"

#include "encoder/unicode_clusters.h"
#include "encoder/unicode_mappings.h"
#include "encoder/unicode_ranges.h"

#include <pthread.h>

/* The generated headers hold ranges and runs. What is asked for every character is spread out, on
 * first use, into two tables of a byte per code point (1.1 MB each, of which text in one script
 * touches a few pages): one load per character. What is asked for few characters (lower case,
 * decompositions, combining classes, \w) is found in the ranges by binary search. */

enum { N_CODE_POINTS = 0x110000, HANGUL_FIRST = 0xac00, HANGUL_LAST = 0xd7a3 };
static const uint32_t CAPITAL_I_WITH_DOT = 0x130;

static uint8_t properties[N_CODE_POINTS], kinds[N_CODE_POINTS];
static pthread_once_t properties_once = PTHREAD_ONCE_INIT, kinds_once = PTHREAD_ONCE_INIT;

#define LENGTH(table) (sizeof(table) / sizeof((table)[0]))

static void set_ranges(uint8_t *table, const code_range *ranges, size_t n, uint8_t bits) {
    for (size_t i = 0; i < n; i++)
        for (uint32_t c = ranges[i].first; c <= ranges[i].last; c++) table[c] |= bits;
}

#define SET_RANGES(table, name, bits) set_ranges(table, name, LENGTH(name), bits)

static void fill_properties(void) {
    SET_RANGES(properties, removed_ranges, CHAR_REMOVED);
    SET_RANGES(properties, whitespace_ranges, CHAR_WHITESPACE);
    SET_RANGES(properties, chinese_ranges, CHAR_CHINESE);
    SET_RANGES(properties, punctuation_ranges, CHAR_PUNCTUATION);
    SET_RANGES(properties, mark_ranges, CHAR_MARK);
    SET_RANGES(properties, nonstarter_ranges, CHAR_NONSTARTER);

    for (uint32_t c = HANGUL_FIRST; c <= HANGUL_LAST; c++) properties[c] |= CHAR_DECOMPOSES;
    for (size_t i = 0; i < LENGTH(decompositions); i++)
        properties[decompositions[i].from] |= CHAR_DECOMPOSES;

    properties[CAPITAL_I_WITH_DOT] |= CHAR_UPPER;
    for (size_t i = 0; i < LENGTH(case_runs); i++)
        for (uint32_t c = case_runs[i].first; c <= case_runs[i].last; c += case_runs[i].stride)
            properties[c] |= CHAR_UPPER;
}

const uint8_t *unicode_properties(void) {
    pthread_once(&properties_once, fill_properties);
    return properties;
}

static void fill_kinds(void) {
    SET_RANGES(kinds, letter_ranges, KIND_LETTER);
    SET_RANGES(kinds, number_ranges, KIND_NUMBER);
    SET_RANGES(kinds, whitespace_ranges, KIND_SPACE);
    SET_RANGES(kinds, extending_ranges, CLUSTER_EXTENDS);
    SET_RANGES(kinds, closed_ranges, CLUSTER_CLOSED);
    SET_RANGES(kinds, prepended_ranges, CLUSTER_PREPENDS);
    SET_RANGES(kinds, picture_ranges, CLUSTER_PICTURE);
}

const uint8_t *unicode_kinds(void) {
    pthread_once(&kinds_once, fill_kinds);
    return kinds;
}

/* The position of the last row whose first member is <= c; rows are sorted by it and the first
 * row's is not above c. */
#define FIND_ROW(table, member, c, row)                                                            \
    do {                                                                                           \
        size_t above = LENGTH(table);                                                              \
        for ((row) = 0; above - (row) > 1;) {                                                      \
            size_t middle = ((row) + above) / 2;                                                   \
            if ((table)[middle].member <= (c))                                                     \
                (row) = middle;                                                                    \
            else                                                                                   \
                above = middle;                                                                    \
        }                                                                                          \
    } while (0)

bool unicode_is_word(uint32_t c) {
    size_t row;
    FIND_ROW(word_ranges, first, c, row);
    return c >= word_ranges[row].first && c <= word_ranges[row].last;
}

size_t unicode_lower(uint32_t c, uint32_t out[2]) {
    if (c == CAPITAL_I_WITH_DOT) {
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    size_t row;
    FIND_ROW(case_runs, first, c, row);
    const case_run *run = &case_runs[row];
    bool inside = c >= run->first && c <= run->last && (c - run->first) % run->stride == 0;
    out[0] = inside ? (uint32_t)((int32_t)c + run->delta) : c;
    return 1;
}

size_t unicode_decompose(uint32_t c, uint32_t out[3]) {
    /* Unicode standard, 3.12: a syllable is arithmetic over leading, vowel and trailing jamo. */
    if (c >= HANGUL_FIRST && c <= HANGUL_LAST) {
        uint32_t i = c - HANGUL_FIRST, trailing = i % 28;
        out[0] = 0x1100 + i / (21 * 28);
        out[1] = 0x1161 + i / 28 % 21;
        out[2] = 0x11a7 + trailing;
        return trailing ? 3 : 2;
    }

    size_t row, n = 0;
    FIND_ROW(decompositions, from, c, row);
    for (; n < 3 && decompositions[row].to[n]; n++) out[n] = decompositions[row].to[n];
    return n;
}

uint8_t unicode_combining_class(uint32_t c) {
    size_t row;
    FIND_ROW(kept_classes, first, c, row);
    bool inside = c >= kept_classes[row].first && c <= kept_classes[row].last;
    return inside ? kept_classes[row].combining_class : 0;
}
