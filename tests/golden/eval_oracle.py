"""An independent evaluation in NumPy, by the words of docs and nothing else: every expansion,
profile, answer to empty candidates, with and without masked history, and the reference's own
formulas. Plain searches over all items, no index, no shortcuts.

    python eval_oracle.py      writes tests/golden/eval/ (needs numpy, pandas, pyarrow)

The catalogue is made up, and small enough to be nasty: equal vectors, equal codewords, users without
history, items that no embedding or no code knows, equal timestamps, raw vectors of any length."""

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent / "eval"
TOPK = [3, 10]
N_ITEMS, DIM, N_USERS = 90, 6, 40


# ---- the catalogue ----

def make_catalogue(rng):
    centres = rng.normal(size=(9, DIM))
    raw = centres[rng.integers(9, size=N_ITEMS)] + 0.5 * rng.normal(size=(N_ITEMS, DIM))
    raw *= rng.uniform(0.5, 2.0, size=(N_ITEMS, 1))
    raw = raw.astype(np.float32)
    raw[[17, 40, 71]] = raw[5]  # four items with the same vector
    raw[60] = 2 * raw[33]       # the same direction
    return raw, [f"B{i:03d}" for i in rng.permutation(N_ITEMS)]


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def nearest(x, codewords):
    return int(np.argmin(((codewords - x) ** 2).sum(1)))


def greedy(x, codebooks):
    code, rest = [], np.array(x, dtype=np.float64)
    for c in codebooks:
        k = nearest(rest, c)
        code.append(k)
        rest = rest - c[k]
    return tuple(code)


def train(vectors, n_levels, k, rng):
    """Rough residual codebooks; level 0 has one codeword twice."""
    rest, books = np.array(vectors, dtype=np.float64), []
    for level in range(n_levels):
        c = rest[rng.choice(len(rest), k, replace=False)].copy()
        for _ in range(3):
            assigned = np.array([nearest(r, c) for r in rest])
            for j in range(k):
                if (assigned == j).any():
                    c[j] = rest[assigned == j].mean(0)
        if level == 0 and n_levels > 1:
            c[k - 1] = c[1]
        c = c.astype(np.float32).astype(np.float64)
        books.append(c)
        rest = rest - np.array([c[nearest(r, c)] for r in rest])
    return np.array(books)


def make_histories(rng, ids):
    rows = {"train": [], "valid": [], "test": []}
    names = ids + ["GONE1", "GONE2"]
    for u in range(N_USERS):
        user = f"u{u:02d}" if u != 7 else 'u,"7"'
        for name, n in (("train", rng.integers(1, 9)), ("valid", 1), ("test", 1)):
            for _ in range(n):
                low = 0 if name == "train" else 30 if name == "valid" else 60
                rows[name].append((user, names[rng.integers(len(names))], int(low + rng.integers(40))))
    rows["train"] = [r for r in rows["train"] if r[0] not in ("u03", "u11")]
    rows["valid"] = [r for r in rows["valid"] if r[0] != "u03"]
    rows["train"] += [("u12", "GONE1", 1)]
    rows["valid"] = [r for r in rows["valid"] if r[0] != "u12"]
    rows["train"] = [r for r in rows["train"] if r[0] != "u12" or r[1] == "GONE1"]
    for u in (13, 14, 15):  # held-out items that the user had before, and equal vectors
        rows["train"] += [(f"u{u}", ids[5], 35), (f"u{u}", ids[71], 35)]
        rows["test"] = [r for r in rows["test"] if r[0] != f"u{u}"] + [(f"u{u}", ids[[5, 17, 40][u - 13]], 99)]
    for name in rows:
        order = rng.permutation(len(rows[name]))
        rows[name] = [rows[name][i] for i in order]
    return rows


# ---- the protocol ----

def history(rows, user, row_of):
    events = [(t, f, i, row_of[item]) for f, name in enumerate(("train", "valid"))
              for i, (u, item, t) in enumerate(rows[name]) if u == user and item in row_of]
    return [e[3] for e in sorted(events)]


def expand(kind, query, books, is_vq, buckets, options):
    """The set of codes whose items are candidates."""
    code = greedy(query, books)
    n_levels = len(books)
    if kind == "exact":
        return code, {code}
    if kind == "hamming1":
        return code, {c for c in buckets if sum(a != b for a, b in zip(c, code)) <= 1}
    if kind == "prefix":
        for n in range(n_levels, 0, -1):
            found = {c for c in buckets if c[:n] == code[:n]}
            if n == 1 or sum(len(buckets[c]) for c in found) >= options["candidates"]:
                return code, found
    if kind == "neighbors":
        found = {code}
        n = options["expand_vq_T"] if is_vq else options["expand_rq_M"]
        for level in range(n_levels):
            c = books[level]
            distance = ((c - c[code[level]]) ** 2).sum(1)
            others = sorted((distance[k], k) for k in range(len(c)) if k != code[level])
            for _, k in others[:n - 1]:
                found.add(code[:level] + (k,) + code[level + 1:])
        return code, found
    beam = [()]
    for level in range(n_levels):
        longer = {c[:level + 1] for c in buckets if c[:level] in beam}
        scored = []
        for c in longer:
            total = np.zeros(DIM)
            for l, k in enumerate(c):
                total = total + books[l][k]
            scored.append((round(((query - total) ** 2).sum(), 12), c))
        beam = [c for _, c in sorted(scored)[:options["beam"]]]
    taken, n_items = set(), 0
    for c in beam:
        if n_items >= options["candidates"]:
            break
        taken.add(c)
        n_items += len(buckets[c])
    return code, taken


