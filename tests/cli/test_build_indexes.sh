#!/usr/bin/env bash
# build-inverted and build-faiss as commands: what they write, and their error table.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
golden=$SOURCE_DIR/tests/golden/eval
fail() { echo "FAILED: $*"; exit 1; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"
expect() { refused "$@" --outdir "$out/refused"; } # STATUS PART COMMAND...

# ---- build-inverted ----
"$SEMID" build-inverted --items "$golden/rq/items.csv" --outdir "$out/rq" --json >"$out/report.json"
grep -q '"items": 90' "$out/report.json" || fail "report: $(cat "$out/report.json")"
grep -q '"levels": 3' "$out/rq/inverted.meta.json" || fail "meta: $(cat "$out/rq/inverted.meta.json")"

expect 1 "$out/none.csv" build-inverted --items "$out/none.csv"
expect 1 "expected a file, found a folder" build-inverted --items "$out"
expect 1 "item_id" build-inverted --items "$golden/rq/items.csv" --id-col asin
expect 2 "--items FILE is required" build-inverted
printf 'item_id,c1,c2\na,1,2\nb,3,4\na,5,6\n' >"$out/twice.csv"
expect 1 "expected distinct ids, found a in rows 0 and 2" build-inverted --items "$out/twice.csv"
printf 'item_id,c1,c2\na,1,-2\n' >"$out/negative.csv"
expect 1 "negative" build-inverted --items "$out/negative.csv"
printf 'item_id,c1,c2\n' >"$out/empty.csv"
expect 1 "empty.csv" build-inverted --items "$out/empty.csv"
printf 'item_id,title\na,x\n' >"$out/no_codes.csv"
expect 1 "title" build-inverted --items "$out/no_codes.csv"

# ---- build-faiss ----
faiss=(build-faiss --emb "$golden/emb.npy" --ids "$golden/ids.npy")
"$SEMID" "${faiss[@]}" --outdir "$out/faiss" --quiet --json >"$out/report.json"
grep -q '"rows": 90' "$out/report.json" || fail "report: $(cat "$out/report.json")"
grep -q '"normalised": true' "$out/faiss/index.meta.json" || fail "$(cat "$out/faiss/index.meta.json")"
for threads in 1 3; do
    "$SEMID" "${faiss[@]}" --outdir "$out/graph$threads" --quiet --factory HNSW8 --threads $threads >/dev/null
    "$SEMID" "${faiss[@]}" --outdir "$out/lists$threads" --quiet --factory IVF2,Flat --threads $threads >/dev/null
done
cmp "$out/graph1/index.faiss" "$out/graph3/index.faiss" || fail "the graph depends on the threads"
cmp "$out/lists1/index.faiss" "$out/lists3/index.faiss" || fail "the lists depend on the threads"

head -89 <(seq 100) >"$out/short.txt"
expect 1 "expected 90 ids, one for each row of" build-faiss --emb "$golden/emb.npy" --ids "$out/short.txt"
{ seq 89; echo 3; } >"$out/twice.txt"
expect 1 "expected distinct ids, found 3 in rows 2 and 89" build-faiss --emb "$golden/emb.npy" --ids "$out/twice.txt"
expect 1 "expected item ids inside, found none" build-faiss --emb "$golden/emb.npy"
expect 1 "--factory Nonsense: FAISS: could not parse index string Nonsense" "${faiss[@]}" --factory Nonsense
expect 1 "100" "${faiss[@]}" --factory IVF100,Flat
expect 1 "$out/none.npy" build-faiss --emb "$out/none.npy"
expect 2 "--outdirs" build-faiss --outdirs x
head -c 1000 "$golden/emb.npy" >"$out/cut.npy"
expect 1 "cut.npy" build-faiss --emb "$out/cut.npy" --ids "$golden/ids.npy"
# Row 7 (24 bytes per row) gets a NaN.
cp "$golden/emb.npy" "$out/nan.npy"
header=$(($(stat -c %s "$out/nan.npy") - 90 * 24))
printf '\x00\x00\xc0\x7f' | dd of="$out/nan.npy" bs=1 seek=$((header + 7 * 24 + 4)) conv=notrunc status=none
expect 1 "expected finite values, found NaN or Inf in row 7" build-faiss --emb "$out/nan.npy" --ids "$golden/ids.npy"
expect 1 "expected finite values, found NaN or Inf in row 7" build-faiss --emb "$out/nan.npy" \
    --ids "$golden/ids.npy" --factory IVF2,Flat
echo "build-inverted and build-faiss write what they should and refuse the rest"
