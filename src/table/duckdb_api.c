#include "table/duckdb_api.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static duckdb_functions functions;
static bool loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The folder of the running program + /../lib/semid/libduckdb.so, where `make install` puts it. */
static bool installed_path(char *out, size_t n_out) {
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) return false;
    program[n] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash) return false;
    *slash = '\0';
    return snprintf(out, n_out, "%s/../lib/semid/libduckdb.so", program) < (int)n_out;
}

static void *open_library(semid_error *err) {
    const char *chosen = getenv("SEMID_DUCKDB");
    if (chosen && *chosen) {
        void *handle = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
        if (!handle)
            error_set(err, SEMID_ERR_UNSUPPORTED, "SEMID_DUCKDB: cannot load DuckDB: %s",
                      dlerror());
        return handle;
    }
    char beside[PATH_MAX + 32];
    const char *places[] = {SEMID_DUCKDB_LIBRARY,
                            installed_path(beside, sizeof beside) ? beside : NULL, "libduckdb.so"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!places[i] || (strchr(places[i], '/') && !path_exists(places[i]))) continue;
        void *handle = dlopen(places[i], RTLD_NOW | RTLD_LOCAL);
        if (handle) return handle;
        log_debug("DuckDB: %s", dlerror());
    }
    error_set(err, SEMID_ERR_UNSUPPORTED,
              "this command needs the DuckDB library (libduckdb.so), found it neither at %s nor on "
              "the loader's path: run scripts/bootstrap, or set SEMID_DUCKDB to its path",
              SEMID_DUCKDB_LIBRARY);
    return NULL;
}

static semid_status bind_functions(void *handle, semid_error *err) {
#define X(name)                                                                                    \
    {                                                                                              \
        void *symbol = dlsym(handle, #name);                                                       \
        if (!symbol)                                                                               \
            FAIL(SEMID_ERR_UNSUPPORTED, "DuckDB: this library has no %s; version 1.4 is needed",   \
                 #name);                                                                           \
        memcpy(&functions.name, &symbol, sizeof symbol);                                           \
    }
    DUCKDB_FUNCTIONS(X)
#undef X
    return SEMID_OK;
}

static semid_status load_once(semid_error *err) {
    if (loaded) return SEMID_OK;
    void *handle = open_library(err);
    if (!handle) return SEMID_ERR_UNSUPPORTED;
    semid_status status = bind_functions(handle, err);
    if (status != SEMID_OK) {
        dlclose(handle);
        return status;
    }
    loaded = true;
    log_debug("DuckDB %s", functions.duckdb_library_version());
    return SEMID_OK;
}

semid_status duckdb_load(const duckdb_functions **out, semid_error *err) {
    pthread_mutex_lock(&lock);
    semid_status status = load_once(err);
    pthread_mutex_unlock(&lock);
    if (status == SEMID_OK) *out = &functions;
    return status;
}
