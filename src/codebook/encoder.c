#include "semid/encoder.h"

#include "base/context.h"
#include "base/finite.h"
#include "base/memory.h"
#include "base/threads.h"
#include "codebook/beam.h"
#include "codebook/encode.h"
#include "codebook/model.h"
#include "kernels/kernels.h"

#include <semaphore.h>
#include <stdatomic.h>

/* The encoder of a service. Rows pass through the model and the search block by block, each block
 * on one thread, so that all that is written in between fits into a workspace of fixed size. The
 * workspaces are made with the encoder; a block takes a free one and gives it back at its end.
 *
 * A semaphore counts the free workspaces, and a flag per workspace tells which they are. A thread
 * that has passed the semaphore finds a free flag, as at most n_slots threads are past it. There is
 * no deadlock: a thread that holds a workspace waits for nothing that needs one.
 *
 * A row's latents and codes do not depend on the block it is in, so codes are the bytes that
 * semid_model_project and semid_encode or semid_encode_beam give. */

enum { MAX_CONCURRENT = 4096 };

/* Space of one block. */
typedef struct slot {
    atomic_flag taken;
    float *latents;     /* [MODEL_BLOCK_ROWS, latent] */
    float *activations; /* [model_block_floats] */
} slot;

struct semid_encoder {
    const semid_codebook *codebook;
    const semid_model *model; /* or NULL */
    semid_codebook *owned_codebook;
    semid_model *owned_model;
    semid_context *context;
    beam *beam;       /* NULL: greedy; slot i uses its workspace i */
    sem_t free_slots; /* their number */
    slot *slots;      /* [n_slots] */
    size_t n_slots;
};

semid_encoder_params semid_encoder_params_default(void) {
    return (semid_encoder_params){.beam = 1};
}

semid_status semid_encoder_new(semid_encoder **out, const semid_codebook *codebook,
                               const semid_model *model, const semid_encoder_params *params,
                               semid_error *err) {
    semid_encoder_params p = params ? *params : semid_encoder_params_default();
    TRY(check_reserved(p.reserved, sizeof p.reserved, err));
    if (p.beam == 0 || p.beam > SEMID_BEAM_MAX)
        FAIL(SEMID_ERR_ARGUMENT, "beam: expected a width of 1 to %d, found %zu", SEMID_BEAM_MAX,
             p.beam);
    if (p.max_concurrent > MAX_CONCURRENT)
        FAIL(SEMID_ERR_ARGUMENT, "max_concurrent: expected 0 to %d, found %zu", MAX_CONCURRENT,
             p.max_concurrent);
    if (model && semid_model_latent(model) != semid_codebook_dim(codebook))
        FAIL(SEMID_ERR_SHAPE,
             "model: expected latents of dimension %zu as the codewords have, found %zu",
             semid_codebook_dim(codebook), semid_model_latent(model));

    semid_status status = SEMID_OK;
    semid_encoder *e;
    TRY(mem_calloc(&e, 1, sizeof *e, err));
    context_scope outer = context_enter(p.context); /* whose threads are counted */
    size_t n_slots = p.max_concurrent > 0 ? p.max_concurrent : (size_t)threads_get();
    sem_init(&e->free_slots, 0, (unsigned)n_slots);
    e->codebook = codebook;
    e->model = model;
    e->context = p.context;

    /* Greedy encoding of vectors needs no memory but the stack. */
    if (p.beam > 1) TRY_GOTO(beam_new(&e->beam, codebook, p.beam, n_slots, err));
    if (p.beam > 1 || model) {
        TRY_GOTO(mem_calloc(&e->slots, n_slots, sizeof *e->slots, err));
        e->n_slots = n_slots;
    }
    for (size_t i = 0; i < e->n_slots; i++) {
        slot *s = &e->slots[i];
        atomic_flag_clear(&s->taken);
        if (!model) continue;
        TRY_GOTO(mem_alloc(&s->latents, MODEL_BLOCK_ROWS, semid_model_latent(model) * sizeof(float),
                           err));
        TRY_GOTO(mem_alloc(&s->activations, model_block_floats(model), sizeof(float), err));
    }
    *out = e;
    e = NULL;
done:
    context_leave(outer);
    semid_encoder_free(e);
    return status;
}

