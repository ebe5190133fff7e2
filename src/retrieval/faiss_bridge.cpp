/* The module libsemid-faiss.so: FAISS behind retrieval/faiss_bridge.h. */
#include "retrieval/faiss_bridge.h"
#include "retrieval/faiss_check.h"

#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

#include <omp.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include <cstring>
#include <memory>
#include <new>
#include <string>

extern "C" {
void openblas_set_num_threads(int n);
int openblas_get_num_threads(void);
}

/* ---- allocations while a file is read ---- */

/* FAISS resizes its vectors to the length a file claims before it reads them. The module is linked
 * with --wrap for operator new, so that such a length is refused here: nothing that is read from n
 * bytes needs many times n. One thread reads, and no other works meanwhile. */
static size_t allocation_limit = SIZE_MAX;

extern "C" {
void *__real__Znwm(size_t n_bytes);
void *__wrap__Znwm(size_t n_bytes);
void *__wrap__Znwm(size_t n_bytes) {
    if (n_bytes > allocation_limit) throw std::bad_alloc();
    return __real__Znwm(n_bytes);
}
}

namespace {

struct LimitedAllocations {
    explicit LimitedAllocations(size_t n_bytes) {
        allocation_limit = n_bytes > SIZE_MAX / 32 ? SIZE_MAX : 16 * n_bytes + (1u << 20);
    }
    ~LimitedAllocations() {
        allocation_limit = SIZE_MAX;
    }
};

/* ---- errors ---- */

/* FAISS says "Error in <signature> at <file>:<line>: Error: '<condition>' failed: <text>". */
std::string plain_message(const std::exception &e) {
    if (dynamic_cast<const std::bad_alloc *>(&e)) return "it asks for more memory than it can need";
    std::string text = e.what();
    size_t place = text.find(".cpp:");
    if (place != std::string::npos && text.find(": ", place) != std::string::npos)
        text.erase(0, text.find(": ", place) + 2);
    size_t failed = text.find("failed: ");
    if (failed != std::string::npos && failed + 8 < text.size()) text.erase(0, failed + 8);
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

semid_status fail(semid_error *err, semid_status status, const std::string &message) {
    if (err) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "FAISS: %s", message.c_str());
        for (char *c = err->message; *c; c++)
            if (static_cast<unsigned char>(*c) < 0x20) *c = ' ';
    }
    return status;
}

template <typename Body> semid_status guarded(semid_error *err, semid_status status, Body body) {
    try {
        body();
        return SEMID_OK;
    } catch (const std::exception &e) {
        return fail(err, status, plain_message(e));
    }
}

faiss::Index *unwrap(faiss_index *index) {
    return reinterpret_cast<faiss::Index *>(index);
}

const faiss::Index *unwrap(const faiss_index *index) {
    return reinterpret_cast<const faiss::Index *>(index);
}

/* ---- building ---- */

semid_status create(faiss_index **out, size_t dim, const char *factory, bool inner_product,
                    semid_error *err) {
    return guarded(err, SEMID_ERR_ARGUMENT, [&] {
        auto metric = inner_product ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2;
        auto *index = faiss::index_factory(static_cast<int>(dim), factory, metric);
        *out = reinterpret_cast<faiss_index *>(index);
    });
}

bool needs_training(const faiss_index *index) {
    return !unwrap(index)->is_trained;
}

/* Graphs depend on the order in which threads insert and training on how sums are split, so both
 * run on one thread: the same bytes whatever --threads says. */
struct OneThread {
    int before = omp_get_max_threads(), blas_before = openblas_get_num_threads();
    OneThread() {
        omp_set_num_threads(1);
        openblas_set_num_threads(1);
    }
    ~OneThread() {
        omp_set_num_threads(before);
        openblas_set_num_threads(blas_before);
    }
};

