#include "formats/npz.h"

#include "base/memory.h"
#include "formats/array_choice.h"
#include "formats/npy.h"

#include <string.h>

static const zip_member *find_array(const zipfile *z, const char *const *names, char *found,
                                    size_t capacity) {
    for (; *names; names++) {
        snprintf(found, capacity, "%s.npy", *names);
        const zip_member *m = zipfile_find(z, found);
        if (m) return m;
    }
    return NULL;
}

static semid_status fail_missing(const zipfile *z, const char *const *names, semid_error *err) {
    char wanted[256] = "", there[512];
    for (size_t at = 0; *names && at < sizeof wanted; names++)
        at += (size_t)snprintf(wanted + at, sizeof wanted - at, "%s%s", at ? ", " : "", *names);
    FAIL(SEMID_ERR_FORMAT, "%s: expected an array named %s, found %s", z->path, wanted,
         z->n_members ? zipfile_describe(z, there, sizeof there) : "none");
}

/* A member's array; what its data lies in is handed over. */
static semid_status open_member(strided *out, file_map *map, void **owned, zipfile *z,
                                const zip_member *m, semid_error *err) {
    semid_status status;
    char *label = NULL;
    const uint8_t *data;
    void *unpacked = NULL;
    TRY_GOTO(mem_format(&label, err, "%s: %.*s", z->path, (int)m->name_bytes, m->name));
    TRY_GOTO(zipfile_read(z, m, &data, &unpacked, err));
    TRY_GOTO(npy_parse(out, data, m->n_bytes, label, err));
    *map = (file_map){0};
    if (!unpacked) {
        *map = z->map;
        z->map = (file_map){0};
    }
    *owned = unpacked;
    unpacked = NULL;
done:
    mem_free(unpacked);
    mem_free(label);
    return status;
}

semid_status npz_open(strided *out, file_map *map, void **owned, const char *path,
                      const char *const *names, semid_error *err) {
    zipfile z;
    char name[128];
    TRY(zipfile_open(&z, path, err));
    const zip_member *m = find_array(&z, names, name, sizeof name);
    semid_status status =
        m ? open_member(out, map, owned, &z, m, err) : fail_missing(&z, names, err);
    zipfile_close(&z);
    return status;
}

/* What an array is, for the choice; one that cannot be read is offered all the same. */
static semid_status offer_member(array_choice *choice, const zipfile *z, const zip_member *m,
                                 semid_error *err) {
    static const char suffix[] = ".npy";
    size_t n = m->name_bytes, n_suffix = sizeof suffix - 1;
    if (n < n_suffix || memcmp(m->name + n - n_suffix, suffix, n_suffix) != 0) return SEMID_OK;
    char *name;
    const uint8_t *data;
    void *unpacked = NULL;
    strided s;
    TRY(mem_format(&name, err, "%.*s", (int)(n - n_suffix), m->name));
    if (zipfile_peek(z, m, &data, &unpacked, NULL) == SEMID_OK &&
        npy_parse(&s, data, m->n_bytes, name, NULL) == SEMID_OK)
        array_choice_offer_strided(choice, name, &s, m);
    else
        array_choice_offer(choice, name, false, "(no numbers)", m);
    mem_free(unpacked);
    mem_free(name);
    return SEMID_OK;
}

semid_status npz_open_vectors(strided *out, file_map *map, void **owned, const char *path,
                              const char *name, semid_error *err) {
    zipfile z;
    TRY(zipfile_open(&z, path, err));
    semid_status status = SEMID_OK;
    array_choice choice = {.path = path, .key = name};
    const void *m;
    for (size_t i = 0; i < z.n_members; i++)
        TRY_GOTO(offer_member(&choice, &z, &z.members[i], err));
    TRY_GOTO(array_choice_make(&choice, &m, err));
    TRY_GOTO(open_member(out, map, owned, &z, m, err));
done:
    zipfile_close(&z);
    return status;
}

/* The array keeps either the map or the unpacked bytes that its data lies in, or a copy alone. */
semid_status npz_load(array *out, const char *path, const char *const *names, semid_error *err) {
    strided s;
    file_map map;
    void *unpacked;
    array a;
    TRY(npz_open(&s, &map, &unpacked, path, names, err));
    semid_status status = strided_to_array(&a, &s, err);
    if (status == SEMID_OK && !a.owned) {
        a.owned = unpacked;
        a.map = map;
        unpacked = NULL;
        map = (file_map){0};
    }
    if (status == SEMID_OK) *out = a;
    mem_free(unpacked);
    file_map_close(&map);
    return status;
}

static semid_status add_member(zip_out *z, const npz_member *m, semid_error *err) {
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

semid_status npz_save(const char *path, const npz_member *members, size_t n_members,
                      semid_error *err) {
    zip_out z;
    TRY(zip_out_open(&z, path, err));
    semid_status status = SEMID_OK;
    for (size_t i = 0; i < n_members && status == SEMID_OK; i++)
        status = add_member(&z, &members[i], err);
    if (status == SEMID_OK) status = zip_out_commit(&z, err);
    zip_out_release(&z);
    return status;
}
