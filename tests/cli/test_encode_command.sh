#!/usr/bin/env bash
# `semid encode` as a process: the same codes at any thread count and batch, the exit statuses, and
# the example that encodes with the library.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

# Two levels of 16 codewords and 500 rows of dimension 12, without NumPy.
python3 - "$out" <<'PY'
import random, struct, sys, zipfile
out = sys.argv[1]
random.seed(5)
def npy(shape):
    n = 1
    for s in shape:
        n *= s
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (tuple(shape),)
    head = head.ljust(117) + "\n"
    data = struct.pack("<%df" % n, *(random.gauss(0, 1) for _ in range(n)))
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data, data
with zipfile.ZipFile(out + "/codebooks.npz", "w") as z:
    z.writestr("codebooks.npy", npy([2, 16, 12])[0])
whole, data = npy([500, 12])
open(out + "/x.npy", "wb").write(whole)
open(out + "/x.f32", "wb").write(data)
PY

encode() { "$SEMID" encode --quiet --load "$out/codebooks.npz" "$@"; }
encode --in "$out/x.npy" --out "$out/a.npy" --threads 1 >/dev/null
encode --in "$out/x.npy" --out "$out/b.npy" --threads 3 --encode-batch-size 7 >/dev/null
cmp "$out/a.npy" "$out/b.npy" || fail "codes depend on threads or batches"
encode --in "$out/x.npy" --out "$out/a.npy" --json | grep -q '"rows": 500' || fail "report"

# A beam: the same bytes at any thread count and batch, less error; of width 1 it is greedy.
mse() { sed -n 's/.*"mse": \[//; T; :a; N; s/\].*//; Ta; s/.*,//p' "$1" | tr -d ' \n'; }
encode --in "$out/x.npy" --out "$out/c.npy" --json >"$out/greedy.json"
encode --in "$out/x.npy" --out "$out/b.npy" --beam 1 >/dev/null
cmp "$out/a.npy" "$out/b.npy" || fail "a beam of width 1 is not greedy"
encode --in "$out/x.npy" --out "$out/b.npy" --beam 4 --threads 1 --json >"$out/beam.json"
encode --in "$out/x.npy" --out "$out/c.npy" --beam 4 --threads 3 --encode-batch-size 7 >/dev/null
cmp "$out/c.npy" "$out/b.npy" || fail "beam codes depend on threads or batches"
awk -v a="$(mse "$out/beam.json")" -v b="$(mse "$out/greedy.json")" 'BEGIN { exit !(a > 0 && a < b) }' ||
    fail "a beam does not lower the error: $(mse "$out/beam.json") $(mse "$out/greedy.json")"

# --unique: 256 codes for 250 rows, no two the same, at any thread count; none for 500.
head -c $((128 + 250 * 48)) "$out/x.npy" | sed '1s/(500, 12)/(250, 12)/' >"$out/half.npy"
encode --in "$out/half.npy" --out "$out/u.npy" --unique --threads 1 --json >"$out/unique.json"
encode --in "$out/half.npy" --out "$out/c.npy" --unique --threads 3 --encode-batch-size 7 >/dev/null
cmp "$out/c.npy" "$out/u.npy" || fail "unique codes depend on threads or batches"
[ "$(tail -c +129 "$out/u.npy" | od -An -v -td4 -w8 | sort -u | wc -l)" = 250 ] || fail "shared codes"
grep -q '"moved":' "$out/unique.json" && grep -q '"mse_added_ratio":' "$out/unique.json" ||
    fail "the report says nothing of --unique"
status=0
encode --in "$out/x.npy" --out "$out/none.npy" --unique 2>"$out/message" || status=$?
[ $status = 1 ] && [ ! -e "$out/none.npy" ] || fail "exit status $status for more rows than codes"
grep -q "x.npy: --unique: expected at most K^L = 16^2 = 256 rows.*found 500" "$out/message" ||
    fail "message: $(cat "$out/message")"

