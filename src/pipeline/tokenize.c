#include "pipeline/tokenize.h"

#include "base/file.h"
#include "base/json_report.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "encoder/tokenizer.h"
#include "pipeline/json_line.h"

#include <errno.h>
#include <string.h>

/* Input comes in blocks of whole lines, a block is cut into chunks of lines that the threads share,
 * and the chunks are written in order: the output does not depend on the number of threads, and
 * memory is a block of text and its tokens. Where a line is bad, those before it are written, as a
 * program that reads line by line would have done. */

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

typedef struct worker_buffers {
    text_buffer text;
    token_ids ids;
} worker_buffers;

typedef struct tokenize_state {
    const tokenize_params *params;
    tokenizer *tokenizer;
    size_t max_len; /* 0: no limit */
    FILE *in;
    const char *in_name;
    text_buffer block; /* whole lines, and the start of the one after them */
    text_line *lines;
    size_t n_lines, line_capacity;
    chunk *chunks;
    size_t n_chunks;
    worker_buffers *workers; /* one per thread */
    size_t n_workers;
    size_t n_done; /* lines of earlier blocks */
} tokenize_state;

/* ---- reading ---- */

/* Fill up the block and find its lines; *used is where they end. The last line of the input
 * may lack its newline. */
static semid_status read_lines(tokenize_state *s, size_t *used, semid_error *err) {
    text_buffer *b = &s->block;
    size_t n = 0, at = 0;
    do { /* again while not one line is whole */
        TRY(mem_reserve(&b->bytes, &b->capacity, b->n_bytes + BLOCK_BYTES, 1, err));
        n = fread(b->bytes + b->n_bytes, 1, BLOCK_BYTES, s->in);
        if (ferror(s->in)) FAIL(SEMID_ERR_IO, "%s: cannot read: %s", s->in_name, strerror(errno));
        b->n_bytes += n;
    } while (n > 0 && !memchr(b->bytes + b->n_bytes - n, '\n', n));

    s->n_lines = 0;
    while (at < b->n_bytes) {
        /* a line without end waits for the next block, unless there is none */
        const char *stop = memchr(b->bytes + at, '\n', b->n_bytes - at);
        if (!stop && !feof(s->in)) break;
        size_t end = stop ? (size_t)(stop - b->bytes) : b->n_bytes;

        TRY(mem_reserve(&s->lines, &s->line_capacity, s->n_lines + 1, sizeof *s->lines, err));
        s->lines[s->n_lines++] = (text_line){at, end - at};
        at = stop ? end + 1 : end;
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
        char digits[ID_CHARS]; /* from the last one on */
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

static semid_status tokenize_line(const tokenize_state *s, size_t line, worker_buffers *work,
                                  text_buffer *out, semid_error *err) {
    text_buffer *text = &work->text;
    const char *prefix = s->params->prefix;
    size_t n_prefix = prefix ? strlen(prefix) : 0;
    TRY(json_line_decode(s->block.bytes + s->lines[line].begin, s->lines[line].n_bytes, text, err));

    if (n_prefix > 0) { /* before the text, whose place in the buffer the decoder chose */
        TRY(mem_reserve(&text->bytes, &text->capacity, text->n_bytes + n_prefix, 1, err));
        memmove(text->bytes + n_prefix, text->bytes, text->n_bytes);
        memcpy(text->bytes, prefix, n_prefix);
        text->n_bytes += n_prefix;
    }

    TRY(tokenizer_encode(s->tokenizer, text->bytes, text->n_bytes, s->max_len, &work->ids, err));
    const token_ids *ids = &work->ids;
    if (!s->params->tokens) return append_ids(out, ids, err);

    /* --tokens: the tokens themselves */
    TRY(append_bytes(out, "[", err));
    for (size_t i = 0; i < ids->n_ids; i++) {
        if (i > 0) TRY(append_bytes(out, ",", err));
        TRY(json_line_append_string(out, tokenizer_token(s->tokenizer, ids->ids[i]), err));
    }
    return append_bytes(out, "]\n", err);
}

static void tokenize_chunk(void *user, size_t index, size_t begin, size_t end) {
    tokenize_state *s = user;
    chunk *c = &s->chunks[index];
    worker_buffers *work = &s->workers[threads_worker()];
    c->text.n_bytes = 0;
    c->status = SEMID_OK;
    for (size_t line = begin; line < end && c->status == SEMID_OK; line++) {
        c->bad_line = line;
        c->status = tokenize_line(s, line, work, &c->text, &c->err);
    }
}

/* The lines of the block, written up to the first bad one. */
static semid_status tokenize_block(tokenize_state *s, semid_error *err) {
    FILE *out = s->params->out;
    size_t n = chunk_count(s->n_lines, LINES_PER_CHUNK);
    if (n > s->n_chunks) {
        TRY(mem_resize(&s->chunks, s->n_chunks, n, sizeof *s->chunks, err));
        memset(s->chunks + s->n_chunks, 0, (n - s->n_chunks) * sizeof *s->chunks);
        s->n_chunks = n;
    }
    parallel_chunks(s->n_lines, LINES_PER_CHUNK, tokenize_chunk, s);

    for (size_t i = 0; i < n; i++) {
        const chunk *c = &s->chunks[i];
        if (c->text.n_bytes && fwrite(c->text.bytes, 1, c->text.n_bytes, out) != c->text.n_bytes)
            FAIL(SEMID_ERR_IO, "cannot write the tokens: %s", strerror(errno));
        if (c->status == SEMID_OK) continue;

        if (err) *err = c->err;
        error_prefix(err, "%s: line %zu", s->in_name, s->n_done + c->bad_line + 1);
        return c->status;
    }
    s->n_done += s->n_lines;
    return SEMID_OK;
}

/* ---- the step ---- */

static semid_status open_all(tokenize_state *s, semid_error *err) {
    const tokenize_params *p = s->params;
    TRY(tokenizer_open(&s->tokenizer, p->model, err));
    s->max_len = p->truncate ? (size_t)p->max_len : 0;
    size_t n_workers = (size_t)threads_get();
    TRY(mem_calloc(&s->workers, n_workers, sizeof *s->workers, err));
    s->n_workers = n_workers;

    /* an empty text tells whether the length leaves room for the special tokens */
    if (tokenizer_encode(s->tokenizer, "", 0, s->max_len, &s->workers[0].ids, err) != SEMID_OK)
        return error_prefix(err, "--max-len");

    bool from_file = p->in && strcmp(p->in, "-") != 0;
    s->in_name = from_file ? p->in : "standard input";
    s->in = stdin;
    if (!from_file) return SEMID_OK;
    TRY(file_check_readable(s->in_name, err));
    s->in = fopen(s->in_name, "rb");
    if (!s->in) FAIL(SEMID_ERR_IO, "%s: cannot open: %s", s->in_name, strerror(errno));
    return SEMID_OK;
}

static semid_status tokenize_all(tokenize_state *s, semid_error *err) {
    semid_status status = SEMID_OK;
    progress bar;
    progress_begin(&bar, "tokenize", "texts", 0);
    for (;;) {
        size_t used;
        TRY_GOTO(check_interrupted(err));
        TRY_GOTO(read_lines(s, &used, err));
        if (s->block.n_bytes == 0) break;
        TRY_GOTO(tokenize_block(s, err));

        /* the start of the next line to the front */
        s->block.n_bytes -= used;
        memmove(s->block.bytes, s->block.bytes + used, s->block.n_bytes);
        progress_add(&bar, s->n_lines);
    }
done:
    progress_end(&bar);
    return status;
}

semid_status step_tokenize(const tokenize_params *params, const step_context *ctx, json_t **report,
                           semid_error *err) {
    (void)ctx;
    tokenize_state s = {.params = params};
    semid_status status = SEMID_OK;
    step_timer timer = step_begin();
    json_t *figures = NULL;
    TRY_GOTO(open_all(&s, err));
    TRY_GOTO(tokenize_all(&s, err));

    TRY_GOTO(json_made(&figures, json_pack("{sI}", "texts", (json_int_t)s.n_done), err));
    TRY_GOTO(step_end(timer, figures, err));
    *report = json_incref(figures);
done:
    json_decref(figures);
    if (s.in && s.in != stdin) fclose(s.in);
    for (size_t i = 0; i < s.n_chunks; i++) mem_free(s.chunks[i].text.bytes);
    for (size_t i = 0; i < s.n_workers; i++) {
        mem_free(s.workers[i].text.bytes);
        token_ids_release(&s.workers[i].ids);
    }
    mem_free(s.block.bytes);
    mem_free(s.lines);
    mem_free(s.chunks);
    mem_free(s.workers);
    tokenizer_close(s.tokenizer);
    return status;
}
