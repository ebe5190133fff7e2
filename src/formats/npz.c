/* A .npz file is what numpy.savez writes: a zip archive whose members are "<name>.npy", each a
 * whole .npy file, stored (savez) or deflated (savez_compressed). zip_read.h checks the container
 * and the bytes of a member against its checksum, npy.h what they say.
 *
 * To choose among arrays that no one named, only the header of each is read: a few hundred bytes of
 * it are unpacked, however large it is. Writers store and align members, so that they can be
 * mapped. */
#include "formats/npz.h"

#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/npy.h"
#include "formats/zip_read.h"
#include "formats/zip_write.h"

#include <string.h>

/* ---- reading ---- */

/* A member's array; what keeps its data (the archive's map or unpacked bytes) is handed over. */
static semid_status open_member(stored_array *out, zip_archive *z, const zip_member *m,
                                semid_error *err) {
    semid_status status;
    char *label = NULL;
    const uint8_t *data;
    stored_array a = {0};
    TRY_GOTO(mem_format(&label, err, "%s: %.*s", z->label, (int)m->name_bytes, m->name));
    TRY_GOTO(zip_read(z, m, &data, &a.owned, err));
    TRY_GOTO(npy_parse(&a.layout, data, m->n_bytes, label, err));

    if (!a.owned) {
        a.map = z->map;
        z->map = (file_map){0};
    }
    *out = a;
    a = (stored_array){0};
done:
    stored_array_release(&a);
    mem_free(label);
    return status;
}

/* The first of `names` that is in an open archive, which is closed. */
static semid_status load_first(array *out, zip_archive *z, const char *const *names,
                               semid_error *err) {
    const zip_member *m = NULL;
    char text[256];
    for (size_t i = 0; names[i] && !m; i++) {
        snprintf(text, sizeof text, "%s.npy", names[i]);
        m = zip_find(z, text);
    }

    stored_array a;
    semid_status status;
    if (!m) {
        char found[512];
        for (size_t i = 0, at = 0; names[i] && at < sizeof text; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", at ? ", " : "", names[i]);
        FAIL_GOTO(SEMID_ERR_FORMAT, "%s: expected an array named %s, found %s", z->label, text,
                  z->n_members ? zip_describe(z, found, sizeof found) : "none");
    }
    TRY_GOTO(open_member(&a, z, m, err));
    TRY_GOTO(stored_array_take(out, &a, err));
done:
    zip_close(z);
    return status;
}

semid_status npz_load(array *out, const char *path, const char *const *names, semid_error *err) {
    zip_archive z;
    TRY(zip_open(&z, path, err));
    return load_first(out, &z, names, err);
}

semid_status npz_load_memory(array *out, const void *data, size_t n_bytes, const char *label,
                             const char *const *names, semid_error *err) {
    zip_archive z;
    TRY(zip_open_memory(&z, data, n_bytes, label, err));
    return load_first(out, &z, names, err);
}

/* What an array is, for the choice; one that cannot be read is offered all the same. */
static semid_status offer_member(array_choice *choice, const zip_archive *z, const zip_member *m,
                                 semid_error *err) {
    enum { HEAD_BYTES = 16384 };
    static const char suffix[] = ".npy";
    size_t n = m->name_bytes, n_suffix = sizeof suffix - 1, n_head;
    if (n < n_suffix || memcmp(m->name + n - n_suffix, suffix, n_suffix) != 0) return SEMID_OK;

    /* Its header tells type and shape; the data is not looked at. */
    uint8_t head[HEAD_BYTES];
    char *name;
    strided s;
    TRY(mem_format(&name, err, "%.*s", (int)(n - n_suffix), m->name));
    if (zip_read_head(z, m, head, sizeof head, &n_head, NULL) == SEMID_OK &&
        npy_parse_head(&s, head, n_head, m->n_bytes, name, NULL) == SEMID_OK)
        array_choice_offer_strided(choice, name, &s, m);
    else
        array_choice_offer(choice, name, false, "(no numbers)", m);
    mem_free(name);
    return SEMID_OK;
}

semid_status npz_open_vectors(stored_array *out, const char *path, const char *name,
                              semid_error *err) {
    zip_archive z;
    TRY(zip_open(&z, path, err));
    semid_status status = SEMID_OK;
    array_choice choice = {.path = path, .key = name};
    const void *m;

    for (size_t i = 0; i < z.n_members; i++)
        TRY_GOTO(offer_member(&choice, &z, &z.members[i], err));
    TRY_GOTO(array_choice_make(&choice, &m, err));
    TRY_GOTO(open_member(out, &z, m, err));
done:
    zip_close(&z);
    return status;
}

/* ---- writing ---- */

static semid_status write_member(zip_out *z, const npz_member *m, semid_error *err) {
    char header[NPY_HEADER_MAX_BYTES], *name;
    const char *descr = npy_descr(m->type);
    size_t n_bytes;
    if (!descr || !shape_bytes(m->n_dims, m->shape, dtype_bytes(m->type), &n_bytes))
        FAIL(SEMID_ERR_ARGUMENT, "%s: this type or shape does not fit NumPy", m->name);

    size_t header_bytes = npy_format_header(header, descr, m->n_dims, m->shape);
    TRY(mem_format(&name, err, "%s.npy", m->name));
    semid_status status = zip_out_begin(z, name, header_bytes + n_bytes, err);
    mem_free(name);
    TRY(status);
    zip_out_write(z, header, header_bytes);
    zip_out_write(z, m->data, n_bytes);
    return zip_out_end(z, err);
}

/* All members into an open archive, which is closed. */
static semid_status write_members(zip_out *z, const npz_member *members, size_t n_members,
                                  semid_error *err) {
    semid_status status = SEMID_OK;
    for (size_t i = 0; i < n_members && status == SEMID_OK; i++)
        status = write_member(z, &members[i], err);
    if (status == SEMID_OK) status = zip_out_commit(z, err);
    zip_out_release(z);
    return status;
}

semid_status npz_save(const char *path, const npz_member *members, size_t n_members,
                      semid_error *err) {
    zip_out z;
    TRY(zip_out_open(&z, path, err));
    return write_members(&z, members, n_members, err);
}

semid_status npz_save_memory(byte_buffer *out, const npz_member *members, size_t n_members,
                             semid_error *err) {
    zip_out z;
    zip_out_open_buffer(&z, out);
    return write_members(&z, members, n_members, err);
}