# The list of kept rows is written if rows were dropped; an old one is removed if none were.
for choice in --no-unique --unique; do
    cp "$out/half.npy" "$out/nan.npy"
    printf '\x00\x00\xc0\x7f' | dd of="$out/nan.npy" bs=1 seek=$((128 + 7 * 48)) conv=notrunc status=none
    encode --in "$out/nan.npy" --out "$out/d.npy" $choice --skip-bad-rows >/dev/null 2>&1
    [ "$(stat -c %s "$out/d.rows.npy")" = $((128 + 249 * 8)) ] || fail "$choice: numbers of the kept rows"
    encode --in "$out/half.npy" --out "$out/d.npy" $choice >/dev/null
    [ ! -e "$out/d.rows.npy" ] || fail "$choice: an older list of kept rows stays"
done

# Bad rows are met while encoding a catalogue, here after other batches: then all are counted. Where
# rows without them are as many as there are codes, each gets one.
status=0
encode --in "$out/nan.npy" --out "$out/none.npy" --unique --encode-batch-size 3 2>"$out/message" || status=$?
[ $status = 1 ] && [ ! -e "$out/none.npy" ] || fail "exit status $status for a bad row with --unique"
grep -q "nan.npy: expected finite numbers, found NaN or Inf in 1 of 250 rows, first in row 7" "$out/message" ||
    fail "message: $(cat "$out/message")"
head -c $((128 + 257 * 48)) "$out/x.npy" | sed '1s/(500, 12)/(257, 12)/' >"$out/nan.npy"
printf '\x00\x00\xc0\x7f' | dd of="$out/nan.npy" bs=1 seek=$((128 + 256 * 48)) conv=notrunc status=none
encode --in "$out/nan.npy" --out "$out/d.npy" --unique --skip-bad-rows >/dev/null 2>&1
[ "$(tail -c +129 "$out/d.npy" | od -An -v -td4 -w8 | sort -u | wc -l)" = 256 ] ||
    fail "not all codes are taken where bad rows leave as many rows"

# Errors that overflow are null in the report, and fail nothing.
head -c $((128 + 200 * 48)) "$out/x.npy" | sed '1s/(500, 12)/(200, 12)/' >"$out/huge.npy"
printf '\x00\x00\x80\x7e' | dd of="$out/huge.npy" bs=1 seek=$((128 + 7 * 48)) conv=notrunc status=none
for choice in "" --balance --unique; do
    encode --in "$out/huge.npy" --out "$out/d.npy" --json $choice >"$out/huge.json" 2>"$out/message" ||
        fail "errors that overflow, $choice: $(cat "$out/message")"
    grep -q null "$out/huge.json" || fail "$choice: expected null for errors that overflow: $(cat "$out/huge.json")"
done

# codes.npy is a header of 128 bytes and int32 codes.
tail -c +129 "$out/a.npy" | od -An -v -td4 -w8 | awk '{ print $1 "-" $2 }' >"$out/expected"
"$BUILD_DIR/examples/encode_vectors" "$out/codebooks.npz" <"$out/x.f32" >"$out/found"
cmp "$out/expected" "$out/found" || fail "the example's codes differ"

status=0
encode --in "$out/x.npy" --out "$out/none.npy" --balance --beam 2 2>/dev/null || status=$?
[ $status = 2 ] || fail "exit status $status for --balance with --beam"
status=0
encode --in "$out/x.npy" --out "$out/c.txt" 2>"$out/message" || status=$?
[ $status = 1 ] && grep -q "c.txt: expected a name ending in .npy" "$out/message" ||
    fail "exit status $status for a wrong extension: $(cat "$out/message")"
status=0
encode --in "$out/none.npy" --out "$out/c.npy" 2>"$out/message" || status=$?
[ $status = 1 ] || fail "exit status $status for a missing file"
grep -q '^semid encode: .*none.npy' "$out/message" || fail "message: $(cat "$out/message")"
status=0
encode --in "$out/x.npy" 2>/dev/null || status=$?
[ $status = 2 ] || fail "exit status $status without --out"
echo "encode agrees with the library at any thread count and batch"
