"""scikit-learn: KMeans, level by level.

    peer_sklearn.py kmeans DATA LEVELS K ITERS
    peer_sklearn.py quality DATA LEVELS K SEED
"""
import sys

import numpy as np
from sklearn.cluster import KMeans

from common import error, load, report, timed


def fit(x, levels, k, iters, seed):
    residuals, models = x.copy(), []
    for _ in range(levels):
        model = KMeans(k, n_init=1, max_iter=iters, random_state=seed).fit(residuals)
        models.append(model)
        residuals -= model.cluster_centers_[model.labels_]
    return models, error(residuals)


def encode(x, models):
    residuals, codes = x.copy(), []
    for model in models:
        codes.append(model.predict(residuals))
        residuals -= model.cluster_centers_[codes[-1]]
    return np.stack(codes, 1), error(residuals)


def kmeans(data, levels, k, iters):
    x = load(data)
    seconds, (_, e) = timed(lambda: fit(x, int(levels), int(k), int(iters), 42))
    report(seconds=seconds, error=e)


def quality(data, levels, k, seed):
    x = load(data)
    levels, k, seed = int(levels), int(k), int(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    n = len(x) * 4 // 5
    models, _ = fit(x[order[:n]], levels, k, 25, seed)
    _, unseen = encode(x[order[n:]], models)
    models, seen = fit(x, levels, k, 25, seed)
    codes, _ = encode(x, models)
    report(seconds=0, unseen=unseen, error=seen,
           collisions=1 - len(np.unique(codes, axis=0)) / len(x))


globals()[sys.argv[1]](*sys.argv[2:])
