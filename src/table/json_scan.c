#include "table/json_scan.h"

#include "base/json_string.h"

#include <stdio.h>
#include <string.h>

/* Recursive descent over one line, in one pass and without allocating: the line is checked to its
 * end, and of the values only the positions of the wanted ones are noted. Everything that may be
 * expensive (unescaping, numbers) is left to whoever uses the value, which for most columns and
 * most lines is nobody.
 *
 * Depth is bounded, so that hostile input cannot exhaust the stack. Strings take nearly all the
 * time; json_string_scan() looks at eight bytes at once. */

enum { MAX_DEPTH = 512 };

/* Scanning functions take a position and return the one after what they read, or NULL with `bad`
 * set to where the line is malformed. */
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

static const char *scan_string(scanner *s, const char *p) {
    if (p == s->end || *p != '"') return fail(s, p);
    p++;
    return json_string_scan(&p, s->end, true) == JSON_STRING_QUOTE ? p + 1 : fail(s, p);
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

/* The positions of one `"key": value`. */
typedef struct member {
    const char *key, *key_end, *value, *value_end;
} member;

typedef void (*member_fn)(void *user, const member *m);

static const char *scan_object(scanner *s, const char *p, member_fn visit, void *user) {
    p = skip_space(s, p + 1);
    if (p < s->end && *p == '}') return p + 1;

    for (;;) {
        member m = {.key = p + 1};
        if (!(p = scan_string(s, p))) return NULL;
        m.key_end = p - 1;
        p = skip_space(s, p);
        if (p == s->end || *p != ':') return fail(s, p);
        m.value = skip_space(s, p + 1);
        if (!(p = scan_value(s, m.value))) return NULL;
        m.value_end = p;
        if (visit) visit(user, &m);

        p = skip_space(s, p);
        if (p == s->end || (*p != ',' && *p != '}')) return fail(s, p);
        if (*p++ == '}') return p;
        p = skip_space(s, p);
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

/* ---- what is kept of an object ---- */

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

size_t json_scan_text(json_span value, char *buf) {
    if (value.text[0] == '"') return json_string_unescape(value.text + 1, value.n_bytes - 2, buf);
    memcpy(buf, value.text, value.n_bytes);
    return value.n_bytes;
}
