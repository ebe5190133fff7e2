#!/usr/bin/env python3
"""Beam codes by exhaustive bookkeeping in float64: codebooks.npy, x.npy, codes_<B>.npy.

Every partial code of a level is scored by its true distance; the B best are kept, ties to the
lexicographically lowest. The script refuses data on which float32 could decide otherwise."""
import numpy as np

rng = np.random.default_rng(11)
L, K, D, N = 3, 20, 24, 60
codebooks = np.stack([rng.normal(size=(K, D)) * 0.7**l for l in range(L)]).astype(np.float32)
x = (rng.normal(size=(N, D)) * 1.3).astype(np.float32)
np.save("codebooks.npy", codebooks)
np.save("x.npy", x)


def gap_is_wide(distances, at):
    d = np.sort(distances)
    return at >= len(d) or d[at] - d[at - 1] > 1e-4


for B in (2, 5, 50):
    codes = []
    for row in x.astype(np.float64):
        kept = [()]
        for l in range(L):
            ways = [code + (k,) for code in kept for k in range(K)]
            sums = [sum(codebooks[i, c].astype(np.float64) for i, c in enumerate(w)) for w in ways]
            distances = np.array([((row - s) ** 2).sum() for s in sums])
            assert gap_is_wide(distances, B)
            order = sorted(range(len(ways)), key=lambda i: (distances[i], ways[i]))[:B]
            kept = [ways[i] for i in order]
        assert gap_is_wide(distances, 1)
        codes.append(kept[0])
    np.save(f"codes_{B}.npy", np.array(codes, np.int32))
