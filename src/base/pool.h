/* base/pool.h - the worker threads of one context. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/* Call run_chunk(user, chunk) once for every chunk in [0, n_chunks). */
typedef struct job {
    size_t n_chunks;
    void (*run_chunk)(void *user, size_t chunk);
    void *user;
} job;

typedef struct pool {
    pthread_mutex_t owner; /* held by the call that uses the workers */
    pthread_mutex_t lock;  /* of all below that is not atomic */
    pthread_cond_t wake, done;
    pthread_t *workers;                /* [n_started] */
    size_t n_started, worker_capacity; /* threads */
    int n_wanted, n_joined;            /* workers that the job may have, and has */
    job job;
    atomic_int n_active;
    atomic_uint number;           /* of the job: counts up */
    atomic_size_t next;           /* chunk of the job */
    atomic_bool is_closing;       /* workers are to end */
    void (*on_start)(void *user); /* called first by each worker */
    void *user;
    struct pool *before, *after; /* in the list of all pools */
} pool;

/* *p stays where it is until pool_release. */
void pool_init(pool *p, void (*on_start)(void *user), void *user);
/* Ends the workers. No job may be running. */
void pool_release(pool *p);

/* All chunks, on the calling thread and up to n_workers workers. If the pool is in use by another
 * call, or the calling thread works for a pool already, on the calling thread alone. */
void pool_run(pool *p, size_t n_workers, const job *j);

/* Index of the calling worker in the job, 0 for the caller: below 1 + n_workers. */
int pool_worker_index(void);
/* For a call that is nested in a chunk of another pool. Returns the index before. */
int pool_set_worker_index(int index);

#endif
