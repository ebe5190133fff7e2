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

/* The functions are listed once, in DUCKDB_FUNCTIONS: the list makes the struct of pointers and the
 * code that fills it. The library is loaded by the first caller and stays; all later ones pay a
 * mutex. A failed attempt is repeated by the next call, so that its message is not lost. */

static duckdb_functions functions;
static bool loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static semid_status open_library(void **out, semid_error *err) {
    const char *chosen = getenv("SEMID_DUCKDB");
    if (chosen && *chosen) {
        *out = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
        if (*out) return SEMID_OK;
        FAIL(SEMID_ERR_UNSUPPORTED, "SEMID_DUCKDB: cannot load DuckDB: %s", dlerror());
    }

    /* Where `make install` puts it: <folder of the running program>/../lib/semid. */
    static const char below[] = "/../lib/semid/libduckdb.so";
    char installed[PATH_MAX + sizeof below] = "";
    ssize_t n = readlink("/proc/self/exe", installed, PATH_MAX);
    char *slash = n > 0 ? strrchr(installed, '/') : NULL;
    if (slash) memcpy(slash, below, sizeof below);

    const char *paths[] = {SEMID_DUCKDB_LIBRARY, slash ? installed : NULL, "libduckdb.so"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        if (!paths[i] || (strchr(paths[i], '/') && !path_exists(paths[i]))) continue;
        *out = dlopen(paths[i], RTLD_NOW | RTLD_LOCAL);
        if (*out) return SEMID_OK;
        log_debug("DuckDB: %s", dlerror());
    }
    FAIL(SEMID_ERR_UNSUPPORTED,
         "this command needs the DuckDB library (libduckdb.so), found it neither at %s nor on "
         "the loader's path: run scripts/bootstrap, or set SEMID_DUCKDB to its path",
         SEMID_DUCKDB_LIBRARY);
}

semid_status duckdb_load(const duckdb_functions **out, semid_error *err) {
    void *handle = NULL;
    semid_status status = SEMID_OK;

    pthread_mutex_lock(&lock);
    if (!loaded) {
        TRY_GOTO(open_library(&handle, err));

#define X(name)                                                                                    \
    {                                                                                              \
        void *symbol = dlsym(handle, #name);                                                       \
        if (!symbol)                                                                               \
            FAIL_GOTO(SEMID_ERR_UNSUPPORTED,                                                       \
                      "DuckDB: this library has no %s; version 1.4 is needed", #name);             \
        memcpy(&functions.name, &symbol, sizeof symbol);                                           \
    }
        DUCKDB_FUNCTIONS(X)
#undef X

        handle = NULL; /* never unloaded: DuckDB has threads of its own */
        loaded = true;
        log_debug("DuckDB %s", functions.duckdb_library_version());
    }
    *out = &functions;
done:
    pthread_mutex_unlock(&lock);
    if (handle) dlclose(handle);
    return status;
}
