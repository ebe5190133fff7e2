"""NumPy: sgemm and argmin, level by level, in blocks.

    peer_numpy.py encode DATA CODEBOOKS OUT
"""
import sys

import numpy as np

from common import load, report, timed

BLOCK = 8192


def encode(data, codebooks, out):
    x = load(data)
    c = np.load(codebooks)['codebooks']
    norms = np.einsum('lkd,lkd->lk', c, c)
    codes = np.empty((len(x), len(c)), dtype=np.int32)

    def work():
        for i in range(0, len(x), BLOCK):
            residuals = x[i:i + BLOCK].copy()
            for level, codewords in enumerate(c):
                scores = residuals @ codewords.T
                scores *= -2
                scores += norms[level]
                nearest = scores.argmin(1)
                codes[i:i + BLOCK, level] = nearest
                residuals -= codewords[nearest]
    seconds, _ = timed(work)
    np.save(out, codes)
    report(seconds=seconds)


globals()[sys.argv[1]](*sys.argv[2:])
