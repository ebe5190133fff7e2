"""pandas and pyarrow against semid's tables: parquet.py SEMID RAW_CATALOGUE"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

semid, raw = sys.argv[1:]
os.chdir(tempfile.mkdtemp())


def run(*args, fails=None):
    done = subprocess.run([semid, *args], capture_output=True, text=True)
    if fails:
        assert done.returncode == 1 and fails in done.stderr, done
    else:
        assert done.returncode == 0, done.stderr
    return done.stdout


# preprocess: types and contents as pandas and pyarrow see them
run("preprocess", "--reviews", raw + "/reviews*", "--meta", raw + "/meta.jsonl", "--core", "0", "--out", "data")
train, items = pd.read_parquet("data/train.parquet"), pd.read_parquet("data/items.parquet")
assert list(train) == ["user_id", "item_id", "timestamp", "rating", "title", "description"]
assert list(items)[:7] == ["item_id", "title", "description", "features", "categories", "store", "price"]
assert train["timestamp"].dtype == np.int64 and train["timestamp"].is_monotonic_increasing
assert items["item_id"].map(str.encode).is_monotonic_increasing and items["item_id"].is_unique
schema = pq.read_schema("data/items.parquet")
assert schema.field("description").type == pa.list_(pa.string()), schema
assert schema.field("price").type == pa.float64()
first = items[items["item_id"] == "B000"].iloc[0]
assert first["description"].tolist() == ["One &amp; two", "", "three"] and first["price"] == 12.5
assert len(first["features"]) == 0
stats = json.load(open("data/stats.json"))
assert stats["train"]["rows"] == len(train) and stats["after_core"]["items"] == len(items)

# export: every kind of ids, every format
codes = np.array([[1, 2, 3], [4, 5, 6], [255, 0, 7]], dtype=np.int32)
ids = ["007", 'b,"x"', "é \U0001f98a"]
np.save("rq.npy", codes)
np.save("vq.npy", codes[:, 0].astype(np.int64))
np.save("ids.npy", np.array(ids))
np.save("object.npy", np.array(ids, dtype=object), allow_pickle=True)
pd.DataFrame({"score": [1.0, 2.0, 3.0], "item_id": ids}).to_parquet("ids.parquet")
for source in ("ids.npy", "object.npy", "ids.parquet"):
    run("export", "--codes", "rq.npy", "--ids", source, "--out", "rq.parquet", "--concat-col")
    table = pd.read_parquet("rq.parquet")
    assert list(table) == ["item_id", "c1", "c2", "c3", "code_str"] and table["c1"].dtype == np.int32
    assert table["item_id"].tolist() == ids and (table[["c1", "c2", "c3"]].values == codes).all()
    assert table["code_str"].tolist() == ["1-2-3", "4-5-6", "255-0-7"]
run("export", "--codes", "vq.npy", "--ids", "ids.npy", "--out", "vq.csv")
assert pd.read_csv("vq.csv", dtype={"item_id": str})["item_id"].tolist() == ids
run("export", "--codes", "vq.npy", "--ids", "ids.npy", "--out", "vq.jsonl")
assert pd.read_json("vq.jsonl", lines=True, dtype={"item_id": str})["token"].tolist() == [1, 4, 255]

# embeddings of theirs: lists and fixed-size lists of numbers
x = np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32)
names = ["i%d" % i for i in range(50)]
for name, column in {"list": pa.array(x.tolist(), pa.list_(pa.float32())),
                     "fixed": pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), 8),
                     "double": pa.array(x.tolist(), pa.list_(pa.float64()))}.items():
    pq.write_table(pa.table({"item_id": names, "embedding": column}), name + ".emb.parquet")
    run("build-faiss", "--emb", name + ".emb.parquet", "--ids", name + ".emb.parquet", "--outdir", name)
    assert np.load(name + "/ids.npy").tolist() == names
assert open("list/index.faiss", "rb").read() == open("fixed/index.faiss", "rb").read()

# tables of theirs: every compression and both string types
for name, kwargs in {"snappy": {"compression": "snappy"}, "gzip": {"compression": "gzip"},
                     "none": {"compression": None}, "v1": {"version": "1.0"},
                     "dictionary": {"use_dictionary": True, "row_group_size": 1}}.items():
    frame = pa.table({"item_id": pa.array(ids, pa.large_string()), "token": pa.array([1, 4, 255], pa.int64())})
    pq.write_table(frame, name + ".parquet", **kwargs)
    run("build-inverted", "--items", name + ".parquet", "--outdir", name)
    assert os.path.getsize(name + "/inverted.sid") > 0
with open("rq.parquet", "rb") as f:
    data = f.read()
open("cut.parquet", "wb").write(data[:-20])
run("build-inverted", "--items", "cut.parquet", "--outdir", "x", fails="cut.parquet")
assert not os.path.exists("x/inverted.sid")
print("pandas", pd.__version__, "and pyarrow", pa.__version__, "agree with semid")
