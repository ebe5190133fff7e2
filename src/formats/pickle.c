/* A pickle is a program for a stack machine (Python's pickletools.py describes it): opcodes push
 * numbers and text, collect the values above a mark into containers, store and fetch values in a
 * memo, and call functions by name. The harm of pickles is in the calls; here a call only becomes a
 * value that holds which known name it is of and its arguments. Any other name or opcode is
 * refused.
 *
 * Values are numbered in the order in which they are made, and containers hold numbers: shared and
 * even cyclic structures cost nothing, and nothing here recurses. Text is borrowed from the input.
 * Every opcode takes at least a byte and makes at most one value or one reference, lengths are
 * checked against the rest of the input, and a memo index against its length, so time and memory
 * are proportional to the input, whatever it claims. */
#include "formats/pickle.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <string.h>

typedef struct machine {
    pickle *p;
    const uint8_t *begin, *at, *end;
    const char *label;
    uint8_t opcode;
    uint32_t *stack, *memo;
    size_t *marks;
    size_t n_stack, n_marks, n_memo;
    size_t stack_capacity, marks_capacity, memo_capacity;
} machine;

#define UNSET UINT32_MAX /* in the memo: nothing was stored there */

/* ---- names ---- */

static const struct {
    const char *module, *name;
    pickle_global global;
} globals[] = {
    {"collections", "OrderedDict", GLOBAL_ORDERED_DICT},
    {"_codecs", "encode", GLOBAL_ENCODE},
    {"torch._utils", "_rebuild_tensor_v2", GLOBAL_TENSOR},
    {"torch._utils", "_rebuild_parameter", GLOBAL_PARAMETER},
    {"numpy.core.multiarray", "_reconstruct", GLOBAL_ARRAY},
    {"numpy._core.multiarray", "_reconstruct", GLOBAL_ARRAY},
    {"numpy", "ndarray", GLOBAL_NDARRAY},
    {"numpy", "dtype", GLOBAL_DTYPE},
    {"numpy.core.multiarray", "scalar", GLOBAL_SCALAR},
    {"numpy._core.multiarray", "scalar", GLOBAL_SCALAR},
    {"torch", "HalfStorage", GLOBAL_STORAGE_F16},
    {"torch", "BFloat16Storage", GLOBAL_STORAGE_BF16},
    {"torch", "FloatStorage", GLOBAL_STORAGE_F32},
    {"torch", "DoubleStorage", GLOBAL_STORAGE_F64},
    {"torch", "CharStorage", GLOBAL_STORAGE_I8},
    {"torch", "ByteStorage", GLOBAL_STORAGE_U8},
    {"torch", "ShortStorage", GLOBAL_STORAGE_I16},
    {"torch", "IntStorage", GLOBAL_STORAGE_I32},
    {"torch", "LongStorage", GLOBAL_STORAGE_I64},
    {"torch", "BoolStorage", GLOBAL_STORAGE_BOOL},
};

static bool same(const char *s, size_t n, const char *text) {
    return strlen(text) == n && memcmp(s, text, n) == 0;
}

/* ---- the machine's parts ---- */

static semid_status corrupt(const machine *m, const char *what, semid_error *err) {
    FAIL(SEMID_ERR_FORMAT, "%s: corrupt pickle at byte %zu (opcode 0x%02x): %s", m->label,
         (size_t)(m->at - m->begin), m->opcode, what);
}

static semid_status take(machine *m, uint64_t n, const uint8_t **out, semid_error *err) {
    if (n > (size_t)(m->end - m->at)) return corrupt(m, "truncated", err);
    *out = m->at;
    m->at += n;
    return SEMID_OK;
}

static semid_status take_uint(machine *m, size_t n_bytes, uint64_t *out, semid_error *err) {
    const uint8_t *p;
    TRY(take(m, n_bytes, &p, err));
    uint64_t v = 0;
    for (size_t i = n_bytes; i-- > 0;) v = v << 8 | p[i];
    *out = v;
    return SEMID_OK;
}

