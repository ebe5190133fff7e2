"""faiss-cpu: k-means level by level, residual quantizer, exact inner-product search.

    peer_faiss.py kmeans DATA LEVELS K ITERS    every row, as many iterations a level
    peer_faiss.py encode DATA CODEBOOKS OUT     ResidualQuantizer with our codebooks, greedy
    peer_faiss.py topk DATA QUERIES
    peer_faiss.py quality DATA LEVELS K SEED    ResidualQuantizer as it trains by default
"""
import sys

import faiss
import numpy as np

from common import error, load, report, timed


def kmeans(data, levels, k, iters):
    x = load(data)
    levels, k, iters = int(levels), int(k), int(iters)

    def work():
        residuals = x.copy()
        for _ in range(levels):
            fit = faiss.Kmeans(x.shape[1], k, niter=iters, max_points_per_centroid=len(x))
            fit.train(residuals)
            _, codes = fit.index.search(residuals, 1)
            residuals -= fit.centroids[codes[:, 0]]
        return error(residuals)
    seconds, e = timed(work)
    report(seconds=seconds, error=e)


def quantizer(codebooks):
    levels, k, dim = codebooks.shape
    rq = faiss.ResidualQuantizer(dim, levels, int(np.log2(k)))
    rq.max_beam_size = 1
    faiss.copy_array_to_vector(codebooks.ravel(), rq.codebooks)
    rq.is_trained = True
    return rq


def unpack(packed, levels):
    return packed.reshape(len(packed), levels)  # K = 256: a byte a level


def encode(data, codebooks, out):
    x = load(data)
    c = np.ascontiguousarray(np.load(codebooks)['codebooks'], dtype=np.float32)
    rq = quantizer(c)
    seconds, packed = timed(lambda: rq.compute_codes(x))
    np.save(out, unpack(packed, len(c)).astype(np.int32))
    report(seconds=seconds)


def topk(data, queries):
    x = load(data)
    index = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    seconds, _ = timed(lambda: index.search(x[:int(queries)], 100))
    report(seconds=seconds)


def greedy(x, codebooks):
    residuals, codes = x.copy(), []
    for c in codebooks:
        index = faiss.IndexFlatL2(c.shape[1])
        index.add(c)
        _, nearest = index.search(residuals, 1)
        codes.append(nearest[:, 0])
        residuals -= c[nearest[:, 0]]
    return np.stack(codes, 1), error(residuals)


def train(x, levels, k, seed):
    rq = faiss.ResidualQuantizer(x.shape[1], levels, int(np.log2(k)))
    rq.cp.seed = seed
    rq.train(x)
    return faiss.vector_to_array(rq.codebooks).reshape(levels, k, x.shape[1])


def quality(data, levels, k, seed):
    x = load(data)
    levels, k, seed = int(levels), int(k), int(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    n = len(x) * 4 // 5
    _, unseen = greedy(x[order[n:]], train(x[order[:n]], levels, k, seed))
    codes, seen = greedy(x, train(x, levels, k, seed))
    report(seconds=0, unseen=unseen, error=seen,
           collisions=1 - len(np.unique(codes, axis=0)) / len(x))


globals()[sys.argv[1]](*sys.argv[2:])
