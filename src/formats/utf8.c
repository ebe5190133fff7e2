#include "formats/utf8.h"

static bool is_scalar(uint32_t c) {
    return c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF);
}

size_t utf8_decode(const char *s, size_t n, uint32_t *code_point) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *p = (const uint8_t *)s;
    if (p[0] < 0x80) {
        *code_point = p[0];
        return 1;
    }
    size_t length = p[0] >= 0xF0 ? 4 : (p[0] >= 0xE0 ? 3 : 2);
    if (p[0] < 0xC0 || p[0] > 0xF7 || length > n) return 0;
    uint32_t c = p[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    if (c < least[length] || !is_scalar(c)) return 0;
    *code_point = c;
    return length;
}

size_t utf8_encode(uint32_t c, char buf[4]) {
    if (!is_scalar(c)) return 0;
    if (c < 0x80) {
        buf[0] = (char)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : (c < 0x10000 ? 3 : 4);
    for (size_t i = length; i-- > 1; c >>= 6) buf[i] = (char)(0x80 | (c & 0x3F));
    buf[0] = (char)(c | (0xF0u << (4 - length) & 0xFFu));
    return length;
}

bool utf8_check(const char *s, size_t n, size_t *n_points) {
    size_t points = 0;
    for (size_t at = 0; at < n; points++) {
        uint32_t c;
        size_t length = utf8_decode(s + at, n - at, &c);
        if (length == 0) return false;
        at += length;
    }
    if (n_points) *n_points = points;
    return true;
}
