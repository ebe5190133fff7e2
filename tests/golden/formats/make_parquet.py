"""Writes named.parquet beside this script with pyarrow 26: vectors in every form of list. The output
is committed."""
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

X = np.arange(1, 7, dtype=np.float32).reshape(3, 2)
half = pa.array(X.astype(np.float16).reshape(-1))
columns = {"item_id": ["B000A", "é", "naïve 🦊"],
           "title": ["a", "b", "c"],
           "features": [["x"], ["y", "z"], []],
           "list32": pa.array(X.tolist(), pa.list_(pa.float32())),
           "list64": pa.array(X.tolist(), pa.list_(pa.float64())),
           "large": pa.array(X.tolist(), pa.large_list(pa.float32())),
           "fixed32": pa.array(X.tolist(), pa.list_(pa.float32(), 2)),
           "list16": pa.ListArray.from_arrays(pa.array([0, 2, 4, 6], pa.int32()), half),
           "fixed16": pa.FixedSizeListArray.from_arrays(half, 2)}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "named.parquet")
pq.write_table(pa.table(columns), path)
