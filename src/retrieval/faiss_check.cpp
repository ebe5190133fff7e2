#include "retrieval/faiss_check.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissException.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>
#include <cstring>
#include <typeinfo>

namespace {

void require(bool condition, const char *what) {
    if (!condition) throw faiss::FaissException(what);
}

/* FAISS copies flags out of the file as they are. */
bool is_set(const bool &flag) {
    unsigned char byte;
    std::memcpy(&byte, &flag, 1);
    require(byte <= 1, "expected a flag of 0 or 1");
    return byte == 1;
}

/* And enums too. */
template <typename Enum> int number_of(const Enum &value) {
    static_assert(sizeof(Enum) == sizeof(int), "an enum is as wide as an int");
    int number;
    std::memcpy(&number, &value, sizeof number);
    return number;
}

template <typename Kind> Kind *exactly(faiss::Index *index) {
    return typeid(*index) == typeid(Kind) ? static_cast<Kind *>(index) : nullptr;
}

/* ---- how vectors are stored ---- */

void check_codec(const faiss::ScalarQuantizer &sq, size_t d, size_t code_size) {
    int kind = number_of(sq.qtype);
    require(kind >= faiss::ScalarQuantizer::QT_8bit && kind <= faiss::ScalarQuantizer::QT_6bit,
            "unknown kind of scalar quantizer");
    faiss::ScalarQuantizer expected(d, sq.qtype);
    bool uniform = sq.qtype == faiss::ScalarQuantizer::QT_8bit_uniform ||
                   sq.qtype == faiss::ScalarQuantizer::QT_4bit_uniform;
    bool fixed = sq.qtype == faiss::ScalarQuantizer::QT_fp16 ||
                 sq.qtype == faiss::ScalarQuantizer::QT_8bit_direct;
    require(sq.d == d && code_size == expected.code_size && sq.code_size == code_size &&
                sq.trained.size() == (fixed     ? 0
                                      : uniform ? 2
                                                : 2 * d),
            "the scalar quantizer contradicts the header");
}

void check_codec(const faiss::ProductQuantizer &pq, size_t d, size_t code_size) {
    require(pq.d == d && pq.M > 0 && pq.M <= d && d % pq.M == 0 && pq.nbits > 0 && pq.nbits <= 16 &&
                pq.dsub == d / pq.M && pq.ksub == size_t(1) << pq.nbits &&
                pq.code_size == (pq.nbits * pq.M + 7) / 8 && code_size == pq.code_size &&
                pq.centroids.size() == d * pq.ksub,
            "the product quantizer contradicts the header");
}

void check_codes(const faiss::IndexFlatCodes *index) {
    require(index->code_size > 0 && index->codes.size() % index->code_size == 0 &&
                index->codes.size() / index->code_size == size_t(index->ntotal),
            "the stored vectors contradict the header");
}

/* ---- inverted lists ---- */

void check_lists(faiss::IndexIVF *ivf) {
    auto *lists = dynamic_cast<const faiss::ArrayInvertedLists *>(ivf->invlists);
    require(lists, "expected inverted lists inside the file");
    require(ivf->nlist > 0 && lists->nlist == ivf->nlist && lists->code_size == ivf->code_size &&
                ivf->nprobe > 0,
            "the inverted lists contradict the header");
    require(ivf->quantizer && ivf->quantizer->d == ivf->d &&
                ivf->quantizer->ntotal == faiss::Index::idx_t(ivf->nlist),
            "the coarse quantizer contradicts the header");
    faiss_check_index(ivf->quantizer);
    std::vector<bool> seen(ivf->ntotal);
    size_t n_rows = 0;
    for (size_t i = 0; i < lists->nlist; i++) {
        require(lists->codes[i].size() == lists->ids[i].size() * lists->code_size,
                "the length of an inverted list contradicts its codes");
        for (auto row : lists->ids[i]) {
            require(row >= 0 && row < ivf->ntotal && !seen[row],
                    "expected every row in one inverted list");
            seen[row] = true;
        }
        n_rows += lists->ids[i].size();
    }
    require(n_rows == size_t(ivf->ntotal), "expected every row in one inverted list");
}

/* ---- graphs ---- */

void check_levels(const faiss::HNSW &h, size_t n) {
    const auto &before = h.cum_nneighbor_per_level;
    require(!before.empty() && before[0] == 0 && std::is_sorted(before.begin(), before.end()) &&
                h.levels.size() == n && h.offsets.size() == n + 1 && h.offsets[0] == 0 &&
                h.offsets[n] == h.neighbors.size(),
            "the graph contradicts the header");
    for (size_t i = 0; i < n; i++)
        require(h.levels[i] >= 1 && h.levels[i] < int(before.size()) &&
                    h.levels[i] - 1 <= h.max_level && h.offsets[i] <= h.offsets[i + 1] &&
                    h.offsets[i + 1] - h.offsets[i] == size_t(before[h.levels[i]]),
                "a level of the graph contradicts its neighbours");
}

/* A neighbour at a level must reach up to that level itself. */
void check_neighbors(const faiss::HNSW &h, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (int level = 0; level < h.levels[i]; level++) {
            size_t begin = h.offsets[i] + h.cum_nneighbor_per_level[level];
            size_t end = h.offsets[i] + h.cum_nneighbor_per_level[level + 1];
            for (size_t j = begin; j < end; j++) {
                int row = h.neighbors[j];
                require(row == -1 || (row >= 0 && size_t(row) < n && h.levels[row] > level),
                        "a neighbour in the graph does not exist");
            }
        }
}

void check_graph(faiss::IndexHNSW *graph) {
    faiss::HNSW &h = graph->hnsw;
    auto n = size_t(graph->ntotal);
    require(graph->storage && graph->storage->d == graph->d &&
                graph->storage->ntotal == graph->ntotal &&
                number_of(graph->storage->metric_type) == number_of(graph->metric_type),
            "the stored vectors contradict the header");
    faiss_check_index(graph->storage);
    check_levels(h, n);
    check_neighbors(h, n);
    require(n == 0 || (h.entry_point >= 0 && size_t(h.entry_point) < n &&
                       h.levels[h.entry_point] - 1 == h.max_level),
            "the graph has no entry");
    require(h.efSearch > 0 && h.upper_beam > 0, "the graph has impossible search settings");
    h.efSearch = int(std::min(size_t(h.efSearch), std::max(n, size_t(1))));
    h.upper_beam = 1;
}

/* ---- transforms ---- */

void check_transforms(const faiss::IndexPreTransform *pre) {
    int d = pre->d;
    for (const faiss::VectorTransform *t : pre->chain) {
        auto *linear = dynamic_cast<const faiss::LinearTransform *>(t);
        require(linear || typeid(*t) == typeid(faiss::NormalizationTransform),
                "this kind of transform is not supported");
        require(t->d_in == d && t->d_out > 0 && is_set(t->is_trained),
                "a transform has another dimension");
        if (linear)
            require(linear->A.size() == size_t(t->d_in) * size_t(t->d_out) &&
                        linear->b.size() == (is_set(linear->have_bias) ? size_t(t->d_out) : 0),
                    "a transform contradicts its dimensions");
        else
            require(t->d_in == t->d_out, "a transform has another dimension");
        d = t->d_out;
    }
    require(pre->index && pre->index->d == d && pre->index->ntotal == pre->ntotal &&
                number_of(pre->index->metric_type) == number_of(pre->metric_type),
            "the index behind the transforms contradicts the header");
    faiss_check_index(pre->index);
}

} // namespace