def rank_of(target, rows, scores, high_row_first):
    s = np.round(scores, 12)
    sign = -1 if high_row_first else 1
    return sum((-s[r], sign * r) < (-s[target], sign * target) for r in rows if r != target)


def evaluate(data, method, options):
    raw, ids, rows = data["raw"], data["ids"], data["rows"]
    row_of = {item: i for i, item in enumerate(ids)}
    X, reference = unit(raw), options["reference"]
    books, is_vq, buckets = method["books"], method["is_vq"], method["buckets"]
    kind = "neighbors" if reference else options["expand"]
    test = rows["test"]
    if options["max_test"] and reference:
        frame = pd.DataFrame({"i": range(len(test))}).sample(options["max_test"], random_state=42)
        test = [test[i] for i in sorted(frame.i)]
    lines, n_cold, sizes, answered = [], 0, [], []
    ranks, ceiling = [], []
    for user, item, _ in test:
        past = history(rows, user, row_of)
        if item not in row_of or not past:
            n_cold += 1
            continue
        target = row_of[item]
        last = {"mean": past, "last": past[-1:], "lastN": past[-options["lastN"]:]}[options["profile"]]
        profile = unit(X[last].mean(0))
        query = profile if method["unit_space"] or reference else raw[last].mean(0)
        code, codes = expand(kind, query, books, is_vq, buckets, options)
        listed = [i for c in codes for i in buckets.get(c, [])]
        hidden = {i for i in past if i != target} if options["mask_history"] else set()
        listed = [i for i in listed if row_of.get(i) not in hidden]
        known = [row_of[i] for i in listed if i in row_of]
        n_cand = len(listed) if reference else len(known)
        scores = X @ profile
        everything = [r for r in range(len(ids)) if r not in hidden]
        best = rank_of(target, everything, scores, reference)
        if known:
            rank = rank_of(target, known, scores, reference) if target in known else None
        else:
            full = reference or options["on_empty"] == "full"
            rank = best if full else None
        limit = max(TOPK)
        rank = rank if rank is not None and rank < limit else None
        ranks.append(rank)
        ceiling.append(best if best < limit else None)
        answered.append(bool(known))
        sizes.append(n_cand)
        text = "-".join(map(str, code))
        shown = f'"{user.replace(chr(34), chr(34) * 2)}"' if '"' in user else user
        lines.append(f"{method['name']},{shown},{item},{text},{n_cand},{'' if rank is None else rank + 1}\n")
    return {"figures": figures(method, options, ranks, ceiling, answered, sizes, n_cold, test),
            "lines": lines}


def recall(ranks, k):
    return sum(r is not None and r < k for r in ranks) / len(ranks) if ranks else None


def ndcg(ranks, k):
    return sum(1 / math.log2(r + 2) for r in ranks if r is not None and r < k) / len(ranks)


def mrr(ranks):
    return sum(1 / (r + 1) for r in ranks if r is not None) / len(ranks)


def figures(method, options, ranks, ceiling, answered, sizes, n_cold, test):
    own = [r for r, a in zip(ranks, answered) if a]
    some = [s for s in sizes if s > 0]
    n_empty = answered.count(False)
    out = {"method": method["name"]}
    out |= {f"Recall@{k}": recall(ranks, k) for k in TOPK} | {f"NDCG@{k}": ndcg(ranks, k) for k in TOPK}
    out |= {"evaluated": len(ranks), "cold_start_skipped": n_cold,
            "avg_cand_size": float(np.mean(some)) if some else 0.0,
            "expand_rq_M": options["expand_rq_M"], "expand_vq_T": options["expand_vq_T"],
            "MRR": mrr(ranks), "cold_start_share": n_cold / len(test),
            "median_cand_size": float(np.median(some)) if some else 0.0,
            "p99_cand_size": float(np.percentile(some, 99)) if some else 0.0,
            "empty_candidates": n_empty,
            "fallback_rows": n_empty if options["reference"] or options["on_empty"] == "full" else 0}
    out |= {f"Recall@{k}_without_fallback": recall(own, k) for k in TOPK}
    out |= {f"ceiling_Recall@{k}": recall(ceiling, k) for k in TOPK}
    out |= {f"ceiling_NDCG@{k}": ndcg(ceiling, k) for k in TOPK} | {"ceiling_MRR": mrr(ceiling)}
    return out


