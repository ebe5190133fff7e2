"""Writes the files beside this script, and the seeds of the fuzz targets, with NumPy, PyTorch and
safetensors: what other programs write, and what must be refused. Run with NumPy 1.26,
ml_dtypes 0.5 and PyTorch 1.13; the outputs are committed."""
import io
import json
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from collections import OrderedDict

import ml_dtypes
import numpy as np
import torch
from safetensors.numpy import save as safetensors_bytes
from safetensors.torch import save as safetensors_torch

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "..", "fuzz", "corpus")
warnings.filterwarnings("ignore")

X = np.arange(1, 7, dtype=np.float32).reshape(3, 2)  # every good matrix holds these
IDS = ["B000A", "é", "naïve 🦊"]


def write(name, data, *corpora):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(data)
    for corpus in corpora:
        seed(corpus, name, data)


def seed(corpus, name, data):
    os.makedirs(os.path.join(CORPUS, corpus), exist_ok=True)
    with open(os.path.join(CORPUS, corpus, name), "wb") as f:
        f.write(data)


def npy(array, version=None, protocol=None):
    f = io.BytesIO()
    np.lib.format.write_array(f, array, version=version)
    data = f.getvalue()
    if protocol is not None:
        data = data[:data.index(b"\n") + 1] + pickle.dumps(array, protocol=protocol)
    return data


def npz(save, **arrays):
    f = io.BytesIO()
    save(f, **arrays)
    return f.getvalue()


def pt(value, **options):
    f = io.BytesIO()
    torch.save(value, f, **options)
    return f.getvalue()


def good_npy():
    for name in "f2 f4 f8 i1 u1 i2 u2 i4 u4 i8 u8 ?".split():
        write(f"x_{name.replace('?', 'bool')}.npy", npy((X % 2 if name == "?" else X).astype(name)))
    write("x_f4_v2.npy", npy(X, version=(2, 0)), "npy")
    write("x_f4_v3.npy", npy(X, version=(3, 0)))
    write("x_fortran.npy", npy(np.asfortranarray(X)), "npy")
    write("x_big_endian.npy", npy(X.astype(">f8")), "npy")
    write("x_bf16.npy", npy(X.astype(ml_dtypes.bfloat16)), "npy")
    write("x_c8.npy", npy(X.astype(np.complex64)))
    write("x_record.npy", npy(np.zeros(3, dtype=[("a", "f4"), ("b", "i8")])), "npy")


def good_ids():
    write("ids_U.npy", npy(np.array(IDS)), "ids")
    write("ids_U_big_endian.npy", npy(np.array(IDS).astype(">U7")), "ids")
    write("ids_S.npy", npy(np.array([s.encode() for s in IDS])), "ids")
    write("ids_i8.npy", npy(np.array([5, -6, 7])), "ids")
    for protocol in range(2, 6):
        write(f"ids_object_{protocol}.npy", npy(np.array(IDS, dtype=object), protocol=protocol), "ids")
    write("ids_object_mixed.npy", npy(np.array([np.str_("a"), 7, b"c", np.int64(-8)], dtype=object),
                                      protocol=3), "ids")
    write("ids_object_numpy2.npy", npy(np.array(IDS, dtype=object), protocol=3)
          .replace(b"cnumpy.core.multiarray", b"cnumpy._core.multiarray"))
    write("ids_object_none.npy", npy(np.array(["a", None], dtype=object), protocol=3), "ids")


def good_npz():
    write("x_stored.npz", npz(np.savez, other=np.ones(3), emb=X), "npz")
    write("x_deflated.npz", npz(np.savez_compressed, Z=X), "npz")
    write("x_arr_0.npz", npz(lambda f: np.savez(f, np.asfortranarray(X))), "npz")
    write("x_other.npz", npz(np.savez, other=X))
    write("x_zip64.npz", zip64(b"emb.npy", npy(X)), "npz")


def zip64(name, data):
    """Every field that has a 64-bit form in it."""
    crc, n = struct.pack("<I", zlib.crc32(data)), len(data)
    common = struct.pack("<HHHHH", 45, 0, 0, 0, 0x21) + crc + b"\xff" * 8 + struct.pack("<H", len(name))
    sizes = struct.pack("<QQ", n, n)
    local = b"PK\3\4" + common + struct.pack("<H", 20) + name + struct.pack("<HH", 1, 16) + sizes + data
    entry = (b"PK\1\2" + struct.pack("<H", 45) + common + struct.pack("<HHHHI", 28, 0, 0, 0, 0) + b"\xff" * 4 +
             name + struct.pack("<HH", 1, 24) + sizes + struct.pack("<Q", 0))
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(entry), len(local))
    locator = b"PK\6\7" + struct.pack("<IQI", 0, len(local) + len(entry), 1)
    end = b"PK\5\6" + struct.pack("<HH", 0, 0) + b"\xff" * 12 + struct.pack("<H", 0)
    out = local + entry + end64 + locator + end
    assert zipfile.ZipFile(io.BytesIO(out)).read(name.decode()) == data
    return out


