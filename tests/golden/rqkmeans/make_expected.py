#!/usr/bin/env python3
"""What scikit-learn's KMeans (defaults, n_init=1) reaches level by level: the mean squared norm of
the residuals after each level, the median over seeds 0 to 2.

    make_expected.py EMB.npy

writes mixture.npy (a small made-up mixture) and expected.csv beside this file; EMB.npy holds the
real vectors of the shared data. Needs numpy and scikit-learn."""

import csv
import pathlib
import sys

import numpy as np
import sklearn
from sklearn.cluster import KMeans

HERE = pathlib.Path(__file__).parent
SEEDS = (0, 1, 2)


def make_mixture():
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(60, 24))
    labels = rng.choice(60, size=1500, p=np.arange(1, 61)[::-1] / np.arange(1, 61).sum())
    return (centres[labels] + 0.5 * rng.normal(size=(1500, 24))).astype(np.float32)


def level_errors(x, levels, codewords, seed):
    residual, errors = x.copy(), []
    for _ in range(levels):
        fit = KMeans(n_clusters=codewords, n_init=1, random_state=seed).fit(residual)
        residual = residual - fit.cluster_centers_[fit.labels_].astype(np.float32)
        errors.append(float((residual.astype(np.float64) ** 2).sum(axis=1).mean()))
    return errors


def main():
    mixture = make_mixture()
    np.save(HERE / "mixture.npy", mixture)
    cases = [("mixture", mixture, 3, 16), ("mixture", mixture, 3, 64)]
    real = np.load(sys.argv[1])
    cases += [("real", real, 4, 64), ("real", real, 4, 256)]
    with open(HERE / "expected.csv", "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        f.write(f"# scikit-learn {sklearn.__version__}, median of seeds {SEEDS}\n")
        for name, x, levels, codewords in cases:
            runs = np.array([level_errors(x, levels, codewords, seed) for seed in SEEDS])
            for level, error in enumerate(np.median(runs, axis=0)):
                out.writerow([name, codewords, level + 1, f"{error:.9g}"])


main()
