/* The pickle is written by hand, in opcodes that torch.load(weights_only=True) knows, of
 * protocol 2. What pt_read.c describes is what is written: data.pkl, byteorder, one storage data/0
 * with the rows, and version. A zip member states its length before its first byte, so the length
 * of the pickle is summed up first: a short beginning, five bytes and the text per id, a short end.
 * The rows are the last large member, and are streamed. */
#include "formats/pt_write.h"

#include <string.h>

typedef struct opcode_text {
    uint8_t bytes[512];
    size_t n;
} opcode_text;

static void put(opcode_text *t, const void *data, size_t n) {
    memcpy(t->bytes + t->n, data, n);
    t->n += n;
}

static void put_opcodes(opcode_text *t, const char *opcodes) {
    put(t, opcodes, strlen(opcodes));
}

static void put_length(uint8_t out[4], size_t n) {
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(n >> 8 * i);
}

static void put_str(opcode_text *t, const char *s) {
    uint8_t head[5] = {'X'};
    put_length(head + 1, strlen(s));
    put(t, head, sizeof head);
    put_opcodes(t, s);
}

/* LONG1 of eight bytes. */
static void put_int(opcode_text *t, size_t v) {
    uint8_t bytes[10] = {0x8a, 8};
    for (int i = 0; i < 8; i++) bytes[2 + i] = (uint8_t)((uint64_t)v >> 8 * i);
    put(t, bytes, sizeof bytes);
}

/* _rebuild_tensor_v2(storage, 0, (n_rows, dim), (dim, 1), False, OrderedDict()) */
static void put_tensor(opcode_text *t, size_t n_rows, size_t dim) {
    put_opcodes(t, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_str(t, "storage");
    put_opcodes(t, "ctorch\nFloatStorage\n");
    put_str(t, "0");
    put_str(t, "cpu");
    put_int(t, n_rows * dim);
    put_opcodes(t, "tQ");

    put_int(t, 0); /* the offset */
    put_int(t, n_rows);
    put_int(t, dim);
    put_opcodes(t, "\x86");
    put_int(t, dim);
    put_int(t, 1);
    put_opcodes(t, "\x86\x89"
                   "ccollections\nOrderedDict\n)RtR");
}

static semid_status write_pickle(zip_out *z, const opcode_text *begin, const ids *list,
                                 const opcode_text *end, semid_error *err) {
    size_t n_bytes = begin->n + end->n;
    for (size_t i = 0; list && i < list->n_ids; i++) {
        size_t n;
        ids_get(list, i, &n);
        if (n > UINT32_MAX) FAIL(SEMID_ERR_DATA, "id %zu: %zu bytes are too many", i, n);
        n_bytes += 5 + n;
    }

    TRY(zip_out_begin(z, "archive/data.pkl", n_bytes, err));
    zip_out_write(z, begin->bytes, begin->n);
    for (size_t i = 0; list && i < list->n_ids; i++) {
        size_t n;
        const char *s = ids_get(list, i, &n);
        uint8_t head[5] = {'X'};
        put_length(head + 1, n);
        zip_out_write(z, head, sizeof head);
        zip_out_write(z, s, n);
    }
    zip_out_write(z, end->bytes, end->n);
    return zip_out_end(z, err);
}

static semid_status write_small(zip_out *z, const char *name, const char *content,
                                semid_error *err) {
    TRY(zip_out_begin(z, name, strlen(content), err));
    zip_out_write(z, content, strlen(content));
    return zip_out_end(z, err);
}

semid_status pt_write_begin(zip_out *z, size_t n_rows, size_t dim, const ids *list,
                            semid_error *err) {
    /* {"emb": tensor, "ids": [ ... ]}, or the tensor alone. */
    opcode_text begin = {0}, end = {0};
    put_opcodes(&begin, "\x80\x02");
    if (list) {
        put_opcodes(&begin, "}(");
        put_str(&begin, "emb");
    }
    put_tensor(&begin, n_rows, dim);
    if (list) {
        put_str(&begin, "ids");
        put_opcodes(&begin, "](");
        put_opcodes(&end, "eu");
    }
    put_opcodes(&end, ".");

    TRY(write_pickle(z, &begin, list, &end, err));
    TRY(write_small(z, "archive/byteorder", "little", err));
    return zip_out_begin(z, "archive/data/0", (uint64_t)n_rows * dim * sizeof(float), err);
}

semid_status pt_write_finish(zip_out *z, semid_error *err) {
    TRY(zip_out_end(z, err));
    return write_small(z, "archive/version", "3\n", err);
}
