#include "input/lapack.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

/* LAPACK is found at run time: few users need it, and libraries of it differ. Its functions are
 * Fortran's: arguments are addresses, followed by the lengths of texts, and matrices are stored by
 * columns. A symmetric matrix is the same by columns as by rows, but LAPACK's upper half is the
 * lower one here; and eigenvectors, which it returns as columns, are rows.
 *
 * The number of threads is a setting of the library for the whole process: it is set and reset
 * under a lock. */

typedef void (*dsyevd_fn)(const char *jobz, const char *uplo, const int *n, double *a,
                          const int *lda, double *w, double *work, const int *lwork, int *iwork,
                          const int *liwork, int *info, size_t jobz_len, size_t uplo_len);

typedef void (*dsyrk_fn)(const char *uplo, const char *trans, const int *n, const int *k,
                         const double *alpha, const double *a, const int *lda, const double *beta,
                         double *c, const int *ldc, size_t uplo_len, size_t trans_len);

static struct {
    dsyevd_fn dsyevd;
    dsyrk_fn dsyrk;
    void (*set_threads)(int); /* NULL: a LAPACK without threads */
    int (*get_threads)(void);
} lapack;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void find(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    memcpy(function, &symbol, sizeof symbol);
}

static semid_status load(semid_error *err) {
    static const char *const names[] = {SEMID_LAPACK_LIBRARY, "libopenblas.so.0", "liblapack.so.3"};
    if (lapack.dsyevd && lapack.dsyrk) return SEMID_OK;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strchr(names[i], '/') && !path_exists(names[i])) continue;
        void *handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (!handle) {
            log_debug("LAPACK: %s", dlerror());
            continue;
        }

        find(handle, "dsyevd_", &lapack.dsyevd);
        find(handle, "dsyrk_", &lapack.dsyrk);
        find(handle, "openblas_set_num_threads", &lapack.set_threads);
        find(handle, "openblas_get_num_threads", &lapack.get_threads);
        if (lapack.dsyevd && lapack.dsyrk) return SEMID_OK;
        dlclose(handle);
    }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "LAPACK is needed, found neither %s nor libopenblas.so.0 on the loader's path: run "
         "scripts/bootstrap",
         SEMID_LAPACK_LIBRARY);
}

/* Loads the library and holds it to one thread; *threads: how many it had. */
static semid_status enter(size_t n, int *threads, semid_error *err) {
    if (n > INT_MAX) FAIL(SEMID_ERR_UNSUPPORTED, "LAPACK cannot take a matrix of %zu rows", n);
    pthread_mutex_lock(&lock);
    semid_status status = load(err);
    if (status != SEMID_OK) {
        pthread_mutex_unlock(&lock);
        return status;
    }
    *threads = lapack.get_threads ? lapack.get_threads() : 1;
    if (lapack.set_threads) lapack.set_threads(1);
    return SEMID_OK;
}

static void leave(int threads) {
    if (lapack.set_threads) lapack.set_threads(threads);
    pthread_mutex_unlock(&lock);
}

semid_status lapack_add_products(double *a, size_t n, const double *x, size_t rows,
                                 semid_error *err) {
    int threads, order = (int)n, k = (int)rows;
    double one = 1;
    TRY(enter(n > rows ? n : rows, &threads, err));
    lapack.dsyrk("U", "N", &order, &k, &one, x, &order, &one, a, &order, 1, 1);
    leave(threads);
    return SEMID_OK;
}

/* Divide and conquer (dsyevd). */
semid_status lapack_symmetric_eigen(double *a, size_t n, double *values, semid_error *err) {
    semid_status status;
    double *work = NULL, n_work;
    int *iwork = NULL, order = (int)n, info, n_iwork, ask = -1, n_work_int, threads;
    TRY(enter(n, &threads, err));

    /* how much room it wants */
    lapack.dsyevd("V", "U", &order, a, &order, values, &n_work, &ask, &n_iwork, &ask, &info, 1, 1);
    if (info != 0 || !(n_work <= INT_MAX))
        FAIL_GOTO(SEMID_ERR_UNSUPPORTED, "LAPACK cannot take a matrix of %zu rows", n);
    n_work_int = (int)n_work;
    TRY_GOTO(mem_alloc(&work, (size_t)n_work_int, sizeof *work, err));
    TRY_GOTO(mem_alloc(&iwork, (size_t)n_iwork, sizeof *iwork, err));

    lapack.dsyevd("V", "U", &order, a, &order, values, work, &n_work_int, iwork, &n_iwork, &info, 1,
                  1);
    if (info != 0)
        FAIL_GOTO(SEMID_ERR_INTERNAL, "LAPACK found no eigenvectors: dsyevd says %d", info);
done:
    leave(threads);
    mem_free(work);
    mem_free(iwork);
    return status;
}
