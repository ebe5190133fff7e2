/* Scanning and unescaping are two steps: the first finds the end of a string and refuses what is
 * malformed, the second may then trust every escape. Most strings have no escape, and whoever only
 * wants to know where a value ends never pays for the second.
 *
 * The scan looks at eight bytes at once, as long as all of them are plain ASCII: setting the top
 * bit of a byte to "this one is a quote, a backslash, a control character or not ASCII" takes three
 * subtractions in a 64-bit word (Mycroft's zero-byte test; a borrow may report a byte too many,
 * never one too few, and the slow path then looks again). A code point above U+FFFF is escaped as a
 * surrogate pair. */
#include "base/json_string.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static const char escape_names[] = "\"\\/bfnrt", escape_values[] = "\"\\/\b\f\n\r\t";

/* True when none of the eight bytes at p ends or interrupts plain ASCII text in a string. */
static bool is_plain_text(const char *p) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t x, quote, backslash;
    memcpy(&x, p, sizeof x);
    quote = x ^ (ones * '"');
    backslash = x ^ (ones * '\\');
    uint64_t hit = (quote - ones) | (backslash - ones) | (x - ones * 0x20) | x;
    return (hit & tops) == 0;
}

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The length of the escape whose backslash is at p; 0 if it is malformed. */
static size_t escape_bytes(const char *p, const char *end) {
    if (end - p < 2) return 0;
    if (p[1] != 'u') return memchr(escape_names, p[1], sizeof escape_names - 1) ? 2 : 0;
    if (end - p < 6) return 0;
    for (int i = 2; i < 6; i++)
        if (hex_digit(p[i]) < 0) return 0;
    return 6;
}

json_string_stop json_string_scan(const char **text, const char *end, bool check_utf8) {
    const char *p = *text;
    json_string_stop stop = JSON_STRING_END;
    while (stop == JSON_STRING_END) {
        while (end - p >= 8 && is_plain_text(p)) p += 8;
        if (p == end) break;

        /* One character at a time, until a step finds a reason to stop. */
        unsigned char c = (unsigned char)*p;
        size_t n = 1;
        if (c == '"') {
            stop = JSON_STRING_QUOTE;
        } else if (c < 0x20) {
            stop = JSON_STRING_CONTROL;
        } else if (c == '\\') {
            n = escape_bytes(p, end);
            if (n == 0) stop = JSON_STRING_ESCAPE;
        } else if (c >= 0x80 && check_utf8) {
            uint32_t code_point;
            n = utf8_decode(p, (size_t)(end - p), &code_point);
            if (n == 0) stop = JSON_STRING_INVALID;
        }
        if (stop == JSON_STRING_END) p += n;
    }
    *text = p;
    return stop;
}

static uint32_t four_hex_digits(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v = v * 16 + (uint32_t)hex_digit(p[i]);
    return v;
}

size_t json_string_unescape(const char *s, size_t n, char *out) {
    const char *p = s, *end = s + n;
    char *to = out;
    for (;;) {
        /* The stretch up to the next backslash is taken as it is. */
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t n_plain = (size_t)((escape ? escape : end) - p);
        memmove(to, p, n_plain);
        to += n_plain;
        if (!escape) break;
        p = escape + 2;
        if (escape[1] != 'u') {
            const char *name = memchr(escape_names, escape[1], sizeof escape_names - 1);
            *to++ = escape_values[name - escape_names];
            continue;
        }

        uint32_t c = four_hex_digits(p);
        p += 4;
        if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            uint32_t low = four_hex_digits(p + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
            }
        }
        bool is_lone_surrogate = c >= 0xd800 && c < 0xe000;
        to = utf8_put(to, is_lone_surrogate ? UTF8_REPLACEMENT : c);
    }
    return (size_t)(to - out);
}

char *json_string_put(char *out, const char *s) {
    *out++ = '"';
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20) {
            out += sprintf(out, "\\u%04x", (unsigned)*s);
            continue;
        }
        if (*s == '"' || *s == '\\') *out++ = '\\';
        *out++ = *s;
    }
    *out++ = '"';
    return out;
}
