#!/usr/bin/env python3
"""Distinct codes by SciPy: codebooks.npy, x.npy, codes.npy.

Greedy codes in float64, then linear_sum_assignment of the rows of each prefix to its last level's
codewords. The script refuses data on which float32 could decide otherwise: a greedy choice with a
narrow margin, or a prefix that holds more rows than there are codewords."""
import numpy as np
from scipy.optimize import linear_sum_assignment

rng = np.random.default_rng(5)
L, K, D, N = 2, 12, 16, 72
codebooks = np.stack([rng.normal(size=(K, D)) * 0.5**l for l in range(L)]).astype(np.float32)
x = (codebooks[0][np.arange(N) % 8] + 0.5 * rng.normal(size=(N, D))).astype(np.float32)
np.save("codebooks.npy", codebooks)
np.save("x.npy", x)

left, codes = x.astype(np.float64), np.zeros((N, L), np.int32)
for l in range(L):
    d = ((left[:, None] - codebooks[l][None]) ** 2).sum(2)
    two = np.sort(d, 1)[:, :2]
    assert (two[:, 1] - two[:, 0]).min() > 1e-4
    codes[:, l] = d.argmin(1)
    if l < L - 1:
        left = left - codebooks[l][codes[:, l]]
greedy = codes.copy()
for prefix in np.unique(codes[:, 0]):
    rows = np.flatnonzero(codes[:, 0] == prefix)
    assert len(rows) <= K
    row, column = linear_sum_assignment(d[rows])
    codes[rows[row], 1] = column
assert len(np.unique(codes, axis=0)) == N
print("distinct before:", len(np.unique(greedy, axis=0)), "moved:", (codes != greedy).any(1).sum())
np.save("codes.npy", codes)
