"""Writes files with NumPy, PyTorch and safetensors, has them read and written again by the program
given as argument, and opens the results with the strictest settings of those libraries."""
import itertools
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import safetensors.numpy

warnings.filterwarnings("ignore")
try:
    import torch
except ImportError:
    torch = None

CONVERT = sys.argv[1]
FOLDER = tempfile.TemporaryDirectory()
IDS = ["B000A", "é", "naïve 🦊", "", "a b", "x" * 300]
X = np.random.default_rng(1).normal(size=(6, 5)).astype(np.float32)
checks = 0


def path(name):
    return os.path.join(FOLDER.name, name)


def convert(kind, source, target):
    done = subprocess.run([CONVERT, kind, path(source), path(target)], capture_output=True, text=True)
    assert done.returncode == 0, f"{kind} {source} {target}: {done.stderr}"
    return path(target)


def same(a, b, what):
    global checks
    checks += 1
    a, b = np.asarray(a), np.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b), what


def npy(name):
    return np.load(name, allow_pickle=False)


def arrays():
    """Every numeric type, order and rank through npy and npz."""
    types = "f2 f4 f8 i1 u1 i2 u2 i4 u4 i8 u8 ?".split()
    shapes = [(), (7,), (3, 5), (2, 3, 4), (0, 3), (1, 1, 1, 2)]
    for t, shape, order, byte_order in itertools.product(types, shapes, "CF", "<>"):
        a = (np.random.default_rng(0).random(shape) * 100).astype(t)
        np.save(path("a.npy"), np.array(a.astype(a.dtype.newbyteorder(byte_order)), order=order))
        with np.load(convert("array", "a.npy", "a.npz"), allow_pickle=False) as z:
            assert sorted(z.files) == ["first", "second"]
            same(z["first"], a, (t, shape, order, byte_order))
            same(z["second"], a, (t, shape, order, byte_order))


def matrices():
    for t, order in itertools.product(["<f2", "<f4", "<f8", ">f4", ">f8"], "CF"):
        np.save(path("x.npy"), np.array(X.astype(t), order=order))
        same(npy(convert("embeddings", "x.npy", "y.npy")), X.astype(t).astype(np.float32), (t, order))
    for save, key in itertools.product([np.savez, np.savez_compressed], ["emb", "Z", "arr_0"]):
        save(path("x.npz"), first=np.zeros(3), **{key: X})
        same(npy(convert("embeddings", "x.npz", "y.npy")), X, key)


def ids():
    for a in [np.array(IDS), np.array(IDS).astype(">U301"), np.array(IDS, dtype=object),
              np.array([s.encode() for s in IDS])]:
        np.save(path("ids.npy"), a)
        same(npy(convert("ids", "ids.npy", "out.npy")), np.array(IDS), a.dtype)
    np.save(path("ids.npy"), np.arange(-3, 5))
    same(npy(convert("ids", "ids.npy", "out.npy")), np.arange(-3, 5).astype(str).astype("U2"), "int")
    with open(convert("ids", "ids.npy", "out.txt"), encoding="utf-8") as f:
        assert f.read().split() == [str(i) for i in range(-3, 5)]


def codes():
    c = np.arange(12).reshape(4, 3)
    np.save(path("c.npy"), c)
    same(npy(convert("codes", "c.npy", "d.npy")), c.astype(np.int32), "codes")


def tensors():
    t = {k: (X * 10).astype(k) for k in "f2 f4 f8 i1 u1 i2 i4 i8".split()}
    t["scalar"], t["empty"] = np.array(3, np.float32), np.zeros((0, 4), np.float32)
    safetensors.numpy.save_file(t, path("t.safetensors"), metadata={"made": "by a test"})
    back = safetensors.numpy.load_file(convert("tensors", "t.safetensors", "u.safetensors"))
    assert back.keys() == t.keys()
    for k in t:
        same(back[k], t[k], k)
    np.save(path("x.npy"), X)
    same(safetensors.numpy.load_file(convert("embeddings", "x.npy", "x.safetensors"))["emb"], X, "emb")
    same(npy(convert("embeddings", "x.safetensors", "y.npy")), X, "emb")


def torch_files():
    t = torch.from_numpy(X)
    wide = torch.zeros(20, 20)
    wide[3:15:2, 4:19:3] = t
    values = {
        "tensor": t, "double": t.double(), "parameter": torch.nn.Parameter(t), "emb": {"emb": t},
        "Z": {"other": [1, 2.5, None, True, "x", (1,), {}], "Z": t}, "embeddings": {"embeddings": t},
        "features": {"features": t}, "transposed": t.t().contiguous().t(), "slice": wide[3:15:2, 4:19:3],
        "ordered": torch.nn.Module().state_dict() | {"emb": t},
    }
    for (name, value), protocol in itertools.product(values.items(), [2, 3, 4, 5]):
        torch.save(value, path("x.pt"), pickle_protocol=protocol)
        same(npy(convert("embeddings", "x.pt", "y.npy")), X, name)
    for kind in torch.float16, torch.bfloat16:
        torch.save(t.to(kind), path("x.pt"))
        same(npy(convert("embeddings", "x.pt", "y.npy")), t.to(kind).float().numpy(), kind)

    np.save(path("x.npy"), X)
    back = torch.load(convert("embeddings", "x.npy", "plain.pt"), weights_only=True)
    same(back.numpy(), X, "plain")
    for given, expected in [(IDS, IDS), (tuple(IDS), IDS), (np.array(IDS), IDS),
                            (np.array(IDS, dtype=object), IDS), (list(range(6)), list("012345")),
                            (torch.arange(6), list("012345"))]:
        torch.save({"emb": t, "ids": given}, path("x.pt"))
        back = torch.load(convert("embeddings", "x.pt", "back.pt"), weights_only=True)
        same(back["emb"].numpy(), X, "emb")
        assert back["ids"] == expected and sorted(back) == ["emb", "ids"]
        same(npy(convert("ids", "x.pt", "out.npy")), np.array(expected), "ids")


for check in arrays, matrices, ids, codes, tensors:
    check()
if torch:
    torch_files()
else:
    print("skipped: the PyTorch part: python3-torch is not installed")
print(f"{checks} arrays came back equal")
