#include "pipeline/tokenize.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "encoder/tokenizer.h"
#include "pipeline/json_line.h"

#include <errno.h>
#include <string.h>

enum { BLOCK_BYTES = 4 << 20, LINES_PER_CHUNK = 256 };

typedef struct text_line {
    size_t begin, n_bytes;
} text_line;

/* The output of LINES_PER_CHUNK lines. */
typedef struct chunk {
    text_buffer text;
    semid_status status;
    size_t bad_line; /* in the block */
    semid_error err;
} chunk;

typedef struct scratch {
    text_buffer text;
    token_ids ids;
} scratch;

typedef struct tokenize_state {
    const tokenize_params *params;
    tokenizer *tokenizer;
    FILE *in;
    const char *in_name;
    text_buffer block; /* whole lines, and the start of the one behind them */
    text_line *lines;
    size_t n_lines, line_capacity;
    chunk *chunks;
    size_t n_chunks;
    scratch *scratches; /* one a thread */
    size_t n_scratches;
    size_t n_done; /* lines of earlier blocks */
} tokenize_state;

static size_t max_len(const tokenize_params *p) {
    return p->truncate ? (size_t)p->max_len : 0;
}

/* ---- reading ---- */

/* Fill up the block; *more is false when nothing is left. */
static semid_status read_block(tokenize_state *s, bool *more, semid_error *err) {
    text_buffer *b = &s->block;
    size_t n = 0;
    do { /* again while not one line is whole */
        TRY(mem_reserve(&b->bytes, &b->capacity, b->n_bytes + BLOCK_BYTES, 1, err));
        n = fread(b->bytes + b->n_bytes, 1, BLOCK_BYTES, s->in);
        if (ferror(s->in)) FAIL(SEMID_ERR_IO, "%s: cannot read: %s", s->in_name, strerror(errno));
        b->n_bytes += n;
    } while (n > 0 && !memchr(b->bytes + b->n_bytes - n, '\n', n));
    *more = b->n_bytes > 0;
    return SEMID_OK;
}

static semid_status add_line(tokenize_state *s, size_t begin, size_t end, semid_error *err) {
    TRY(mem_reserve(&s->lines, &s->line_capacity, s->n_lines + 1, sizeof *s->lines, err));
    s->lines[s->n_lines++] = (text_line){begin, end - begin};
    return SEMID_OK;
}

/* Find the lines of the block; *used is where they end. The last line of the input needs no end. */
static semid_status split_lines(tokenize_state *s, size_t *used, semid_error *err) {
    const char *bytes = s->block.bytes;
    size_t at = 0, n_bytes = s->block.n_bytes;
    s->n_lines = 0;
    for (const char *stop; at < n_bytes && (stop = memchr(bytes + at, '\n', n_bytes - at));) {
        size_t end = (size_t)(stop - bytes);
        TRY(add_line(s, at, end, err));
        at = end + 1;
    }
    if (at < n_bytes && feof(s->in)) {
        TRY(add_line(s, at, n_bytes, err));
        at = n_bytes;
    }
    *used = at;
    return SEMID_OK;
}

/* ---- tokenizing ---- */

static semid_status append_ids(text_buffer *out, const token_ids *ids, semid_error *err) {
    enum { ID_CHARS = 11 };
    TRY(mem_reserve(&out->bytes, &out->capacity, out->n_bytes + ids->n_ids * ID_CHARS + 4, 1, err));
    char *to = out->bytes + out->n_bytes;
    *to++ = '[';
    for (size_t i = 0; i < ids->n_ids; i++) {
        char digits[ID_CHARS];
        size_t n = 0;
        for (int32_t id = ids->ids[i]; n == 0 || id > 0; id /= 10)
            digits[n++] = (char)('0' + id % 10);
        if (i > 0) *to++ = ',';
        while (n > 0) *to++ = digits[--n];
    }
    *to++ = ']';
    *to++ = '\n';
    out->n_bytes = (size_t)(to - out->bytes);
    return SEMID_OK;
}

static semid_status append_bytes(text_buffer *out, const char *s, semid_error *err) {
    size_t n = strlen(s);
    TRY(mem_reserve(&out->bytes, &out->capacity, out->n_bytes + n, 1, err));
    memcpy(out->bytes + out->n_bytes, s, n);
    out->n_bytes += n;
    return SEMID_OK;
}

static semid_status append_tokens(const tokenizer *t, text_buffer *out, const token_ids *ids,
                                  semid_error *err) {
    TRY(append_bytes(out, "[", err));
    for (size_t i = 0; i < ids->n_ids; i++) {
        if (i > 0) TRY(append_bytes(out, ",", err));
        TRY(json_line_append_string(out, tokenizer_token(t, ids->ids[i]), err));
    }
    return append_bytes(out, "]\n", err);
}

static semid_status put_prefix(const char *prefix, text_buffer *text, semid_error *err) {
    size_t n = prefix ? strlen(prefix) : 0;
    if (n == 0) return SEMID_OK;
    TRY(mem_reserve(&text->bytes, &text->capacity, text->n_bytes + n, 1, err));
    memmove(text->bytes + n, text->bytes, text->n_bytes);
    memcpy(text->bytes, prefix, n);
    text->n_bytes += n;
    return SEMID_OK;
}

