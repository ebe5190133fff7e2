#include "formats/array_choice.h"

#include <string.h>

static const char *const usual_names[] = {"emb",      "Z",         "arr_0", "embeddings",
                                          "features", "embedding", "vector"};
enum { N_USUAL = sizeof usual_names / sizeof *usual_names };

static size_t rank_of(const char *name) {
    size_t i = 0;
    while (i < N_USUAL && strcmp(usual_names[i], name) != 0) i++;
    return i;
}

/* As many as there is room for: a checkpoint may hold thousands. */
static void list(array_choice *c, const char *name, const char *what) {
    static const char more[] = ", ...";
    size_t n = strlen(c->there), room = sizeof c->there - n;
    if (c->is_full) return;
    int added = snprintf(c->there + n, room, "%s%s %s", n ? ", " : "", name, what);
    c->is_full = added < 0 || (size_t)added + sizeof more > room;
    if (c->is_full) snprintf(c->there + n, room, "%s", n ? more : more + 2);
}

void array_choice_offer(array_choice *c, const char *name, bool is_matrix, const char *what,
                        const void *token) {
    size_t rank = rank_of(name);
    if (c->key && strcmp(c->key, name) == 0) c->named = token;
    if (rank < N_USUAL && (!c->usual || rank < c->usual_rank)) {
        c->usual = token;
        c->usual_rank = rank;
    }
    if (is_matrix && rank < N_USUAL && (!c->usual_matrix || rank < c->usual_matrix_rank)) {
        c->usual_matrix = token;
        c->usual_matrix_rank = rank;
    }
    if (is_matrix && c->n_matrices++ == 0) c->matrix = token;
    list(c, name, what);
}

void array_choice_offer_strided(array_choice *c, const char *name, const strided *s,
                                const void *token) {
    char shape[ARRAY_SHAPE_TEXT_BYTES], what[ARRAY_SHAPE_TEXT_BYTES + 16];
    snprintf(what, sizeof what, "%s %s", shape_describe(s->n_dims, s->shape, shape),
             dtype_name(s->type));
    array_choice_offer(c, name, s->n_dims == 2 && dtype_is_float(s->type), what, token);
}

semid_status array_choice_make(const array_choice *c, const void **token, semid_error *err) {
    const char *there = *c->there ? c->there : "none";
    const void *chosen = c->key               ? c->named
                         : c->usual_matrix    ? c->usual_matrix
                         : c->n_matrices == 1 ? c->matrix
                                              : NULL;
    /* Not what is needed, but what is meant: who opens it says what is wrong with it. */
    if (!c->key && !chosen && c->n_matrices == 0) chosen = c->usual;
    if (!chosen && c->key)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an array named %s, found %s", c->path, c->key, there);
    if (!chosen)
        FAIL(SEMID_ERR_FORMAT,
             "%s: expected vectors named emb, Z, arr_0, embeddings or features, or a single matrix "
             "of them (FILE:NAME chooses one), found %s",
             c->path, there);
    *token = chosen;
    return SEMID_OK;
}
