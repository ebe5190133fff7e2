#!/usr/bin/env bash
# From codes to a table to an index to examples/lookup_prefix, against a program of our own.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 - "$dir" <<'PY'
import array, random, sys
random.seed(1)
rows = [[random.randrange(3), random.randrange(12), random.randrange(4)] for _ in range(200)]
header = str({"descr": "<i4", "fortran_order": False, "shape": (200, 3)}).encode()
header += b" " * (117 - len(header)) + b"\n"
with open(sys.argv[1] + "/codes.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    array.array("i", [c for row in rows for c in row]).tofile(f)
with open(sys.argv[1] + "/ids.txt", "w") as f:
    f.writelines(f"item-{i}\n" for i in range(200))
for prefix in ("1", "1-11", "2-3-0", "2-99"):
    want = [int(c) for c in prefix.split("-")]
    hits = sorted((row, i) for i, row in enumerate(rows) if row[:len(want)] == want)
    with open(f"{sys.argv[1]}/{prefix}.expected", "w") as f:
        f.writelines(f"{'-'.join(map(str, row))}\titem-{i}\n" for row, i in hits)
PY
"$SEMID" export --codes "$dir/codes.npy" --ids "$dir/ids.txt" --out "$dir/items.parquet" --quiet >/dev/null
"$SEMID" build-inverted --items "$dir/items.parquet" --outdir "$dir" --quiet >/dev/null
for prefix in 1 1-11 2-3-0 2-99; do
    "$BUILD_DIR/examples/lookup_prefix" "$dir/inverted.sid" $prefix | diff - "$dir/$prefix.expected"
done
echo "the same items under every prefix"