static semid_status tokenize_line(const tokenize_state *s, size_t line, scratch *work,
                                  text_buffer *out, semid_error *err) {
    TRY(json_line_decode(s->block.bytes + s->lines[line].begin, s->lines[line].n_bytes, &work->text,
                         err));
    TRY(put_prefix(s->params->prefix, &work->text, err));
    TRY(tokenizer_encode(s->tokenizer, work->text.bytes, work->text.n_bytes, max_len(s->params),
                         &work->ids, err));
    return s->params->tokens ? append_tokens(s->tokenizer, out, &work->ids, err)
                             : append_ids(out, &work->ids, err);
}

static void tokenize_chunk(void *user, size_t index, size_t begin, size_t end) {
    tokenize_state *s = user;
    chunk *c = &s->chunks[index];
    scratch *work = &s->scratches[threads_worker()];
    c->text.n_bytes = 0;
    c->status = SEMID_OK;
    for (size_t line = begin; line < end && c->status == SEMID_OK; line++) {
        c->bad_line = line;
        c->status = tokenize_line(s, line, work, &c->text, &c->err);
    }
}

static semid_status reserve_chunks(tokenize_state *s, size_t n, semid_error *err) {
    if (n <= s->n_chunks) return SEMID_OK;
    TRY(mem_resize(&s->chunks, s->n_chunks, n, sizeof *s->chunks, err));
    memset(s->chunks + s->n_chunks, 0, (n - s->n_chunks) * sizeof *s->chunks);
    s->n_chunks = n;
    return SEMID_OK;
}

static semid_status write_chunk(const tokenize_state *s, const chunk *c, semid_error *err) {
    FILE *out = s->params->out;
    if (c->text.n_bytes && fwrite(c->text.bytes, 1, c->text.n_bytes, out) != c->text.n_bytes)
        FAIL(SEMID_ERR_IO, "cannot write the tokens: %s", strerror(errno));
    if (c->status == SEMID_OK) return SEMID_OK;
    if (err) *err = c->err;
    error_prefix(err, "%s: line %zu", s->in_name, s->n_done + c->bad_line + 1);
    return c->status;
}

static semid_status tokenize_lines(tokenize_state *s, semid_error *err) {
    size_t n = chunk_count(s->n_lines, LINES_PER_CHUNK);
    TRY(reserve_chunks(s, n, err));
    parallel_chunks(s->n_lines, LINES_PER_CHUNK, tokenize_chunk, s);
    for (size_t i = 0; i < n; i++) TRY(write_chunk(s, &s->chunks[i], err));
    s->n_done += s->n_lines;
    return SEMID_OK;
}

/* ---- the step ---- */

static semid_status open_input(tokenize_state *s, semid_error *err) {
    bool from_file = s->params->in && strcmp(s->params->in, "-") != 0;
    s->in_name = from_file ? s->params->in : "standard input";
    s->in = stdin;
    if (!from_file) return SEMID_OK;
    TRY(file_check_readable(s->in_name, err));
    s->in = fopen(s->in_name, "rb");
    if (!s->in) FAIL(SEMID_ERR_IO, "%s: cannot open: %s", s->in_name, strerror(errno));
    return SEMID_OK;
}

static semid_status open_all(tokenize_state *s, semid_error *err) {
    TRY(tokenizer_open(&s->tokenizer, s->params->model, err));
    size_t n = (size_t)threads_get();
    TRY(mem_calloc(&s->scratches, n, sizeof *s->scratches, err));
    s->n_scratches = n;
    if (tokenizer_encode(s->tokenizer, "", 0, max_len(s->params), &s->scratches[0].ids, err) !=
        SEMID_OK)
        return error_prefix(err, "--max-len");
    return open_input(s, err);
}

static semid_status tokenize_all(tokenize_state *s, progress *p, semid_error *err) {
    for (;;) {
        size_t used;
        bool more;
        TRY(check_interrupted(err));
        TRY(read_block(s, &more, err));
        if (!more) return SEMID_OK;
        TRY(split_lines(s, &used, err));
        TRY(tokenize_lines(s, err));
        s->block.n_bytes -= used;
        memmove(s->block.bytes, s->block.bytes + used, s->block.n_bytes);
        progress_add(p, s->n_lines);
    }
}

static void release_all(tokenize_state *s) {
    if (s->in && s->in != stdin) fclose(s->in);
    for (size_t i = 0; i < s->n_chunks; i++) mem_free(s->chunks[i].text.bytes);
    for (size_t i = 0; i < s->n_scratches; i++) {
        mem_free(s->scratches[i].text.bytes);
        token_ids_release(&s->scratches[i].ids);
    }
    mem_free(s->block.bytes);
    mem_free(s->lines);
    mem_free(s->chunks);
    mem_free(s->scratches);
    tokenizer_close(s->tokenizer);
}

semid_status step_tokenize(const tokenize_params *params, const step_context *ctx, json_t **report,
                           semid_error *err) {
    (void)ctx;
    tokenize_state s = {.params = params};
    progress p;
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    json_t *figures = NULL;
    TRY_GOTO(open_all(&s, err));
    progress_begin(&p, "tokenize", "texts", 0);
    TRY_GOTO(tokenize_all(&s, &p, err));
    progress_end(&p);
    figures = json_pack("{sI}", "texts", (json_int_t)s.n_done);
    TRY_GOTO(step_end(timer, figures, err));
    *report = figures;
    figures = NULL;
done:
    json_decref(figures);
    release_all(&s);
    return status;
}