void faiss_check_index(faiss::Index *index) {
    require(index->d > 0 && index->ntotal >= 0 && is_set(index->is_trained),
            "impossible dimension or number of rows");
    int metric = number_of(index->metric_type);
    require(metric == faiss::METRIC_INNER_PRODUCT || metric == faiss::METRIC_L2,
            "expected the inner product or L2 as metric");
    auto d = size_t(index->d);
    if (auto *flat = dynamic_cast<faiss::IndexFlat *>(index)) {
        require(flat->code_size == d * sizeof(float), "the stored vectors contradict the header");
        check_codes(flat);
    } else if (auto *sq = exactly<faiss::IndexScalarQuantizer>(index)) {
        check_codec(sq->sq, d, sq->code_size);
        check_codes(sq);
    } else if (auto *pq = exactly<faiss::IndexPQ>(index)) {
        check_codec(pq->pq, d, pq->code_size);
        check_codes(pq);
    } else if (auto *ivf = exactly<faiss::IndexIVFFlat>(index)) {
        require(ivf->code_size == d * sizeof(float), "the stored vectors contradict the header");
        check_lists(ivf);
    } else if (auto *ivf_sq = exactly<faiss::IndexIVFScalarQuantizer>(index)) {
        check_codec(ivf_sq->sq, d, ivf_sq->code_size);
        check_lists(ivf_sq);
    } else if (auto *ivf_pq = exactly<faiss::IndexIVFPQ>(index)) {
        check_codec(ivf_pq->pq, d, ivf_pq->code_size);
        check_lists(ivf_pq);
    } else if (auto *graph = dynamic_cast<faiss::IndexHNSW *>(index)) {
        require(!dynamic_cast<faiss::IndexHNSW2Level *>(index),
                "this kind of graph is not supported");
        check_graph(graph);
    } else if (auto *pre = exactly<faiss::IndexPreTransform>(index)) {
        check_transforms(pre);
    } else {
        throw faiss::FaissException(
            "expected a Flat, SQ, PQ, IVF or HNSW index, found another kind");
    }
}
