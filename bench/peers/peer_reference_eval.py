"""The evaluation loop as pipelines of this kind write it: a pandas row at a time, a dictionary of
buckets, NumPy inner products of the candidates, an exhaustive search where there are none.

    peer_reference_eval.py eval TRAIN VALID TEST EMB IDS CODES CODEBOOKS ROWS

RQ neighbours with M = 2 around the profile's code; the first ROWS test rows."""
import itertools
import sys

import numpy as np
import pandas as pd

from common import load, report, timed


def neighbours(code, codebooks, m):
    options = [np.argsort(((c - c[k]) ** 2).sum(1))[:m] for c, k in zip(codebooks, code)]
    return itertools.chain.from_iterable(
        ((*code[:level], int(k), *code[level + 1:]) for k in near)
        for level, near in enumerate(options))


def quantize(vector, codebooks):
    rest, code = vector.copy(), []
    for c in codebooks:
        code.append(int(((c - rest) ** 2).sum(1).argmin()))
        rest -= c[code[-1]]
    return tuple(code)


def evaluate(histories, test, emb, rows, buckets, codebooks):
    hits, evaluated = 0, 0
    for _, row in test.iterrows():
        history = [rows[i] for i in histories.get(row['user_id'], []) if i in rows][-5:]
        if not history or row['item_id'] not in rows:
            continue
        profile = emb[history].mean(0)
        profile /= np.linalg.norm(profile)
        candidates = set()
        for code in neighbours(quantize(profile, codebooks), codebooks, 2):
            candidates.update(buckets.get(code, ()))
        candidates = np.array(sorted(candidates)) if candidates else np.arange(len(emb))
        best = candidates[np.argsort(-(emb[candidates] @ profile))[:100]]
        hits += rows[row['item_id']] in best
        evaluated += 1
    return hits, evaluated


def run(train, valid, test, emb, ids, codes, codebooks, n):
    emb, codes = load(emb), np.load(codes)
    emb /= np.linalg.norm(emb, axis=1, keepdims=True)
    rows = {item: i for i, item in enumerate(np.load(ids))}
    history = pd.concat([pd.read_parquet(train), pd.read_parquet(valid)])
    history = history.sort_values('timestamp', kind='stable')
    histories = history.groupby('user_id')['item_id'].agg(list).to_dict()
    buckets = {}
    for i, code in enumerate(codes):
        buckets.setdefault(tuple(int(k) for k in code), []).append(i)
    books = np.load(codebooks)['codebooks']
    table = pd.read_parquet(test).head(int(n))
    seconds, (hits, evaluated) = timed(
        lambda: evaluate(histories, table, emb, rows, buckets, books))
    report(seconds=seconds / max(1, len(table)), hits=hits, evaluated=evaluated)


{'eval': run}[sys.argv[1]](*sys.argv[2:])
