/* formats/array_choice.h - which of the named arrays of a file holds the vectors.
 *
 * The one that the user named; else the first of emb, Z, arr_0, embeddings, features, embedding and
 * vector that is a matrix of floating-point numbers; else the only such matrix. */
#ifndef FORMATS_ARRAY_CHOICE_H
#define FORMATS_ARRAY_CHOICE_H

#include "formats/array.h"

enum { ARRAY_CHOICE_LIST_BYTES = 600 };

typedef struct array_choice {
    const char *path; /* of the file, for messages */
    const char *key;  /* NULL: none was named */
    const void *named, *usual_matrix, *usual, *matrix;
    size_t usual_matrix_rank, usual_rank, n_matrices;
    bool is_full;
    char list[ARRAY_CHOICE_LIST_BYTES]; /* of what was offered, for messages */
} array_choice;

/* An array with what it is ("[3, 2] float32"). `token` is handed back if it is chosen. */
void array_choice_offer(array_choice *c, const char *name, bool is_matrix, const char *what,
                        const void *token);
void array_choice_offer_strided(array_choice *c, const char *name, const strided *s,
                                const void *token);
/* SEMID_ERR_FORMAT with everything that was offered if none is to be had. */
semid_status array_choice_make(const array_choice *c, const void **token, semid_error *err);

#endif
