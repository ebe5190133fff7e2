/* Arrays are offered one after the other, in the order of the file, and only the candidates are
 * kept: the array that was named, the one with the first of the usual names, the same among
 * matrices, and the first matrix. If no name was given, a matrix with a usual name is chosen, else
 * the only matrix. In a file without a matrix, an array with a usual name is what was meant: it is
 * chosen, so that whoever opens it says what is wrong with it. */
#include "formats/array_choice.h"

#include <string.h>

static const char *const usual_names[] = {"emb",      "Z",         "arr_0", "embeddings",
                                          "features", "embedding", "vector"};
enum { N_USUAL = sizeof usual_names / sizeof *usual_names };

/* Adds an array to the list for messages, as long as there is room: a checkpoint may hold
 * thousands. */
static void add_to_list(array_choice *c, const char *name, const char *what) {
    static const char more[] = ", ...";
    size_t n = strlen(c->list), room = sizeof c->list - n;
    if (c->is_full) return;

    int added = snprintf(c->list + n, room, "%s%s %s", n ? ", " : "", name, what);
    c->is_full = added < 0 || (size_t)added + sizeof more > room;
    if (c->is_full) snprintf(c->list + n, room, "%s", n ? more : more + 2);
}

void array_choice_offer(array_choice *c, const char *name, bool is_matrix, const char *what,
                        const void *token) {
    size_t rank = 0;
    while (rank < N_USUAL && strcmp(usual_names[rank], name) != 0) rank++;
    bool is_usual = rank < N_USUAL;

    /* Of two arrays with a usual name, the one whose name stands earlier in the list. */
    if (c->key && strcmp(c->key, name) == 0) c->named = token;
    if (is_usual && (!c->usual || rank < c->usual_rank)) {
        c->usual = token;
        c->usual_rank = rank;
    }
    if (is_usual && is_matrix && (!c->usual_matrix || rank < c->usual_matrix_rank)) {
        c->usual_matrix = token;
        c->usual_matrix_rank = rank;
    }
    if (is_matrix && c->n_matrices++ == 0) c->matrix = token;
    add_to_list(c, name, what);
}

void array_choice_offer_strided(array_choice *c, const char *name, const strided *s,
                                const void *token) {
    char shape[ARRAY_SHAPE_TEXT_BYTES], what[ARRAY_SHAPE_TEXT_BYTES + 16];
    snprintf(what, sizeof what, "%s %s", shape_describe(s->n_dims, s->shape, shape),
             dtype_name(s->type));
    array_choice_offer(c, name, s->n_dims == 2 && dtype_is_float(s->type), what, token);
}

semid_status array_choice_make(const array_choice *c, const void **token, semid_error *err) {
    const char *found = *c->list ? c->list : "none";
    const void *chosen = c->key               ? c->named
                         : c->usual_matrix    ? c->usual_matrix
                         : c->n_matrices == 1 ? c->matrix
                                              : NULL;
    /* Not what is needed, but what was meant. */
    if (!c->key && !chosen && c->n_matrices == 0) chosen = c->usual;

    if (!chosen && c->key)
        FAIL(SEMID_ERR_FORMAT, "%s: expected an array named %s, found %s", c->path, c->key, found);
    if (!chosen)
        FAIL(SEMID_ERR_FORMAT,
             "%s: expected vectors named emb, Z, arr_0, embeddings or features, or a single matrix "
             "of them (FILE:NAME chooses one), found %s",
             c->path, found);
    *token = chosen;
    return SEMID_OK;
}
