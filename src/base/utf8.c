/* One decoder of one code point serves both readers. It accepts exactly the rows of table 3-7 of
 * the Unicode standard: the lead byte gives the length and the range of the second byte, which
 * excludes overlong forms (E0, F0), surrogates (ED) and values above U+10FFFF (F4); every later
 * byte is in 80..BF. What it accepted before a byte that does not fit is a "maximal subpart":
 * replaced by one U+FFFD (utf8_next), or a reason to refuse the text (utf8_decode). */
#include "base/utf8.h"

/* How many continuation bytes follow `lead`, and the range of the first; 0 if it cannot lead. */
static int continuation_count(uint8_t lead, uint8_t *low, uint8_t *high) {
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    if (lead < 0xe0) return 1;

    if (lead == 0xe0) *low = 0xa0;
    if (lead == 0xed) *high = 0x9f;
    if (lead == 0xf0) *low = 0x90;
    if (lead == 0xf4) *high = 0x8f;
    return lead < 0xf0 ? 2 : 3;
}

/* Moves *text past one code point or one maximal invalid part, and says which of the two. */
static inline bool decode(const char **text, const char *end, uint32_t *code_point) {
    static const uint8_t lead_bits[] = {0x7f, 0x1f, 0x0f, 0x07};
    uint8_t lead = (uint8_t) * (*text)++, low, high;
    *code_point = lead;
    if (lead < 0x80) return true;

    int n = continuation_count(lead, &low, &high);
    if (n == 0) return false;
    uint32_t c = lead & lead_bits[n];
    for (; n > 0; n--) {
        if (*text == end || (uint8_t) * *text < low || (uint8_t) * *text > high) return false;
        c = c << 6 | ((uint8_t) * (*text)++ & 0x3f);
        low = 0x80;
        high = 0xbf;
    }
    *code_point = c;
    return true;
}

size_t utf8_decode(const char *s, size_t n, uint32_t *code_point) {
    const char *next = s;
    uint32_t c;
    if (!decode(&next, s + n, &c)) return 0;
    *code_point = c;
    return (size_t)(next - s);
}

uint32_t utf8_next(const char **text, const char *end) {
    uint32_t c;
    return decode(text, end, &c) ? c : UTF8_REPLACEMENT;
}

bool utf8_check(const char *s, size_t n, size_t *n_points) {
    const char *end = s + n;
    size_t points = 0;
    for (uint32_t c; s < end; points++)
        if (!decode(&s, end, &c)) return false;
    if (n_points) *n_points = points;
    return true;
}

static inline size_t encode(uint32_t c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t utf8_encode(uint32_t c, char buf[UTF8_MAX_BYTES]) {
    bool is_scalar = c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
    return is_scalar ? encode(c, buf) : 0;
}

char *utf8_put(char *out, uint32_t code_point) {
    return out + encode(code_point, out);
}

size_t utf8_boundary(const char *s, size_t at) {
    size_t first = at < UTF8_MAX_BYTES ? 0 : at - (UTF8_MAX_BYTES - 1);
    while (at > first && ((uint8_t)s[at] & 0xc0) == 0x80) at--;
    return at;
}
