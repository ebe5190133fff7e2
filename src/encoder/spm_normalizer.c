#include "encoder/spm_normalizer.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "encoder/unicode.h"

#include <string.h>

/* SentencePiece compiles its normalisation (NFKC and more) into a table from strings to strings: a
 * double array of darts-clone and a pool of results, in base64 in tokenizer.json. The file is
 * untrusted: every index is checked against the array, every result ends with a NUL.
 *
 * The library applies the table as `tokenizers` does: a grapheme cluster of fewer than six bytes is
 * looked up as a whole first, then, if it is not found, each of its characters. The lookup takes
 * the shortest key that starts the text, not the longest, even if that is not all of it; models
 * were trained with this, so it is kept. ASCII that the table does not map and that starts no
 * larger cluster is copied in runs.
 *
 * Steps alternate between two buffers, each as long as the text has become. */

/* ---- the table ---- */

/* out: [3/4 of n_chars, rounded up]. False if the text is no base64. */
static bool base64_decode(const char *text, size_t n_chars, uint8_t *out, size_t *n_bytes) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t n = 0;

    while (n_chars > 0 && text[n_chars - 1] == '=') n_chars--;
    for (size_t i = 0; i < n_chars; i++) {
        const char *at = memchr(alphabet, text[i], sizeof alphabet - 1);
        if (!at) return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if (i % 4 != 0) out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *n_bytes = n;
    return n_chars % 4 != 1;
}

static uint32_t unit_offset(uint32_t unit) {
    return unit >> 10 << ((unit >> 9 & 1) * 8);
}

/* What the shortest key at the start of a text becomes, NUL-terminated, or NULL. That it is the
 * shortest and not the longest is the library's way, and the models were trained with it. */
static const char *charsmap_find(const charsmap *m, const char *text, size_t n_bytes) {
    static const uint32_t label_bits = 0x800000ff;
    size_t at = unit_offset(m->units[0]);

    for (size_t i = 0; i < n_bytes && text[i]; i++) {
        at ^= (uint8_t)text[i];
        if (at >= m->n_units || (m->units[at] & label_bits) != (uint8_t)text[i]) return NULL;
        uint32_t unit = m->units[at];
        at ^= unit_offset(unit);
        if (at >= m->n_units) return NULL;

        /* a key ends here: its value is in the unit that the label 0 leads to */
        if (!(unit >> 8 & 1)) continue;
        size_t string = m->units[at] & 0x7fffffff;
        return string <= m->n_string_bytes ? m->strings + string : NULL;
    }
    return NULL;
}

semid_status spm_normalizer_init(spm_normalizer *out, const spm_options *options,
                                 semid_error *err) {
    charsmap *map = &out->map;
    uint32_t array_bytes = 0;
    uint8_t *bytes;
    semid_status status = SEMID_OK;

    *out = (spm_normalizer){
        .n_steps = options->n_steps, .kinds = unicode_kinds(), .keeps_visible_ascii = true};
    memcpy(out->steps, options->steps, sizeof out->steps);
    if (!options->charsmap) return SEMID_OK;

    size_t n_chars = strlen(options->charsmap), n_bytes = 0;
    TRY(mem_alloc(&bytes, n_chars / 4 * 3 + 3, 1, err));
    if (!base64_decode(options->charsmap, n_chars, bytes, &n_bytes))
        FAIL_GOTO(SEMID_ERR_FORMAT, "precompiled_charsmap: expected base64");

    /* four bytes: the size of the array; the array; the strings */
    if (n_bytes >= sizeof array_bytes) memcpy(&array_bytes, bytes, sizeof array_bytes);
    if (array_bytes < sizeof(uint32_t) || array_bytes % sizeof(uint32_t) != 0 ||
        array_bytes > n_bytes - sizeof array_bytes)
        FAIL_GOTO(SEMID_ERR_FORMAT, "precompiled_charsmap: expected an array and strings");
    map->n_units = array_bytes / sizeof(uint32_t);
    map->n_string_bytes = n_bytes - sizeof array_bytes - array_bytes;
    TRY_GOTO(mem_alloc(&map->units, map->n_units, sizeof(uint32_t), err));
    TRY_GOTO(mem_alloc(&map->strings, map->n_string_bytes + 1, 1, err));
    memcpy(map->units, bytes + sizeof array_bytes, array_bytes);
    memcpy(map->strings, bytes + sizeof array_bytes + array_bytes, map->n_string_bytes);
    map->strings[map->n_string_bytes] = '\0';

    for (int c = 1; c < 128; c++) {
        map->ascii_mapped[c] = charsmap_find(map, &(char){(char)c}, 1) != NULL;
        if (c >= '!' && c <= '~' && map->ascii_mapped[c]) out->keeps_visible_ascii = false;
    }

done:
    mem_free(bytes);
    return status;
}

void spm_normalizer_release(spm_normalizer *s) {
    mem_free(s->map.units);
    mem_free(s->map.strings);
    *s = (spm_normalizer){0};
}

/* ---- the steps ---- */

