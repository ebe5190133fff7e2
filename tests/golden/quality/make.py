"""Golden values of the quality figures, from their definitions, in NumPy and collections.

Writes codes.npy [N, L] and expected.json beside itself.
"""
import collections
import json
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(5)
N, L, K, d = 300, 3, 16, 5
codes = np.minimum(rng.geometric(0.25, size=(N, L)) - 1, K - 1).astype(np.int32)
codes[:40, 1] = codes[:40, 0] // 2
codebooks = rng.normal(size=(L, K, d)).astype(np.float32)
x = (codebooks[np.arange(L), codes].sum(1) + rng.normal(size=(N, d))).astype(np.float32)


def entropy(rows):
    share = np.array(list(collections.Counter(map(tuple, rows)).values())) / len(rows)
    return -(share * np.log(share)).sum()


def gini(counts):  # mean absolute difference over twice the mean
    counts = np.asarray(counts, float)
    return np.abs(counts[:, None] - counts[None]).mean() / (2 * counts.mean())


variance = float(((x - x.mean(0)) ** 2).mean(dtype=np.float64))
levels, r = [], x.astype(np.float64)
for l in range(L):
    counts = np.bincount(codes[:, l], minlength=K)
    r = r - codebooks[l][codes[:, l]]
    mse = float((r ** 2).mean())
    levels.append({
        "used": int((counts > 0).sum()), "perplexity": float(np.exp(entropy(codes[:, l:l + 1]))),
        "gini": float(gini(counts)), "largest_ratio": float(counts.max() / N),
        "conditional_perplexity": float(np.exp(entropy(codes[:, :l + 1]) -
                                               (entropy(codes[:, :l]) if l else 0))),
        "mse": mse, "explained_ratio": 1 - mse / variance})
buckets = collections.Counter(map(tuple, codes))
np.save(here / "codes.npy", codes)
(here / "expected.json").write_text(json.dumps({
    "variance": variance, "levels": levels, "unique": len(buckets),
    "collision_ratio": 1 - len(buckets) / N,
    "sharing": sum(c for c in buckets.values() if c > 1),
    "largest_bucket": max(buckets.values()), "entropy_bits": entropy(codes) / np.log(2)},
    indent=1) + "\n")
