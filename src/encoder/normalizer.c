#include "encoder/normalizer.h"

#include "base/utf8.h"
#include "encoder/unicode.h"

#include <string.h>

/* The library runs up to four passes: cleaning, spaces around ideographs, NFD without marks, lower
 * case. Here each character goes through all of them at once; one byte of properties per code point
 * tells which of them concern it, for most characters none.
 *
 * The one thing that looks at more than a character is NFD's canonical ordering: characters of
 * combining class other than 0 that accent stripping keeps form a run, which is sorted by class
 * when another character follows. Runs are short and nearly always in order already.
 *
 * ASCII is copied by a table. The output is at most three times the input (NORMALIZER_ROOM). */

typedef struct normal_writer {
    const normalizer *n;
    char *out; /* the end of what is written */
    char *run; /* NULL: none is open */
    uint8_t run_class;
    bool run_disordered;
} normal_writer;

void normalizer_init(normalizer *n, normalizer_options options) {
    *n = (normalizer){.properties = unicode_properties()};
    if (options.clean_text) n->mask |= CHAR_REMOVED | CHAR_WHITESPACE;
    if (options.handle_chinese_chars) n->mask |= CHAR_CHINESE;
    if (options.strip_accents) n->mask |= CHAR_MARK | CHAR_DECOMPOSES | CHAR_NONSTARTER;
    if (options.lowercase) n->mask |= CHAR_UPPER;

    for (uint32_t c = 0; c < 128; c++) {
        uint8_t work = n->properties[c] & n->mask;
        uint32_t low[2] = {c};
        if (work & CHAR_UPPER) unicode_lower(c, low);
        n->ascii[c] = work & CHAR_WHITESPACE ? ' ' : (uint8_t)low[0];
        n->kept[c] = !(work & CHAR_REMOVED);
    }
}

/* Stable sort by class through a copy after the end; one pass for each class that occurs. */
static void sort_run(normal_writer *w) {
    size_t n_bytes = (size_t)(w->out - w->run);
    const char *copy = w->out, *end = copy + n_bytes;
    memcpy(w->out, w->run, n_bytes);

    char *out = w->run;
    for (int done = 0, next; done < 256; done = next) {
        next = 256;
        for (const char *p = copy; p < end;) {
            uint32_t c = utf8_next(&p, end);
            int combining_class = unicode_combining_class(c);
            if (combining_class == done) out = utf8_put(out, c);
            if (combining_class > done && combining_class < next) next = combining_class;
        }
    }
}

/* Called for nearly every character that is not ASCII: runs out of order are rare. */
static void close_run(normal_writer *w) {
    if (w->run && w->run_disordered) sort_run(w);
    w->run = NULL;
}

/* A character without the marks that are stripped. What stays may join the open run or close it,
 * and only its case may change. */
static void write_stripped(normal_writer *w, uint32_t c, uint8_t work) {
    uint32_t parts[3] = {c};
    if (work & CHAR_MARK) {
        if (!(work & CHAR_NONSTARTER)) close_run(w);
        return;
    }

    size_t n_parts = work & CHAR_DECOMPOSES ? unicode_decompose(c, parts) : 1;
    for (size_t i = 0; i < n_parts; i++) {
        uint8_t part_work = w->n->properties[parts[i]] & w->n->mask;
        if (part_work & CHAR_NONSTARTER) {
            uint8_t combining_class = unicode_combining_class(parts[i]);
            if (!w->run) {
                w->run = w->out;
                w->run_disordered = false;
            } else if (combining_class < w->run_class) {
                w->run_disordered = true;
            }
            w->run_class = combining_class;
            w->out = utf8_put(w->out, parts[i]);
            continue;
        }

        close_run(w);
        uint32_t low[2] = {parts[i]};
        size_t n_low = part_work & CHAR_UPPER ? unicode_lower(parts[i], low) : 1;
        for (size_t j = 0; j < n_low; j++) w->out = utf8_put(w->out, low[j]);
    }
}

static void write_space(normal_writer *w) {
    close_run(w);
    *w->out++ = ' ';
}

size_t normalizer_run(const normalizer *n, const char *text, size_t n_bytes, char *out) {
    normal_writer w = {.n = n, .out = out};

    for (const char *p = text, *end = text + n_bytes; p < end;) {
        if ((uint8_t)*p >= 0x80 || w.run) {
            uint32_t c = utf8_next(&p, end);
            uint8_t work = n->properties[c] & n->mask;
            if (work == 0) {
                close_run(&w);
                w.out = utf8_put(w.out, c);
            } else if (work & CHAR_REMOVED) {
                continue;
            } else if (work & CHAR_WHITESPACE) {
                write_space(&w);
            } else if (work & CHAR_CHINESE) {
                write_space(&w);
                write_stripped(&w, c, work);
                write_space(&w);
            } else {
                write_stripped(&w, c, work);
            }
            continue;
        }

        /* ASCII in which nothing can join an open run: written by table, whether it stays or not */
        char *to = w.out;
        for (; p < end && (uint8_t)*p < 0x80; p++) {
            *to = (char)n->ascii[(uint8_t)*p];
            to += n->kept[(uint8_t)*p];
        }
        w.out = to;
    }

    close_run(&w);
    return (size_t)(w.out - out);
}
