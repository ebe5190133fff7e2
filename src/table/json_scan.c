#include "table/json_scan.h"

#include "formats/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 512 };

/* Scanning functions take a position and return the one behind what they read, or NULL with
 * `bad` set to where it went wrong. */
typedef struct scanner {
    const char *end, *bad;
    int depth;
} scanner;

static const char *fail(scanner *s, const char *at) {
    s->bad = at;
    return NULL;
}

static const char *skip_space(const scanner *s, const char *p) {
    while (p < s->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    return p;
}

/* Eight bytes at once: true when none of them ends or interrupts plain ASCII text in a string. */
static bool plain_text(const char *p) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t x, quote, backslash;
    memcpy(&x, p, sizeof x);
    quote = x ^ (ones * '"');
    backslash = x ^ (ones * '\\');
    uint64_t hit = (quote - ones) | (backslash - ones) | (x - ones * 0x20) | x;
    return (hit & tops) == 0;
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *scan_escape(scanner *s, const char *p) {
    if (s->end - p < 2) return fail(s, p);
    if (p[1] != 'u') return strchr("\"\\/bfnrt", p[1]) && p[1] ? p + 2 : fail(s, p);
    if (s->end - p < 6) return fail(s, p);
    for (int i = 2; i < 6; i++)
        if (!is_hex(p[i])) return fail(s, p);
    return p + 6;
}

static const char *scan_string(scanner *s, const char *p) {
    if (p == s->end || *p != '"') return fail(s, p);
    p++;
    while (p < s->end) {
        while (s->end - p >= 8 && plain_text(p)) p += 8;
        if (p == s->end) break;
        unsigned char c = (unsigned char)*p;
        if (c == '"') return p + 1;
        if (c < 0x20) return fail(s, p);
        if (c == '\\') {
            if (!(p = scan_escape(s, p))) return NULL;
        } else if (c < 0x80) {
            p++;
        } else {
            uint32_t code_point;
            size_t n = utf8_decode(p, (size_t)(s->end - p), &code_point);
            if (n == 0) return fail(s, p);
            p += n;
        }
    }
    return fail(s, s->end);
}

static const char *scan_word(scanner *s, const char *p, const char *word) {
    size_t n = strlen(word);
    return (size_t)(s->end - p) >= n && memcmp(p, word, n) == 0 ? p + n : fail(s, p);
}

static const char *scan_digits(scanner *s, const char *p) {
    const char *begin = p;
    while (p < s->end && *p >= '0' && *p <= '9') p++;
    return p > begin ? p : fail(s, p);
}

static const char *scan_number(scanner *s, const char *p) {
    if (*p == '-' && ++p < s->end && *p == 'I') return scan_word(s, p, "Infinity");
    if (p < s->end && *p == '0')
        p++;
    else if (!(p = scan_digits(s, p)))
        return NULL;
    if (p < s->end && *p == '.' && !(p = scan_digits(s, p + 1))) return NULL;
    if (p < s->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < s->end && (*p == '+' || *p == '-')) p++;
        p = scan_digits(s, p);
    }
    return p;
}

static const char *scan_value(scanner *s, const char *p);

static const char *scan_array(scanner *s, const char *p) {
    p = skip_space(s, p + 1);
    if (p < s->end && *p == ']') return p + 1;
    for (;;) {
        if (!(p = scan_value(s, skip_space(s, p)))) return NULL;
        p = skip_space(s, p);
        if (p == s->end || (*p != ',' && *p != ']')) return fail(s, p);
        if (*p++ == ']') return p;
    }
}

/* One `"key": value`; the places of both. */
typedef struct member {
    const char *key, *key_end, *value, *value_end;
} member;

static const char *scan_member(scanner *s, const char *p, member *m) {
    m->key = p + 1;
    if (!(p = scan_string(s, p))) return NULL;
    m->key_end = p - 1;
    p = skip_space(s, p);
    if (p == s->end || *p != ':') return fail(s, p);
    m->value = skip_space(s, p + 1);
    return m->value_end = scan_value(s, m->value);
}

typedef void (*member_fn)(void *user, const member *m);

