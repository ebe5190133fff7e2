"""Golden values of the moving-average codebooks: the formulas of semid/ema.h in NumPy, float64.

Writes beside itself: x.npy [n, d], init.npy [L, K, d], codes.npy [epochs * n, L] (of each row when
its batch came), codebooks.npy [L, K, d] and n.npy [L, K] at the end, errors.npy [batches, L].
Batches are the rows in order, three an epoch, two epochs; nothing is revived.
"""
import pathlib

import numpy as np

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)
n, d, L, K, B, decay, eps = 96, 6, 2, 8, 32, 0.9, 1e-3
centres = rng.normal(size=(12, d))
x = (centres[rng.integers(12, size=n)] + 0.3 * rng.normal(size=(n, d))).astype(np.float32)
init = np.stack([x[:K], 0.3 * rng.normal(size=(K, d))]).astype(np.float32)


def assign(r, c):
    return ((r[:, None, :] - c[None]) ** 2).sum(-1).argmin(1)


c = init.astype(np.float64)
counts, sums = np.zeros((L, K)), np.zeros((L, K, d))
r = x.astype(np.float64)
for l in range(L):  # the start: one pass over all rows, scaled to a batch
    a = assign(r, c[l])
    counts[l] = np.bincount(a, minlength=K) * B / n
    sums[l] = counts[l][:, None] * c[l]
    r = r - c[l][a]

codes, errors = [], []
for _ in range(2):
    for b in range(n // B):
        r = x[b * B:(b + 1) * B].astype(np.float64)
        batch_codes, batch_errors = [], []
        for l in range(L):
            a = assign(r, c[l])
            one_hot = np.eye(K)[a]
            left = r - c[l][a]
            counts[l] = decay * counts[l] + (1 - decay) * one_hot.sum(0)
            sums[l] = decay * sums[l] + (1 - decay) * one_hot.T @ r
            total = counts[l].sum()
            smoothed = (counts[l] + eps) / (total + K * eps) * total
            used = counts[l] > 0
            c[l][used] = sums[l][used] / smoothed[used][:, None]
            r = left
            batch_codes.append(a)
            batch_errors.append((left ** 2).sum())
        codes.append(np.stack(batch_codes, 1))
        errors.append(batch_errors)

np.save(here / "x.npy", x)
np.save(here / "init.npy", init)
np.save(here / "codes.npy", np.concatenate(codes).astype(np.int32))
np.save(here / "codebooks.npy", c.astype(np.float32))
np.save(here / "n.npy", counts)
np.save(here / "errors.npy", np.array(errors))