def good_pt():
    t = torch.from_numpy(X)
    write("x_tensor.pt", pt(t), "pt")
    for name, value in dict(f16=t.half(), bf16=t.bfloat16(), f64=t.double()).items():
        write(f"x_{name}.pt", pt(value))
    write("x_dict.pt", pt({"emb": t, "ids": IDS}), "pt")
    write("x_dict_tensor_ids.pt", pt({"Z": t, "ids": torch.tensor([5, -6, 7])}))
    write("x_dict_numpy_ids.pt", pt({"features": t, "ids": np.array(IDS)}), "pt")
    write("x_dict_object_ids.pt", pt({"embeddings": t, "ids": np.array(IDS, dtype=object)}))
    write("x_transposed.pt", pt(t.t().contiguous().t()), "pt")
    wide = torch.zeros(5, 6)
    wide[1:4, 2:6:2] = t
    write("x_sliced.pt", pt(wide[1:4, 2:6:2]), "pt")
    write("x_parameter.pt", pt(torch.nn.Parameter(t)))
    write("x_protocol4.pt", pt({"emb": t, "ids": IDS}, pickle_protocol=4))
    write("ids_list.pt", pt(IDS))
    for name, protocol in (("dict_2.pkl", 2), ("dict_4.pkl", 4), ("dict_5.pkl", 5)):
        seed("pickle", name, pickle.dumps({"ids": IDS + [1, -2**40, 0.5, None, True]}, protocol=protocol))
    seed("pickle", "object_2.pkl", pickle.dumps(np.array(IDS, dtype=object), protocol=2))
    seed("pickle", "U_2.pkl", pickle.dumps(np.array(IDS), protocol=2))
    seed("pickle", "scalars_4.pkl", pickle.dumps([np.str_("a"), np.int64(7)], protocol=4))
    seed("pickle", "tensor_2.pkl", tensor_pickle())
    write("x_deflated.pt", deflated(pt(t)), "pt")