bool is_graph(const faiss::Index *index) {
    if (auto *map = dynamic_cast<const faiss::IndexIDMap *>(index)) return is_graph(map->index);
    if (auto *pre = dynamic_cast<const faiss::IndexPreTransform *>(index))
        return is_graph(pre->index);
    return !dynamic_cast<const faiss::IndexFlatCodes *>(index) &&
           !dynamic_cast<const faiss::IndexIVF *>(index);
}

semid_status train(faiss_index *index, const float *x, size_t n, semid_error *err) {
    return guarded(err, SEMID_ERR_ARGUMENT, [&] {
        OneThread one;
        unwrap(index)->train(static_cast<faiss::Index::idx_t>(n), x);
    });
}

semid_status add(faiss_index *index, const float *x, size_t n, semid_error *err) {
    return guarded(err, SEMID_ERR_ARGUMENT, [&] {
        std::unique_ptr<OneThread> one;
        if (is_graph(unwrap(index))) one = std::make_unique<OneThread>();
        unwrap(index)->add(static_cast<faiss::Index::idx_t>(n), x);
    });
}

semid_status write(const faiss_index *index, FILE *stream, semid_error *err) {
    return guarded(err, SEMID_ERR_IO, [&] {
        faiss::FileIOWriter writer(stream);
        faiss::write_index(unwrap(index), &writer);
    });
}

/* ---- reading ---- */

/* FAISS forgets half-read indexes when it gives up on a file. */
#if defined(__SANITIZE_ADDRESS__)
using KnownLeaks = __lsan::ScopedDisabler;
#else
struct KnownLeaks {
    KnownLeaks() {}
};
#endif

struct MemoryReader : faiss::IOReader {
    const uint8_t *data;
    size_t left;
    MemoryReader(const uint8_t *bytes, size_t n_bytes) : data(bytes), left(n_bytes) {}
    size_t operator()(void *out, size_t size, size_t n_items) override {
        if (size && n_items > left / size) throw faiss::FaissException("the file ends too early");
        if (size && n_items) std::memcpy(out, data, n_items * size);
        data += n_items * size;
        left -= n_items * size;
        return n_items;
    }
};

semid_status read(faiss_index **out, const uint8_t *data, size_t n_bytes, semid_error *err) {
    return guarded(err, SEMID_ERR_FORMAT, [&] {
        LimitedAllocations limited(n_bytes);
        KnownLeaks known;
        MemoryReader reader(data, n_bytes);
        std::unique_ptr<faiss::Index> index(
            faiss::read_index(&reader, faiss::IO_FLAG_SKIP_PRECOMPUTE_TABLE));
        faiss_check_index(index.get());
        *out = reinterpret_cast<faiss_index *>(index.release());
    });
}

/* ---- using ---- */

size_t rows(const faiss_index *index) {
    return static_cast<size_t>(unwrap(index)->ntotal);
}

size_t dim(const faiss_index *index) {
    return static_cast<size_t>(unwrap(index)->d);
}

bool is_inner_product(const faiss_index *index) {
    return unwrap(index)->metric_type == faiss::METRIC_INNER_PRODUCT;
}

semid_status search(const faiss_index *index, const float *queries, size_t n, size_t k,
                    float *scores, int64_t *found, semid_error *err) {
    return guarded(err, SEMID_ERR_ARGUMENT, [&] {
        unwrap(index)->search(static_cast<faiss::Index::idx_t>(n), queries,
                              static_cast<faiss::Index::idx_t>(k), scores, found);
    });
}

semid_status reconstruct(const faiss_index *index, float *out, semid_error *err) {
    return guarded(err, SEMID_ERR_UNSUPPORTED,
                   [&] { unwrap(index)->reconstruct_n(0, unwrap(index)->ntotal, out); });
}

void free_index(faiss_index *index) {
    delete unwrap(index);
}

} // namespace

extern "C" SEMID_API const faiss_bridge *semid_faiss_bridge(void);

const faiss_bridge *semid_faiss_bridge(void) {
    static const faiss_bridge bridge = {
        omp_set_num_threads, create, needs_training, train,     add, write, read, rows, dim,
        is_inner_product,    search, reconstruct,    free_index};
    return &bridge;
}
