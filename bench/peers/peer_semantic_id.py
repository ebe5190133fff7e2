"""semantic-id: RQ-KMeans as it is by default but one start, and its RQ-VAE (networks included).

    peer_semantic_id.py kmeans DATA LEVELS K ITERS
    peer_semantic_id.py epoch DATA LEVELS K BATCH
    peer_semantic_id.py quality DATA LEVELS K SEED
"""
import sys

import numpy as np
from semantic_id import RQVAE, RQKMeans

from common import error, load, report, timed, used_share


def fit(x, levels, k, iters, seed):
    return RQKMeans(n_levels=levels, n_clusters=k, max_iter=iters, random_state=seed, n_init=1).fit(x)


def kmeans(data, levels, k, iters):
    x = load(data)
    seconds, model = timed(lambda: fit(x, int(levels), int(k), int(iters), 42))
    report(seconds=seconds, error=error(x - model.decode(model.encode(x))))


def epoch(data, levels, k, batch):
    x = load(data)
    levels, k = int(levels), int(k)

    def train(epochs):
        model = RQVAE(in_dim=x.shape[1], num_emb_list=[k] * levels, batch_size=int(batch),
                      epochs=epochs, kmeans_init=True, kmeans_iters=10)
        model.fit(x)
        return model
    one, _ = timed(lambda: train(1))
    three, model = timed(lambda: train(3))
    report(seconds=(three - one) / 2, used=used_share(np.asarray(model.encode(x)), k))


def quality(data, levels, k, seed):
    x = load(data)
    levels, k, seed = int(levels), int(k), int(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    n = len(x) * 4 // 5
    model, unseen = fit(x[order[:n]], levels, k, 25, seed), x[order[n:]]
    unseen_error = error(unseen - model.decode(model.encode(unseen)))
    codes = fit(x, levels, k, 25, seed).encode(x)
    report(seconds=0, unseen=unseen_error,
           collisions=1 - len(np.unique(codes, axis=0)) / len(x))


globals()[sys.argv[1]](*sys.argv[2:])