static semid_status push_index(machine *m, uint32_t index, semid_error *err) {
    TRY(mem_reserve(&m->stack, &m->stack_capacity, m->n_stack + 1, sizeof *m->stack, err));
    m->stack[m->n_stack++] = index;
    return SEMID_OK;
}

static semid_status push(machine *m, pickle_value v, semid_error *err) {
    pickle *p = m->p;
    if (p->n_values == UNSET) return corrupt(m, "too many values", err);
    TRY(mem_reserve(&p->values, &p->capacity, p->n_values + 1, sizeof *p->values, err));
    TRY(push_index(m, (uint32_t)p->n_values, err));
    p->values[p->n_values++] = v;
    return SEMID_OK;
}

/* How many values lie above the last mark: those that an opcode may take. */
static size_t available(const machine *m) {
    return m->n_stack - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

static semid_status need(const machine *m, size_t n, semid_error *err) {
    return available(m) >= n ? SEMID_OK : corrupt(m, "values are missing on the stack", err);
}

static pickle_value *top(const machine *m, size_t depth) {
    return &m->p->values[m->stack[m->n_stack - 1 - depth]];
}

static semid_status pop_mark(machine *m, size_t *n_above, semid_error *err) {
    if (m->n_marks == 0) return corrupt(m, "no mark", err);
    *n_above = available(m);
    m->n_marks--;
    return SEMID_OK;
}

/* Moves the n topmost values to the end of the items of a value. Capacities are powers of two, from
 * 4 on, so that they need not be stored. */
static semid_status extend(machine *m, uint32_t index, size_t n, semid_error *err) {
    size_t have = m->p->values[index].n, old = 0, wanted = 4;
    if (have)
        for (old = 4; old < have;) old *= 2;
    while (wanted < have + n) wanted *= 2;
    if (have + n > UINT32_MAX) return corrupt(m, "too many items", err);

    uint32_t *items = m->p->values[index].as.items;
    if (wanted > old) TRY(mem_resize(&items, have, wanted, sizeof *items, err));

    m->n_stack -= n;
    if (n) memcpy(items + have, m->stack + m->n_stack, n * sizeof *items);
    m->p->values[index].as.items = items;
    m->p->values[index].n = (uint32_t)(have + n);
    return SEMID_OK;
}

/* Replaces the n topmost values by a container of them. */
static semid_status gather(machine *m, pickle_kind kind, uint8_t global, size_t n,
                           semid_error *err) {
    TRY(push(m, (pickle_value){.kind = (uint8_t)kind, .global = global}, err));
    uint32_t index = m->stack[--m->n_stack];
    if (n) TRY(extend(m, index, n, err));
    return push_index(m, index, err);
}

/* ---- opcodes: numbers and text ---- */

static semid_status push_int(machine *m, pickle_kind kind, int64_t v, semid_error *err) {
    return push(m, (pickle_value){.kind = (uint8_t)kind, .as.integer = v}, err);
}

static semid_status op_none(machine *m, semid_error *err) {
    return push_int(m, PICKLE_NONE, 0, err);
}

static semid_status op_bool(machine *m, semid_error *err) {
    return push_int(m, PICKLE_BOOL, m->opcode == 0x88, err);
}

static semid_status op_int(machine *m, semid_error *err) {
    uint64_t v;
    size_t n = m->opcode == 'K' ? 1 : (m->opcode == 'M' ? 2 : 4);
    TRY(take_uint(m, n, &v, err));
    return push_int(m, PICKLE_INT, n == 4 ? (int32_t)(uint32_t)v : (int64_t)v, err);
}

static semid_status op_long(machine *m, semid_error *err) {
    uint64_t n, v = 0;
    TRY(take_uint(m, 1, &n, err));
    if (n > 8) return corrupt(m, "an integer of more than 64 bits", err);
    TRY(take_uint(m, n, &v, err));
    unsigned unused = n ? (unsigned)(64 - 8 * n) : 0;
    return push_int(m, PICKLE_INT, (int64_t)(v << unused) >> unused, err);
}

static semid_status op_float(machine *m, semid_error *err) {
    const uint8_t *p;
    TRY(take(m, 8, &p, err));
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | p[i];
    pickle_value v = {.kind = PICKLE_FLOAT};
    memcpy(&v.as.real, &bits, sizeof bits);
    return push(m, v, err);
}

static semid_status take_text(machine *m, pickle_kind kind, size_t length_bytes, semid_error *err) {
    uint64_t n;
    const uint8_t *p;
    TRY(take_uint(m, length_bytes, &n, err));
    TRY(take(m, n, &p, err));
    if (n > UINT32_MAX) return corrupt(m, "text of 4 GiB or more", err);
    return push(
        m, (pickle_value){.kind = (uint8_t)kind, .n = (uint32_t)n, .as.bytes = (const char *)p},
        err);
}

static semid_status op_text(machine *m, semid_error *err) {
    size_t length_bytes = m->opcode == 'X' ? 4 : (m->opcode == 0x8c ? 1 : 8);
    return take_text(m, PICKLE_STR, length_bytes, err);
}

static semid_status op_bytes(machine *m, semid_error *err) {
    bool is_short = m->opcode == 'C' || m->opcode == 'U';
    return take_text(m, PICKLE_BYTES, is_short ? 1 : (m->opcode == 0x8e ? 8 : 4), err);
}

/* ---- opcodes: containers ---- */

static semid_status op_mark(machine *m, semid_error *err) {
    TRY(mem_reserve(&m->marks, &m->marks_capacity, m->n_marks + 1, sizeof *m->marks, err));
    m->marks[m->n_marks++] = m->n_stack;
    return SEMID_OK;
}

static semid_status op_pop(machine *m, semid_error *err) {
    if (m->n_marks && available(m) == 0) {
        m->n_marks--;
        return SEMID_OK;
    }
    TRY(need(m, 1, err));
    m->n_stack--;
    return SEMID_OK;
}

static semid_status op_pop_mark(machine *m, semid_error *err) {
    size_t n;
    TRY(pop_mark(m, &n, err));
    m->n_stack -= n;
    return SEMID_OK;
}

static pickle_kind container_kind(uint8_t opcode) {
    if (opcode == ']' || opcode == 'l') return PICKLE_LIST;
    return opcode == '}' || opcode == 'd' ? PICKLE_DICT : PICKLE_TUPLE;
}

static semid_status op_empty(machine *m, semid_error *err) {
    return gather(m, container_kind(m->opcode), 0, 0, err);
}

static semid_status op_marked(machine *m, semid_error *err) {
    size_t n;
    TRY(pop_mark(m, &n, err));
    if (m->opcode == 'd' && n % 2) return corrupt(m, "a key without a value", err);
    return gather(m, container_kind(m->opcode), 0, n, err);
}

static semid_status op_small_tuple(machine *m, semid_error *err) {
    size_t n = m->opcode - 0x84u;
    TRY(need(m, n, err));
    return gather(m, PICKLE_TUPLE, 0, n, err);
}

/* The n topmost values go into the list or dict below them. */
static semid_status add_items(machine *m, pickle_kind kind, size_t n, semid_error *err) {
    TRY(need(m, n + 1, err));
    if (top(m, n)->kind != kind) return corrupt(m, "items for what is no container", err);
    if (kind == PICKLE_DICT && n % 2) return corrupt(m, "a key without a value", err);
    return n ? extend(m, m->stack[m->n_stack - 1 - n], n, err) : SEMID_OK;
}

static semid_status op_append(machine *m, semid_error *err) {
    bool list = m->opcode == 'a';
    return add_items(m, list ? PICKLE_LIST : PICKLE_DICT, list ? 1 : 2, err);
}

static semid_status op_appends(machine *m, semid_error *err) {
    size_t n;
    TRY(pop_mark(m, &n, err));
    return add_items(m, m->opcode == 'e' ? PICKLE_LIST : PICKLE_DICT, n, err);
}

/* ---- opcodes: the memo ---- */

static semid_status op_put(machine *m, semid_error *err) {
    uint64_t index = m->n_memo;
    if (m->opcode != 0x94) TRY(take_uint(m, m->opcode == 'q' ? 1 : 4, &index, err));
    TRY(need(m, 1, err));
    /* Each index takes an opcode to fill, so no honest one exceeds the length of the pickle. */
    if (index >= (size_t)(m->end - m->begin)) return corrupt(m, "a memo place far outside", err);

    TRY(mem_reserve(&m->memo, &m->memo_capacity, index + 1, sizeof *m->memo, err));
    while (m->n_memo <= index) m->memo[m->n_memo++] = UNSET;
    m->memo[index] = m->stack[m->n_stack - 1];
    return SEMID_OK;
}

static semid_status op_get(machine *m, semid_error *err) {
    uint64_t index;
    TRY(take_uint(m, m->opcode == 'h' ? 1 : 4, &index, err));
    if (index >= m->n_memo || m->memo[index] == UNSET)
        return corrupt(m, "a memo place that is empty", err);
    return push_index(m, m->memo[index], err);
}

/* ---- opcodes: names and calls ---- */

static semid_status push_global(machine *m, const char *module, size_t module_bytes,
                                const char *name, size_t name_bytes, semid_error *err) {
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (same(module, module_bytes, globals[i].module) &&
            same(name, name_bytes, globals[i].name))
            return push(m,
                        (pickle_value){.kind = PICKLE_GLOBAL, .global = (uint8_t)globals[i].global},
                        err);
    FAIL(SEMID_ERR_FORMAT,
         "%s: refused: this pickle asks for %.*s.%.*s; expected only tensors, numbers, text, lists "
         "and dicts, and no code is ever run",
         m->label, (int)(module_bytes < 100 ? module_bytes : 100), module,
         (int)(name_bytes < 100 ? name_bytes : 100), name);
}

static semid_status take_line(machine *m, const char **out, size_t *n, semid_error *err) {
    const uint8_t *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (!newline) return corrupt(m, "truncated", err);
    *out = (const char *)m->at;
    *n = (size_t)(newline - m->at);
    m->at = newline + 1;
    return SEMID_OK;
}

static semid_status op_global(machine *m, semid_error *err) {
    const char *module, *name;
    size_t module_bytes, name_bytes;
    TRY(take_line(m, &module, &module_bytes, err));
    TRY(take_line(m, &name, &name_bytes, err));
    return push_global(m, module, module_bytes, name, name_bytes, err);
}

static semid_status op_stack_global(machine *m, semid_error *err) {
    TRY(need(m, 2, err));
    const pickle_value *module = top(m, 1), *name = top(m, 0);
    if (module->kind != PICKLE_STR || name->kind != PICKLE_STR)
        return corrupt(m, "a name that is no text", err);
    m->n_stack -= 2;
    return push_global(m, module->as.bytes, module->n, name->as.bytes, name->n, err);
}

/* _codecs.encode(text, "latin1") is how protocol 2 spells bytes. */
static semid_status push_latin1(machine *m, const pickle_value *args, semid_error *err) {
    const pickle_value *text = pickle_item(m->p, args, 0);
    if (!text || text->kind != PICKLE_STR || !pickle_is_str(pickle_item(m->p, args, 1), "latin1"))
        return corrupt(m, "an encoding other than latin1", err);

    /* The text is UTF-8 here; latin1 has a byte for each of its first 256 code points. */
    const char *s = text->as.bytes;
    size_t n = text->n, length = 0;
    char *bytes;
    TRY(mem_alloc(&bytes, n, 1, err));
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t step = utf8_decode(s + at, n - at, &c);
        if (step == 0 || c > 0xff) {
            mem_free(bytes);
            return corrupt(m, "text that is not latin1", err);
        }
        bytes[length++] = (char)c;
        at += step;
    }

    pickle_value v = {
        .kind = PICKLE_BYTES, .owned = true, .n = (uint32_t)length, .as.bytes = bytes};
    semid_status status = push(m, v, err);
    if (status != SEMID_OK) mem_free(bytes);
    return status;
}

