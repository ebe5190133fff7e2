"""What the peer scripts share: arguments come in, one JSON object goes out on the last line."""
import json
import os
import time

import numpy as np


def report(**figures):
    print(json.dumps({k: float(v) if isinstance(v, np.floating) else v for k, v in figures.items()}))


def timed(work):
    """(seconds, result)"""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def load(path):
    """The whole matrix in memory: peers are not charged for reading files."""
    return np.ascontiguousarray(np.load(path), dtype=np.float32)


def error(residuals):
    """Mean squared norm of the rows."""
    return float(np.einsum('ij,ij->', residuals, residuals, dtype=np.float64) / len(residuals))


def used_share(codes, n_codewords):
    """The smallest share of codewords in use over the levels of codes [n] or [n, L]."""
    codes = codes.reshape(len(codes), -1)
    return min(len(np.unique(column)) for column in codes.T) / n_codewords


def read_texts(path):
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def finish_embedding(vectors, seconds, out, **figures):
    np.save(out, np.asarray(vectors, dtype=np.float32))
    report(seconds=seconds, texts=len(vectors), **figures)


def by_length(texts, lengths, size):
    """Batches of indices, long texts first, so that little is padded: what every peer is given."""
    order = sorted(range(len(texts)), key=lambda i: -lengths[i])
    return [order[i:i + size] for i in range(0, len(order), size)]


def in_their_order(batches, results, n):
    out = np.empty((n, results[0].shape[1]), dtype=np.float32)
    for batch, vectors in zip(batches, results):
        out[batch] = vectors
    return out


def n_threads():
    return len(os.sched_getaffinity(0))
