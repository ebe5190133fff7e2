"""Writes inverted.sid files from the description of the format alone (docs/formats.md), for
tests/unit/test_inverted.c and as a corpus for tests/fuzz/fuzz_inverted.c."""

import struct
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent.parent / "fuzz" / "corpus" / "inverted"


def fnv1a(data):
    h = 0xCBF29CE484222325
    for b in data:
        h = ((h ^ b) * 0x100000001B3) % (1 << 64)
    return h


def pad(data):
    return data + bytes(-len(data) % 64)


def inverted(codes, ids):
    order = sorted(range(len(codes)), key=lambda i: (codes[i], i))
    unique = sorted(set(codes))
    offsets = [0]
    for c in unique:
        offsets.append(offsets[-1] + codes.count(c))
    text = [i.encode() + b"\0" for i in ids]
    id_offsets = [0]
    for t in text:
        id_offsets.append(id_offsets[-1] + len(t))
    body = pad(b"".join(struct.pack(f"<{len(c)}i", *c) for c in unique))
    body += pad(struct.pack(f"<{len(offsets)}Q", *offsets))
    body += pad(struct.pack(f"<{len(order)}I", *order))
    body += pad(struct.pack(f"<{len(id_offsets)}Q", *id_offsets))
    body += b"".join(text)
    head = b"SEMIDINV" + struct.pack(
        "<IIQQQQQ", 1, len(codes[0]), len(codes), len(unique),
        max(map(max, codes)) + 1, id_offsets[-1], 64 + len(body))
    return head + struct.pack("<Q", fnv1a(head)) + body


SMALL = inverted(
    [(3, 0, 7), (1, 2, 3), (3, 0, 7), (1, 2, 4), (0, 70000, 1), (1, 0, 9), (3, 0, 7)],
    ["B001", "B002", "päron", "", "B005", "B006", "B007"])
VQ = inverted([(5,), (2,), (5,)], ["a", "b", "c"])

if __name__ == "__main__":
    (HERE / "small.sid").write_bytes(SMALL)
    CORPUS.mkdir(parents=True, exist_ok=True)
    (CORPUS / "small.sid").write_bytes(SMALL)
    (CORPUS / "vq.sid").write_bytes(VQ)
