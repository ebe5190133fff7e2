"""Python's FAISS opens what `build-faiss` writes and finds the same; `eval` reads what Python writes.

    python faiss_files.py SEMID FOLDER
"""

import json
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np

semid, out = sys.argv[1], Path(sys.argv[2])
N, DIM = 2000, 24
rng = np.random.default_rng(5)
X = rng.normal(size=(N, DIM)).astype(np.float32)
unit = X / np.linalg.norm(X, axis=1, keepdims=True)
ids = np.array([f"item{i}" for i in range(N)])
np.save(out / "emb.npy", X)
np.save(out / "ids.npy", ids)


def build(folder, *options):
    subprocess.run([semid, "build-faiss", "--quiet", "--emb", out / "emb.npy", "--ids", out / "ids.npy",
                    "--outdir", out / folder, *options], check=True, stdout=subprocess.DEVNULL)
    meta = json.loads((out / folder / "index.meta.json").read_text())
    assert np.array_equal(np.load(out / folder / "ids.npy", allow_pickle=False), ids)
    return faiss.read_index(str(out / folder / "index.faiss")), meta


def expect(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


exact = np.argsort(-(unit @ unit.T), axis=1, kind="stable")[:, :10]

index, meta = build("flat")
expect(index.ntotal == N and index.d == DIM and index.metric_type == faiss.METRIC_INNER_PRODUCT, "flat: shape")
expect(meta["metric"] == "inner_product" and meta["normalised"] is True and meta["factory"] == "Flat", "flat: meta")
expect(np.abs(index.reconstruct_n(0, N) - unit).max() < 1e-6, "flat: vectors")
expect(np.array_equal(index.search(unit, 10)[1], exact), "flat: search")

index, meta = build("raw", "--no-normalize")
expect(np.array_equal(index.reconstruct_n(0, N), X) and meta["normalised"] is False, "raw: vectors")

for factory, recall in (("IVF16,Flat", 0.3), ("HNSW16", 0.8), ("SQ8", 0.9), ("PCA16,IVF8,Flat", 0.2)):
    index, meta = build(factory, "--factory", factory)
    found = index.search(unit, 10)[1]
    share = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact)])
    expect(index.ntotal == N and meta["factory"] == factory, f"{factory}: shape")
    expect(share > recall, f"{factory}: recall {share}")

# What Python writes: eval ranks the same with its index as without.
golden = Path(__file__).resolve().parent.parent / "golden" / "eval"
items, names = np.load(golden / "emb.npy"), np.load(golden / "ids.npy")
order = rng.permutation(len(names))  # FAISS rows in another order than the catalogue's
flat = faiss.IndexFlatIP(items.shape[1])
flat.add((items / np.linalg.norm(items, axis=1, keepdims=True))[order])
faiss.write_index(flat, str(out / "python.faiss"))
np.save(out / "python.npy", names[order].astype(object), allow_pickle=True)  # as NumPy pickles str
method = out / "outputs" / "rq"
subprocess.run([semid, "build-inverted", "--quiet", "--items", golden / "rq" / "items.csv", "--outdir", method],
               check=True, stdout=subprocess.DEVNULL)
(method / "codebooks.npz").write_bytes((golden / "rq" / "codebooks.npz").read_bytes())


def evaluate(name, *options):
    rows = out / f"{name}.csv"
    subprocess.run([semid, "eval", "--quiet", *[w for f in ("train", "valid", "test")
                                               for w in (f"--{f}", golden / f"{f}.parquet")],
                    "--items-emb", golden / "emb.npy", "--items-ids", golden / "ids.npy",
                    "--outputs-dir", out / "outputs", "--methods", "rq", "--out", out / "table.csv",
                    "--rows", rows, *options], check=True, stdout=subprocess.DEVNULL)
    return rows.read_text()


python_index = ["--faiss-index", out / "python.faiss", "--faiss-ids", out / "python.npy"]
for expand in ("exact", "beam"):
    plain = evaluate("plain", "--expand", expand)
    expect(plain == evaluate("fallback", "--expand", expand, *python_index), f"{expand}: fallback by Python's index")
    expect(plain == evaluate("rerank", "--expand", expand, "--use-faiss-rerank", *python_index),
           f"{expand}: rerank by Python's index")
print("FAISS indexes agree in both directions")
