#include "encoder/spm_normalizer.h"

#include "base/memory.h"
#include "encoder/unicode.h"

#include <string.h>

/* ---- base64 ---- */

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

/* out: [3/4 of n_chars, rounded up]. False if the text is no base64. */
static bool base64_decode(const char *text, size_t n_chars, uint8_t *out, size_t *n_bytes) {
    uint32_t bits = 0;
    size_t n = 0;
    while (n_chars > 0 && text[n_chars - 1] == '=') n_chars--;
    for (size_t i = 0; i < n_chars; i++) {
        int value = base64_value(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    *n_bytes = n;
    return n_chars % 4 != 1;
}

/* ---- the table ---- */

static uint32_t unit_offset(uint32_t unit) {
    return unit >> 10 << ((unit >> 9 & 1) * 8);
}

/* What the shortest key at the start of a text becomes, NUL-terminated, or NULL. That it is the
 * shortest and not the longest is the library's way, and the models were trained with it. */
static const char *find(const charsmap *m, const char *text, size_t n_bytes) {
    static const uint32_t label_bits = 0x800000ff;
    size_t at = unit_offset(m->units[0]);
    for (size_t i = 0; i < n_bytes && text[i]; i++) {
        at ^= (uint8_t)text[i];
        if (at >= m->n_units || (m->units[at] & label_bits) != (uint8_t)text[i]) return NULL;
        uint32_t unit = m->units[at];
        at ^= unit_offset(unit);
        if (at >= m->n_units) return NULL;
        if (!(unit >> 8 & 1)) continue;
        size_t string = m->units[at] & 0x7fffffff;
        return string <= m->n_string_bytes ? m->strings + string : NULL;
    }
    return NULL;
}

/* Four bytes: the size of the array; the array; the strings. */
static semid_status split_charsmap(charsmap *out, const uint8_t *bytes, size_t n_bytes,
                                   semid_error *err) {
    uint32_t n_array = 0;
    if (n_bytes >= sizeof n_array) memcpy(&n_array, bytes, sizeof n_array);
    if (n_array < sizeof(uint32_t) || n_array % sizeof(uint32_t) != 0 ||
        n_array > n_bytes - sizeof n_array)
        FAIL(SEMID_ERR_FORMAT, "precompiled_charsmap: expected an array and strings");
    out->n_units = n_array / sizeof(uint32_t);
    out->n_string_bytes = n_bytes - sizeof n_array - n_array;
    TRY(mem_alloc(&out->units, out->n_units, sizeof(uint32_t), err));
    TRY(mem_alloc(&out->strings, out->n_string_bytes + 1, 1, err));
    memcpy(out->units, bytes + sizeof n_array, n_array);
    memcpy(out->strings, bytes + sizeof n_array + n_array, out->n_string_bytes);
    out->strings[out->n_string_bytes] = '\0';
    for (int c = 1; c < 128; c++) out->ascii_mapped[c] = find(out, &(char){(char)c}, 1) != NULL;
    return SEMID_OK;
}

static semid_status charsmap_init(charsmap *out, const char *base64, semid_error *err) {
    size_t n_chars = strlen(base64), n_bytes;
    uint8_t *bytes;
    TRY(mem_alloc(&bytes, n_chars / 4 * 3 + 3, 1, err));
    semid_status status =
        base64_decode(base64, n_chars, bytes, &n_bytes)
            ? split_charsmap(out, bytes, n_bytes, err)
            : error_set(err, SEMID_ERR_FORMAT, "precompiled_charsmap: expected base64");
    mem_free(bytes);
    return status;
}

semid_status spm_normalizer_init(spm_normalizer *out, const spm_options *options,
                                 semid_error *err) {
    *out = (spm_normalizer){
        .n_steps = options->n_steps, .kinds = unicode_kinds(), .keeps_visible_ascii = true};
    memcpy(out->steps, options->steps, sizeof out->steps);
    if (!options->charsmap) return SEMID_OK;
    TRY(charsmap_init(&out->map, options->charsmap, err));
    for (int c = '!'; c <= '~'; c++)
        if (out->map.ascii_mapped[c]) out->keeps_visible_ascii = false;
    return SEMID_OK;
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

static bool ends_with_joiner(const char *begin, const char *end) {
    return end - begin >= 3 && memcmp(end - 3, "\xe2\x80\x8d", 3) == 0;
}

/* Behind a picture: what belongs to it, and further pictures that are joined to it. */
static const char *pictures_end(const spm_normalizer *s, const char *p, const char *end) {
    for (const char *next;; p = next) {
        const char *stop = skip_extending(s, p, end);
        next = stop;
        if (stop == end || !ends_with_joiner(p, stop)) return stop;
        if (!(s->kinds[utf8_next(&next, end)] & CLUSTER_PICTURE)) return stop;
    }
}

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
    return kind & CLUSTER_PICTURE ? pictures_end(s, p, end) : skip_extending(s, p, end);
}

enum { SHORT_CLUSTER = 5 };

static semid_status map_characters(const spm_normalizer *s, const char *p, const char *end,
                                   text_buffer *out, semid_error *err) {
    for (const char *next = p; p < end; p = next) {
        utf8_next(&next, end);
        const char *found = find(&s->map, p, (size_t)(next - p));
        TRY(found ? append(out, found, strlen(found), err)
                  : append(out, p, (size_t)(next - p), err));
    }
    return SEMID_OK;
}

/* ASCII that stays as it is and that nothing can belong to. */
static const char *skip_plain(const spm_normalizer *s, const char *p, const char *end) {
    while (p < end && (uint8_t)*p < 0x80 && *p != '\r' && !s->map.ascii_mapped[(uint8_t)*p] &&
           (p + 1 == end || (uint8_t)p[1] < 0x80))
        p++;
    return p;
}

static semid_status run_charsmap(const spm_normalizer *s, const char *text, size_t n_bytes,
                                 text_buffer *out, semid_error *err) {
    const char *end = text + n_bytes;
    for (const char *p = text, *stop; p < end; p = stop) {
        stop = skip_plain(s, p, end);
        TRY(append(out, p, (size_t)(stop - p), err));
        if (stop > p) continue;
        stop = cluster_end(s, p, end);
        size_t n = (size_t)(stop - p);
        const char *found = n <= SHORT_CLUSTER ? find(&s->map, p, n) : NULL;
        TRY(found ? append(out, found, strlen(found), err) : map_characters(s, p, stop, out, err));
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

static void strip_right(const spm_normalizer *s, text_buffer *text) {
    while (text->n_bytes > 0) {
        size_t begin = text->n_bytes - 1;
        while (begin > 0 && ((uint8_t)text->bytes[begin] & 0xc0) == 0x80) begin--;
        const char *p = text->bytes + begin;
        uint32_t last = utf8_next(&p, text->bytes + text->n_bytes);
        if ((s->kinds[last] & KIND_MASK) != KIND_SPACE) return;
        text->n_bytes = begin;
    }
}

static semid_status run_step(const spm_normalizer *s, const text_step *step, text_buffer *text,
                             text_buffer *other, semid_error *err) {
    if (step->kind == STEP_STRIP_RIGHT) {
        strip_right(s, text);
        return SEMID_OK;
    }
    other->n_bytes = 0;
    TRY(step->kind == STEP_CHARSMAP
            ? run_charsmap(s, text->bytes, text->n_bytes, other, err)
            : squeeze_spaces(step->squeezed, text->bytes, text->n_bytes, other, err));
    text_buffer done = *other;
    *other = *text;
    *text = done;
    return SEMID_OK;
}

semid_status spm_normalizer_run(const spm_normalizer *s, const char *text, size_t n_bytes,
                                text_buffer *out, semid_error *err) {
    text_buffer other = {0};
    out->n_bytes = 0;
    semid_status status = append(out, text, n_bytes, err);
    for (size_t i = 0; status == SEMID_OK && i < s->n_steps; i++)
        status = run_step(s, &s->steps[i], out, &other, err);
    mem_free(other.bytes);
    return status;
}