semid_status semid_encoder_open(semid_encoder **out, const char *codebook_path,
                                const semid_encoder_params *params, semid_error *err) {
    semid_context *context = params ? params->context : NULL;
    semid_codebook *codebook = NULL;
    semid_model *model = NULL;
    semid_status status;
    TRY_GOTO(semid_codebook_load(context, &codebook, codebook_path, err));
    TRY_GOTO(semid_model_beside(context, &model, codebook_path, codebook, err));
    TRY_GOTO(semid_encoder_new(out, codebook, model, params, err));

    /* From here on the encoder frees them. */
    (*out)->owned_codebook = codebook;
    (*out)->owned_model = model;
    return SEMID_OK;
done:
    semid_codebook_free(codebook);
    semid_model_free(model);
    return status;
}

void semid_encoder_free(semid_encoder *encoder) {
    if (!encoder) return;
    for (size_t i = 0; i < encoder->n_slots; i++) {
        mem_free(encoder->slots[i].latents);
        mem_free(encoder->slots[i].activations);
    }
    mem_free(encoder->slots);
    sem_destroy(&encoder->free_slots);
    beam_free(encoder->beam);
    semid_model_free(encoder->owned_model);
    semid_codebook_free(encoder->owned_codebook);
    mem_free(encoder);
}

size_t semid_encoder_dim(const semid_encoder *encoder) {
    return encoder->model ? semid_model_dim(encoder->model) : semid_codebook_dim(encoder->codebook);
}

size_t semid_encoder_levels(const semid_encoder *encoder) {
    return semid_codebook_levels(encoder->codebook);
}

const semid_codebook *semid_encoder_codebook(const semid_encoder *encoder) {
    return encoder->codebook;
}

const semid_model *semid_encoder_model(const semid_encoder *encoder) {
    return encoder->model;
}

/* ---- encoding ---- */

typedef struct encode_task {
    semid_encoder *e;
    const float *x;
    int32_t *codes;
    atomic_size_t n_bad, first_bad; /* rows whose latents are not finite */
} encode_task;

static void encode_block(void *user, size_t chunk, size_t begin, size_t end) {
    (void)chunk;
    encode_task *t = user;
    semid_encoder *e = t->e;
    size_t n = end - begin, bad, n_bad = 0, at = 0;
    int32_t *codes = t->codes + begin * semid_encoder_levels(e);
    const float *rows = t->x + begin * semid_encoder_dim(e);

    /* Take a free slot: the semaphore says that there is one, the flags which. */
    while (sem_wait(&e->free_slots) != 0) /* a signal came */
        ;
    while (atomic_flag_test_and_set(&e->slots[at].taken)) at = (at + 1) % e->n_slots;

    if (e->model) {
        slot *s = &e->slots[at];
        model_project_block(e->model, rows, n, s->latents, s->activations);
        n_bad = rows_not_finite(s->latents, n, semid_codebook_dim(e->codebook), &bad);
        rows = s->latents;
    }

    if (n_bad > 0) {
        /* Blocks end in any order; the lowest row is kept. */
        size_t first = begin + bad, lowest = atomic_load(&t->first_bad);
        atomic_fetch_add(&t->n_bad, n_bad);
        while (first < lowest && !atomic_compare_exchange_weak(&t->first_bad, &lowest, first))
            ;
    } else if (e->beam) {
        beam_search(e->beam, at, rows, n, codes, NULL);
    } else {
        encode_greedy(e->codebook, rows, n, codes, NULL, NULL);
    }

    atomic_flag_clear(&e->slots[at].taken);
    sem_post(&e->free_slots);
}

semid_status semid_encoder_encode(semid_encoder *encoder, const float *x, size_t n, int32_t *codes,
                                  semid_error *err) {
    _Static_assert((int)KERNEL_MAX_ROWS <= (int)MODEL_BLOCK_ROWS, "a beam block fits in a slot");
    TRY(encode_check_rows(x, n, semid_encoder_dim(encoder), err));

    context_scope outer = context_enter(encoder->context);
    encode_task t = {.e = encoder, .x = x, .codes = codes, .first_bad = SIZE_MAX};
    if (encoder->beam)
        parallel_chunks(n, beam_block_rows(encoder->beam), encode_block, &t);
    else if (encoder->model)
        parallel_chunks(n, MODEL_BLOCK_ROWS, encode_block, &t);
    else
        encode_greedy(encoder->codebook, x, n, codes, NULL, NULL);
    context_leave(outer);
    return model_not_finite(t.n_bad, t.first_bad, err);
}
