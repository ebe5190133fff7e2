#include "retrieval/faiss_library.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/threads.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

/* FAISS brings a C++ runtime, OpenMP and a BLAS along, half a second of loading and tens of
 * megabytes: so it is a module of its own, opened by the commands that need it when they need it.
 * It is searched for relative to the program, in the three layouts that exist: the build folder,
 * the tests in it, and an installed tree, which may be moved. The module stays loaded until the
 * end. */

static const char *const relative_paths[] = {"libsemid-faiss.so", "../libsemid-faiss.so",
                                             SEMID_FAISS_INSTALLED};

static semid_status open_module(void **out, semid_error *err) {
    char folder[4096]; /* of the running program, without a final slash */
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0) FAIL(SEMID_ERR_IO, "/proc/self/exe: cannot tell where this program is");
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';

    for (size_t i = 0; i < sizeof relative_paths / sizeof *relative_paths; i++) {
        char *path;
        TRY(mem_format(&path, err, "%s/%s", folder, relative_paths[i]));
        bool here = path_exists(path);
        void *module = here ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        mem_free(path);
        if (here && !module)
            FAIL(SEMID_ERR_UNSUPPORTED, "cannot load libsemid-faiss.so: %s", dlerror());
        *out = module;
        if (module) return SEMID_OK;
    }

    FAIL(SEMID_ERR_UNSUPPORTED,
         "expected libsemid-faiss.so in %s or %s/%s: FAISS cannot be used without it", folder,
         folder, SEMID_FAISS_INSTALLED);
}

semid_status faiss_library_load(const faiss_bridge **out, semid_error *err) {
    void *module;
    faiss_bridge_fn bridge;
    TRY(open_module(&module, err));

    void *symbol = dlsym(module, FAISS_BRIDGE_SYMBOL);
    if (!symbol) FAIL(SEMID_ERR_UNSUPPORTED, "libsemid-faiss.so: expected %s", FAISS_BRIDGE_SYMBOL);

    /* ISO C has no cast from an object pointer to a function pointer. */
    memcpy(&bridge, &symbol, sizeof bridge);
    *out = bridge();
    (*out)->set_threads(threads_get());
    return SEMID_OK;
}

static semid_status name_file(semid_status status, const char *path, semid_error *err) {
    if (status != SEMID_OK) error_prefix(err, "%s", path);
    return status;
}

semid_status faiss_file_save(const faiss_bridge *faiss, const faiss_index *index, const char *path,
                             semid_error *err) {
    file_out f;
    TRY(file_out_open(&f, path, err));
    semid_status status = name_file(faiss->write(index, f.stream, err), path, err);
    if (status == SEMID_OK) status = file_out_commit(&f, err);
    file_out_release(&f);
    return status;
}

semid_status faiss_file_load(const faiss_bridge *faiss, faiss_index **out, const char *path,
                             semid_error *err) {
    file_map map;
    TRY(file_map_open(&map, path, err));
    semid_status status = name_file(faiss->read(out, map.data, map.n_bytes, err), path, err);
    file_map_close(&map);
    return status;
}