# ---- files ----

def fnv1a(text):
    h = 0xCBF29CE484222325
    for b in text.encode():
        h = ((h ^ b) * 0x100000001B3) % (1 << 64)
    return f"{h:016x}"


def make_method(name, books, is_vq, unit_space, vectors, ids):
    codes = [greedy(v, books) for v in vectors]
    table = [(i, c) for i, c in zip(ids, codes) if i != ids[50]] + [("ZZ", codes[3])]
    buckets = {}
    for item, code in table:
        buckets.setdefault(code, []).append(item)
    return {"name": name, "books": books, "is_vq": is_vq, "unit_space": unit_space,
            "buckets": buckets, "table": table}


def save_method(method, metrics):
    folder = HERE / method["name"]
    folder.mkdir(parents=True, exist_ok=True)
    books = method["books"].astype(np.float32)
    np.savez(folder / "codebooks.npz", codebooks=books[0] if method["is_vq"] else books)
    columns = ["token"] if method["is_vq"] else [f"c{l + 1}" for l in range(len(books))]
    with open(folder / "items.csv", "w") as f:
        f.write(",".join(["item_id"] + columns) + "\n")
        for item, code in method["table"]:
            f.write(",".join([item] + [str(c) for c in code]) + "\n")
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics) + "\n")


def all_options():
    base = {"expand": "beam", "expand_rq_M": 2, "expand_vq_T": 3, "candidates": 12, "beam": 4,
            "on_empty": "full", "reference": False, "mask_history": False, "profile": "lastN",
            "lastN": 3, "max_test": 0}
    for kind, profile, on_empty, mask in itertools.product(
            ("exact", "hamming1", "prefix", "neighbors", "beam"), ("mean", "last", "lastN"),
            ("full", "skip"), (False, True)):
        yield base | {"expand": kind, "profile": profile, "on_empty": on_empty, "mask_history": mask}
    for profile, mask in itertools.product(("mean", "last", "lastN"), (False, True)):
        yield base | {"reference": True, "profile": profile, "mask_history": mask}
    yield base | {"reference": True, "max_test": 20}
    yield base | {"expand": "neighbors", "expand_rq_M": 4, "expand_vq_T": 1}
    yield base | {"expand": "beam", "beam": 1, "candidates": 1}
    yield base | {"expand": "beam", "beam": 1000, "candidates": 1000}


def main():
    rng = np.random.default_rng(20)
    raw32, ids = make_catalogue(rng)
    raw = raw32.astype(np.float64)
    rows = make_histories(rng, ids)
    methods = [
        make_method("rq", train(unit(raw), 3, 5, rng), False, True, unit(raw), ids),
        make_method("rq_raw", train(raw, 3, 5, rng), False, False, raw, ids),
        make_method("vq", train(raw, 1, 12, rng), True, False, raw, ids)]
    HERE.mkdir(exist_ok=True)
    np.save(HERE / "emb.npy", raw32)
    np.save(HERE / "ids.npy", np.array(ids))
    for name in rows:
        frame = pd.DataFrame(rows[name], columns=["user_id", "item_id", "timestamp"])
        frame.to_parquet(HERE / f"{name}.parquet", index=False)
    for method, metrics in zip(methods, ({"input_unit_norm": True}, {"input_unit_norm": False}, None)):
        save_method(method, metrics)
    data = {"raw": raw, "ids": ids, "rows": rows}
    columns, cases = None, []
    for options in all_options():
        used = [m for m in methods if options["expand"] != "hamming1" or not m["is_vq"]]
        found = [evaluate(data, m, options) for m in used]
        columns = list(found[0]["figures"])
        text = "method,user,item,query_code,n_cand,rank\n" + "".join(l for r in found for l in r["lines"])
        if options["expand"] == "beam" and options["mask_history"] and options["profile"] == "lastN" \
                and options["on_empty"] == "full" and not options["reference"]:
            (HERE / "rows_beam.csv").write_text(text)
        cases.append({"options": options, "rows_fnv1a": fnv1a(text),
                      "figures": [list(r["figures"].values()) for r in found]})
    with open(HERE / "expected.json", "w") as f:
        f.write('{"columns": ' + json.dumps(columns) + ',\n"topk": ' + json.dumps(TOPK) + ',\n"cases": [\n')
        shorten = lambda v: round(v, 9) if isinstance(v, float) else v
        f.write(",\n".join(json.dumps(c | {"figures": [[shorten(v) for v in r] for r in c["figures"]]})
                           for c in cases))
        f.write("\n]}\n")


if __name__ == "__main__":
    main()