static semid_status append(text_buffer *out, const char *bytes, size_t n_bytes, semid_error *err) {
    TRY(mem_reserve(&out->bytes, &out->capacity, out->n_bytes + n_bytes, 1, err));
    if (n_bytes) memcpy(out->bytes + out->n_bytes, bytes, n_bytes);
    out->n_bytes += n_bytes;
    return SEMID_OK;
}

static const char *skip_extending(const spm_normalizer *s, const char *p, const char *end) {
    for (const char *next = p; p < end && s->kinds[utf8_next(&next, end)] & CLUSTER_EXTENDS;)
        p = next;
    return p;
}

enum { SHORT_CLUSTER = 5 };

/* The end of the grapheme cluster that starts at p. Clusters are told apart where it matters: those
 * of several characters and at most SHORT_CLUSTER bytes. */
static const char *cluster_end(const spm_normalizer *s, const char *p, const char *end) {
    bool line_end = *p == '\r' && end - p > 1 && p[1] == '\n';
    uint8_t kind = s->kinds[utf8_next(&p, end)];
    if (line_end) return p + 1;

    while (kind & CLUSTER_PREPENDS && p < end) {
        const char *next = p;
        uint8_t following = s->kinds[utf8_next(&next, end)];
        if (following & CLUSTER_CLOSED) return p;
        kind = following;
        p = next;
    }
    if (kind & CLUSTER_CLOSED) return p;
    if (!(kind & CLUSTER_PICTURE)) return skip_extending(s, p, end);

    /* what belongs to a picture, and further pictures that a zero width joiner attaches to it */
    for (const char *next;; p = next) {
        const char *stop = skip_extending(s, p, end);
        bool joined = stop - p >= 3 && memcmp(stop - 3, "\xe2\x80\x8d", 3) == 0;
        next = stop;
        if (stop == end || !joined) return stop;
        if (!(s->kinds[utf8_next(&next, end)] & CLUSTER_PICTURE)) return stop;
    }
}

static semid_status run_charsmap(const spm_normalizer *s, const char *text, size_t n_bytes,
                                 text_buffer *out, semid_error *err) {
    const char *end = text + n_bytes, *found;

    for (const char *p = text, *stop = text; p < end; p = stop) {
        /* ASCII that stays as it is and that nothing can belong to */
        while (stop < end && (uint8_t)*stop < 0x80 && *stop != '\r' &&
               !s->map.ascii_mapped[(uint8_t)*stop] && (stop + 1 == end || (uint8_t)stop[1] < 0x80))
            stop++;
        TRY(append(out, p, (size_t)(stop - p), err));
        if (stop > p) continue;

        stop = cluster_end(s, p, end);
        size_t n = (size_t)(stop - p);
        if (n <= SHORT_CLUSTER && (found = charsmap_find(&s->map, p, n))) {
            TRY(append(out, found, strlen(found), err));
            continue;
        }

        for (const char *next = p; p < stop; p = next) {
            utf8_next(&next, stop);
            n = (size_t)(next - p);
            found = charsmap_find(&s->map, p, n);
            TRY(found ? append(out, found, strlen(found), err) : append(out, p, n, err));
        }
    }
    return SEMID_OK;
}

static semid_status squeeze_spaces(const char *squeezed, const char *text, size_t n_bytes,
                                   text_buffer *out, semid_error *err) {
    const char *end = text + n_bytes;
    for (const char *p = text, *stop; p < end; p = stop) {
        bool space = *p == ' ';
        for (stop = p + 1; stop < end && (*stop == ' ') == space;) stop++;
        bool several = space && stop - p > 1;
        TRY(several ? append(out, squeezed, strlen(squeezed), err)
                    : append(out, p, (size_t)(stop - p), err));
    }
    return SEMID_OK;
}

semid_status spm_normalizer_run(const spm_normalizer *s, const char *text, size_t n_bytes,
                                text_buffer *out, semid_error *err) {
    text_buffer other = {0};
    semid_status status = SEMID_OK;

    out->n_bytes = 0;
    TRY_GOTO(append(out, text, n_bytes, err));
    for (size_t i = 0; i < s->n_steps; i++) {
        const text_step *step = &s->steps[i];
        if (step->kind == STEP_STRIP_RIGHT) {
            while (out->n_bytes > 0) {
                size_t begin = utf8_boundary(out->bytes, out->n_bytes - 1);
                const char *p = out->bytes + begin;
                uint32_t last = utf8_next(&p, out->bytes + out->n_bytes);
                if ((s->kinds[last] & KIND_MASK) != KIND_SPACE) break;
                out->n_bytes = begin;
            }
            continue;
        }

        other.n_bytes = 0;
        TRY_GOTO(step->kind == STEP_CHARSMAP
                     ? run_charsmap(s, out->bytes, out->n_bytes, &other, err)
                     : squeeze_spaces(step->squeezed, out->bytes, out->n_bytes, &other, err));
        text_buffer result = other;
        other = *out;
        *out = result;
    }

done:
    mem_free(other.bytes);
    return status;
}