def deflated(data):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as z, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as w:
        for name in z.namelist():
            w.writestr(zipfile.ZipInfo(name), z.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def good_safetensors():
    write("x.safetensors", safetensors_bytes({"emb": X, "w": np.ones((2, 2), np.int8)}), "safetensors")
    write("x_f16.safetensors", safetensors_bytes({"only": X.astype(np.float16)}, metadata={"a": "b"}),
          "safetensors")


def zip_of(members, method=zipfile.ZIP_STORED):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as z:
        for name, data in members.items():
            z.writestr(zipfile.ZipInfo(name), data, method)
    return f.getvalue()


def pt_of(description, storage=X.tobytes()):
    return zip_of({"x/data.pkl": description, "x/data/0": storage, "x/version": "3\n"})


class Runs:
    def __reduce__(self):
        return os.system, ("touch /tmp/this-must-not-exist",)


def tensor_pickle(offset=0, size=(3, 2), stride=(2, 1), numel=6, key="0", kind="FloatStorage"):
    """By hand, so that the figures may lie."""
    def put(v):
        if isinstance(v, tuple):
            return b"(" + b"".join(put(i) for i in v) + b"t"
        if isinstance(v, str):
            return b"X" + struct.pack("<I", len(v)) + v.encode()
        return b"\x8a\x08" + struct.pack("<q", v)
    storage = (b"(" + put("storage") + b"ctorch\n" + kind.encode() + b"\n" + put(key) + put("cpu") +
               put(numel) + b"tQ")
    return (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + put(offset) + put(size) +
            put(stride) + b"\x89ccollections\nOrderedDict\n)RtR.")


def bad():
    write("bad_code.pt", pt_of(pickle.dumps({"emb": Runs()}, protocol=2)), "pt")
    write("bad_code_protocol4.pt", pt_of(pickle.dumps(Runs(), protocol=4)))
    write("bad_opcode.pt", pt_of(b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85\x81."))
    write("bad_inst.pt", pt_of(b"(S'a'\nios\nsystem\n."), "pt")
    code = npy(np.array(["a"], dtype=object))
    head = code[:code.index(b"\n") + 1]
    write("bad_code_ids.npy", head + pickle.dumps([Runs()], protocol=3), "ids")
    write("bad_truncated_ids.npy", npy(np.array(IDS, dtype=object))[:-9], "ids")
    write("bad_count_ids.npy", npy(np.array(IDS, dtype=object)).replace(b"(3,)", b"(4,)"))
    write("bad_shape.pt", pt_of(tensor_pickle(size=(2**40, 2**40))))
    write("bad_expanded.pt", pt_of(tensor_pickle(size=(2**40, 2), stride=(0, 1))))
    write("bad_stride.pt", pt_of(tensor_pickle(stride=(2**62, 1))))
    write("bad_offset.pt", pt_of(tensor_pickle(offset=1)), "pt")
    write("bad_negative.pt", pt_of(tensor_pickle(offset=-1)))
    write("bad_numel.pt", pt_of(tensor_pickle(numel=2**62)))
    write("bad_storage.pt", pt_of(tensor_pickle(key="1")))
    write("bad_key.pt", pt_of(tensor_pickle(key="../x")))
    write("bad_type.pt", pt_of(tensor_pickle(kind="QInt8Storage")))
    write("bad_rank.pt", pt_of(tensor_pickle(size=(6,), stride=(1,))))
    write("bad_integers.pt", pt(torch.arange(6).reshape(3, 2)))
    write("bad_empty.pt", pt(torch.zeros(0, 2)))
    write("bad_dict.pt", pt({"other": torch.zeros(1, 1), "another": torch.zeros(1, 1)}))
    write("bad_ids_count.pt", pt({"emb": torch.from_numpy(X), "ids": ["a"]}))
    write("bad_no_description.pt", zip_of({"a": b"b"}))
    write("bad_old_format.pt", pt(torch.from_numpy(X), _use_new_zipfile_serialization=False))
    good = pt(torch.from_numpy(X))
    write("bad_truncated.pt", good[:len(good) // 2])
    flipped = bytearray(good)
    flipped[good.index(X.tobytes()) + 5] ^= 1
    write("bad_checksum.pt", bytes(flipped))
    big = bytearray(npy(np.zeros((1024, 1024), np.float32)))
    bomb = zip_of({"emb.npy": bytes(big)}, zipfile.ZIP_DEFLATED)
    at = bomb.rindex(b"PK\1\2") + 24  # the directory claims 4 GiB, and 256 MiB
    write("bad_bomb_4g.npz", bomb[:at] + struct.pack("<I", 0xfffffff0) + bomb[at + 4:], "npz")
    write("bad_bomb_256m.npz", bomb[:at] + struct.pack("<I", 1 << 28) + bomb[at + 4:])
    write("bad_length.npz", bomb[:at] + struct.pack("<I", len(big) + 1) + bomb[at + 4:])
    stored = npz(np.savez, emb=X)
    at = stored.rindex(b"PK\1\2") + 20
    write("bad_outside.npz", stored[:at] + struct.pack("<II", 1 << 30, 1 << 30) + stored[at + 8:], "npz")
    write("bad_truncated.npz", stored[:-10])
    damaged = bytearray(npz(np.savez_compressed, emb=X))
    damaged[60] ^= 0xff
    write("bad_deflate.npz", bytes(damaged), "npz")


def good_named():
    """Several arrays in a file, of which one is to be named."""
    image = (X[:, :1] * 2).astype(np.float16)
    write("named.npz", npz(np.savez, text=X, image=image, codes=np.arange(6).reshape(3, 2), line=X[0]))
    state = OrderedDict({"item.weight": torch.from_numpy(X), "item.bias": torch.zeros(2),
                         "user.weight": torch.from_numpy(X[:2]).bfloat16()})
    write("named.pt", pt({"model": state, "epoch": 3, "ids": IDS}), "pt")
    write("named-00001-of-00002.safetensors", safetensors_bytes({"item.weight": X}))
    write("named-00002-of-00002.safetensors", safetensors_torch({
        "user.weight": torch.from_numpy(X[:2]).bfloat16(), "item.bias": torch.zeros(2)}))
    write("named.safetensors.index.json", json.dumps({"metadata": {"total_size": 40}, "weight_map": {
        "item.weight": "named-00001-of-00002.safetensors", "item.bias": "named-00002-of-00002.safetensors",
        "user.weight": "named-00002-of-00002.safetensors"}}).encode())


def indexes():
    """Seeds only: the target puts a.safetensors (u, w) and b.safetensors (v, w) beside them."""
    for name, files in dict(both={"w": "a", "v": "b", "u": "a"}, one={"w": "b"}, no_tensor={"x": "a"},
                            no_file={"w": "c"}, other_folder={"w": "../a"}, empty={}).items():
        index_seed(name, {tensor: f"{file}.safetensors" for tensor, file in files.items()})
    index_seed("itself", {"w": "index.json"})
    index_seed("not_a_name", {"w": ["a.safetensors"]})
    index_seed("nul", {"w\xe9": "a.safetensors\0x"})
    seed("safetensors_index", "twice", b'{"weight_map": {"w": "a.safetensors", "w": "b.safetensors"}}')


def index_seed(name, weight_map):
    seed("safetensors_index", name, json.dumps({"weight_map": weight_map}).encode())


good_npy()
good_named()
good_ids()
good_npz()
good_pt()
good_safetensors()
indexes()
bad()