static semid_status op_reduce(machine *m, semid_error *err) {
    TRY(need(m, 2, err));
    const pickle_value *callee = top(m, 1), *args = top(m, 0);
    if (callee->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return corrupt(m, "a call of what is no function", err);

    uint8_t global = callee->global;
    uint32_t args_index = m->stack[m->n_stack - 1];
    m->n_stack -= 2;

    /* Bytes and ordered dicts are spelled as calls, and made at once. */
    if (global == GLOBAL_ENCODE) return push_latin1(m, args, err);
    if (global == GLOBAL_ORDERED_DICT) {
        if (args->n > 0) return corrupt(m, "an OrderedDict with arguments", err);
        return gather(m, PICKLE_DICT, 0, 0, err);
    }
    TRY(push_index(m, args_index, err));
    return gather(m, PICKLE_CALL, global, 1, err);
}

/* The state of a call is its second item; that of a dict (attributes) is of no interest. */
static semid_status op_build(machine *m, semid_error *err) {
    TRY(need(m, 2, err));
    const pickle_value *target = top(m, 1);
    if (target->kind == PICKLE_DICT) {
        m->n_stack--;
        return SEMID_OK;
    }
    if (target->kind != PICKLE_CALL || target->n != 1)
        return corrupt(m, "a state for what has none", err);
    return extend(m, m->stack[m->n_stack - 2], 1, err);
}

static semid_status op_persistent(machine *m, semid_error *err) {
    TRY(need(m, 1, err));
    return gather(m, PICKLE_PERSISTENT, 0, 1, err);
}

/* ---- opcodes: protocol and frames ---- */

static semid_status op_proto(machine *m, semid_error *err) {
    uint64_t version;
    TRY(take_uint(m, 1, &version, err));
    return version <= 5 ? SEMID_OK : corrupt(m, "an unknown protocol", err);
}

static semid_status op_frame(machine *m, semid_error *err) {
    uint64_t n;
    TRY(take_uint(m, 8, &n, err));
    return n <= (size_t)(m->end - m->at) ? SEMID_OK : corrupt(m, "truncated", err);
}

typedef semid_status (*opcode_fn)(machine *m, semid_error *err);
static const opcode_fn opcodes[256] = {
    [0x80] = op_proto,        [0x95] = op_frame,       ['N'] = op_none,   [0x88] = op_bool,
    [0x89] = op_bool,         ['K'] = op_int,          ['M'] = op_int,    ['J'] = op_int,
    [0x8a] = op_long,         ['G'] = op_float,        ['X'] = op_text,   [0x8c] = op_text,
    [0x8d] = op_text,         ['C'] = op_bytes,        ['B'] = op_bytes,  [0x8e] = op_bytes,
    ['U'] = op_bytes,         ['T'] = op_bytes,        ['('] = op_mark,   ['0'] = op_pop,
    ['1'] = op_pop_mark,      [']'] = op_empty,        [')'] = op_empty,  ['}'] = op_empty,
    ['l'] = op_marked,        ['t'] = op_marked,       ['d'] = op_marked, [0x85] = op_small_tuple,
    [0x86] = op_small_tuple,  [0x87] = op_small_tuple, ['a'] = op_append, ['s'] = op_append,
    ['e'] = op_appends,       ['u'] = op_appends,      ['q'] = op_put,    ['r'] = op_put,
    [0x94] = op_put,          ['h'] = op_get,          ['j'] = op_get,    ['c'] = op_global,
    [0x93] = op_stack_global, ['R'] = op_reduce,       ['b'] = op_build,  ['Q'] = op_persistent,
};

static semid_status run(machine *m, semid_error *err) {
    enum { STOP = '.' };
    for (;;) {
        if (m->at == m->end) return corrupt(m, "truncated", err);
        m->opcode = *m->at++;
        if (m->opcode == STOP) break;

        opcode_fn fn = opcodes[m->opcode];
        if (!fn)
            FAIL(SEMID_ERR_FORMAT, "%s: refused: pickle opcode 0x%02x at byte %zu is not allowed",
                 m->label, m->opcode, (size_t)(m->at - m->begin) - 1);
        TRY(fn(m, err));
    }

    /* What is left on the stack is the object that was pickled. */
    if (m->n_stack != 1 || m->n_marks != 0) return corrupt(m, "expected one value at the end", err);
    m->p->root = m->stack[0];
    m->p->n_bytes = (size_t)(m->at - m->begin);
    return SEMID_OK;
}

semid_status pickle_parse(pickle *out, const uint8_t *data, size_t n_bytes, const char *label,
                          semid_error *err) {
    pickle p = {0};
    machine m = {.p = &p, .begin = data, .at = data, .end = data + n_bytes, .label = label};
    semid_status status = run(&m, err);
    mem_free(m.stack);
    mem_free(m.memo);
    mem_free(m.marks);
    if (status == SEMID_OK)
        *out = p;
    else
        pickle_release(&p);
    return status;
}

/* ---- the result ---- */

static bool has_items(const pickle_value *v) {
    return v->kind == PICKLE_LIST || v->kind == PICKLE_TUPLE || v->kind == PICKLE_DICT ||
           v->kind == PICKLE_CALL || v->kind == PICKLE_PERSISTENT;
}

void pickle_release(pickle *p) {
    for (size_t i = 0; i < p->n_values; i++) {
        pickle_value *v = &p->values[i];
        if (has_items(v)) mem_free(v->as.items);
        if (v->owned) mem_free((void *)(uintptr_t)v->as.bytes);
    }
    mem_free(p->values);
    *p = (pickle){0};
}

const pickle_value *pickle_root(const pickle *p) {
    return &p->values[p->root];
}

const pickle_value *pickle_item(const pickle *p, const pickle_value *v, size_t i) {
    return v && has_items(v) && i < v->n ? &p->values[v->as.items[i]] : NULL;
}

bool pickle_is_call(const pickle_value *v, pickle_global callee) {
    return v && v->kind == PICKLE_CALL && v->global == callee;
}

bool pickle_is_str(const pickle_value *v, const char *text) {
    return v && v->kind == PICKLE_STR && same(v->as.bytes, v->n, text);
}

const pickle_value *pickle_find(const pickle *p, const pickle_value *dict, const char *key) {
    if (!dict || dict->kind != PICKLE_DICT) return NULL;
    for (size_t i = dict->n; i >= 2; i -= 2) /* the last one counts, as in Python */
        if (pickle_is_str(pickle_item(p, dict, i - 2), key)) return pickle_item(p, dict, i - 1);
    return NULL;
}

bool pickle_size(const pickle_value *v, size_t *out) {
    if (!v || v->kind != PICKLE_INT || v->as.integer < 0) return false;
    *out = (size_t)v->as.integer;
    return true;
}

const char *pickle_describe(const pickle_value *v) {
    static const char *const names[] = {
        [PICKLE_NONE] = "None",      [PICKLE_BOOL] = "a bool",
        [PICKLE_INT] = "an integer", [PICKLE_FLOAT] = "a float",
        [PICKLE_STR] = "a string",   [PICKLE_BYTES] = "bytes",
        [PICKLE_LIST] = "a list",    [PICKLE_TUPLE] = "a tuple",
        [PICKLE_DICT] = "a dict",    [PICKLE_GLOBAL] = "a function or type",
        [PICKLE_CALL] = "an object", [PICKLE_PERSISTENT] = "a storage"};
    return v ? names[v->kind] : "nothing";
}
