#include "pipeline/json_line.h"

#include "base/memory.h"
#include "encoder/unicode.h"

#include <stdio.h>
#include <string.h>

static const char *skip_space(const char *p, const char *end) {
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')) p++;
    return p;
}

/* Four hexadecimal digits at p; -1 if they are not there. */
static int32_t hex4(const char *p, const char *end) {
    int32_t value = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The character behind "\u" at p, which moves past it; -1 if it is malformed. */
static int32_t unicode_escape(const char **p, const char *end) {
    int32_t high = hex4(*p, end);
    if (high < 0) return -1;
    *p += 4;
    if (high < 0xd800 || high > 0xdfff) return high;
    if (high > 0xdbff || end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u') return 0xfffd;
    int32_t low = hex4(*p + 2, end);
    if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
    *p += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static int32_t escape(const char **p, const char *end) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (*p == end) return -1;
    char c = *(*p)++;
    if (c == 'u') return unicode_escape(p, end);
    const char *name = memchr(names, c, sizeof names - 1);
    return name ? values[name - names] : -1;
}

semid_status json_line_decode(const char *line, size_t n_bytes, text_buffer *out,
                              semid_error *err) {
    const char *end = line + n_bytes, *p = skip_space(line, end);
    if (p == end) FAIL(SEMID_ERR_FORMAT, "expected a JSON string, found an empty line");
    if (*p != '"')
        FAIL(SEMID_ERR_FORMAT, "expected a JSON string, found \"%.*s\"",
             end - p > 20 ? 20 : (int)(end - p), p);
    TRY(mem_reserve(&out->bytes, &out->capacity, n_bytes, 1, err)); /* escapes only shrink */
    char *to = out->bytes;
    for (p++; p < end && *p != '"';) {
        if ((unsigned char)*p < 0x20)
            FAIL(SEMID_ERR_FORMAT, "expected an escape, found a control character in the string");
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        p++;
        int32_t c = escape(&p, end);
        if (c < 0) FAIL(SEMID_ERR_FORMAT, "expected an escape behind a backslash");
        to = utf8_put(to, (uint32_t)c);
    }
    if (p == end) FAIL(SEMID_ERR_FORMAT, "expected a closing quote, found the end of the line");
    if (skip_space(p + 1, end) != end)
        FAIL(SEMID_ERR_FORMAT, "expected one JSON string, found more behind it");
    out->n_bytes = (size_t)(to - out->bytes);
    return SEMID_OK;
}

semid_status json_line_append_string(text_buffer *out, const char *s, semid_error *err) {
    size_t room = 6 * strlen(s) + 2;
    TRY(mem_reserve(&out->bytes, &out->capacity, out->n_bytes + room, 1, err));
    char *to = out->bytes + out->n_bytes;
    *to++ = '"';
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20) {
            to += sprintf(to, "\\u%04x", (unsigned)*s);
            continue;
        }
        if (*s == '"' || *s == '\\') *to++ = '\\';
        *to++ = *s;
    }
    *to++ = '"';
    out->n_bytes = (size_t)(to - out->bytes);
    return SEMID_OK;
}