static const char *scan_object(scanner *s, const char *p, member_fn visit, void *user) {
    p = skip_space(s, p + 1);
    if (p < s->end && *p == '}') return p + 1;
    for (;;) {
        member m;
        if (!(p = scan_member(s, skip_space(s, p), &m))) return NULL;
        if (visit) visit(user, &m);
        p = skip_space(s, p);
        if (p == s->end || (*p != ',' && *p != '}')) return fail(s, p);
        if (*p++ == '}') return p;
    }
}

static const char *scan_value(scanner *s, const char *p) {
    if (p == s->end) return fail(s, p);
    switch (*p) {
    case '"':
        return scan_string(s, p);
    case '{':
    case '[':
        if (s->depth == MAX_DEPTH) return fail(s, p);
        s->depth++;
        p = *p == '{' ? scan_object(s, p, NULL, NULL) : scan_array(s, p);
        s->depth--;
        return p;
    case 't':
        return scan_word(s, p, "true");
    case 'f':
        return scan_word(s, p, "false");
    case 'n':
        return scan_word(s, p, "null");
    case 'N':
        return scan_word(s, p, "NaN");
    case 'I':
        return scan_word(s, p, "Infinity");
    default:
        return scan_number(s, p);
    }
}

/* ---- the three entries ---- */

typedef struct wanted {
    const char *const *keys;
    size_t n_keys;
    json_span *out;
} wanted;

static void keep_wanted(void *user, const member *m) {
    const wanted *w = user;
    size_t n = (size_t)(m->key_end - m->key), n_value = (size_t)(m->value_end - m->value);
    for (size_t i = 0; i < w->n_keys; i++) {
        if (strncmp(w->keys[i], m->key, n) != 0 || w->keys[i][n]) continue;
        bool is_null = n_value == 4 && m->value[0] == 'n';
        w->out[i] = is_null ? (json_span){0} : (json_span){m->value, n_value};
        return;
    }
}

static const char *scan_line(const char *line, size_t n_bytes, member_fn visit, void *user) {
    scanner s = {.end = line + n_bytes};
    const char *p = skip_space(&s, line);
    if (p == s.end || *p != '{') return p;
    if (!(p = scan_object(&s, p, visit, user))) return s.bad;
    p = skip_space(&s, p);
    return p == s.end ? NULL : p;
}

const char *json_scan_object(const char *line, size_t n_bytes, const char *const *keys,
                             size_t n_keys, json_span *out) {
    for (size_t i = 0; i < n_keys; i++) out[i] = (json_span){0};
    return scan_line(line, n_bytes, keep_wanted, &(wanted){keys, n_keys, out});
}

typedef struct key_list {
    char *buf;
    size_t n_buf, n;
} key_list;

static void list_key(void *user, const member *m) {
    key_list *l = user;
    if (l->n + 1 >= l->n_buf) return;
    int n = snprintf(l->buf + l->n, l->n_buf - l->n, "%s%.*s", l->n ? ", " : "",
                     (int)(m->key_end - m->key), m->key);
    if (n > 0) l->n += (size_t)n;
}

void json_scan_keys(const char *line, size_t n_bytes, char *buf, size_t n_buf) {
    buf[0] = '\0';
    scan_line(line, n_bytes, list_key, &(key_list){buf, n_buf, 0});
}

static uint32_t hex4(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

/* \uXXXX at p, with its low surrogate if one follows. Returns the position behind. */
static const char *decode_unicode(const char *p, const char *end, char **out) {
    uint32_t c = hex4(p + 2);
    p += 6;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = hex4(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        }
    }
    size_t n = utf8_encode(c, *out);
    *out += n ? n : utf8_encode(0xfffd, *out);
    return p;
}

size_t json_scan_text(json_span value, char *buf) {
    if (value.text[0] != '"') {
        memcpy(buf, value.text, value.n_bytes);
        return value.n_bytes;
    }
    const char *p = value.text + 1, *end = value.text + value.n_bytes - 1;
    char *out = buf;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((escape ? escape : end) - p);
        memcpy(out, p, n);
        out += n;
        p += n;
        if (!escape) break;
        if (p[1] == 'u') {
            p = decode_unicode(p, end, &out);
            continue;
        }
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        *out++ = to[strchr(from, p[1]) - from];
        p += 2;
    }
    return (size_t)(out - buf);
}
