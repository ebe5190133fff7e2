#!/usr/bin/env bash
# --concat through the commands: what train notes, encode and eval follow.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
files=$SOURCE_DIR/tests/golden/concat golden=$SOURCE_DIR/tests/golden/eval
fail() { echo "FAILED: $*"; exit 1; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"

# ---- trained on two files, encoded with the same weights unless others are asked for ----
both=(--in "$files/text.npy" --concat "$files/image.npy")
"$SEMID" train --quiet "${both[@]}" --concat-weights 2,1 --L 2 --K 8 --out "$out/rq" >/dev/null
for key in '"normalize": true' '"weight": 2.0' '"dim": 5' '"dim": 3' '"dim": 8'; do
    grep -qF "$key" "$out/rq/metrics.json" || fail "metrics.json lacks $key"
done
load=(--load "$out/rq/codebooks.npz")
"$SEMID" encode --quiet "${load[@]}" "${both[@]}" --out "$out/codes.npy" >/dev/null
cmp "$out/codes.npy" "$out/rq/codes.npy" || fail "encode gives other codes"
"$SEMID" encode --quiet "${load[@]}" "${both[@]}" --unique --out "$out/unique.npy" >/dev/null
"$SEMID" encode --quiet "${load[@]}" --in "$files/unit_2_1.npy" --out "$out/codes.npy" >/dev/null
cmp "$out/codes.npy" "$out/rq/codes.npy" || fail "NumPy's concatenation gives other codes"
"$SEMID" train --quiet "${both[@]}" --no-train "${load[@]}" --out "$out/again" >/dev/null
cmp "$out/again/codes.npy" "$out/rq/codes.npy" || fail "--no-train gives other codes"
"$SEMID" train --quiet "${both[@]}" --concat-weights 2,1 --L 2 --K 8 --threads 1 --out "$out/again" >/dev/null
cmp "$out/again/codebooks.npz" "$out/rq/codebooks.npz" || fail "threads change the result"

refused 1 "give --concat" encode "${load[@]}" --in "$files/text.npy" --out "$out/refused.npy"
refused 1 "expected 2 for" encode "${load[@]}" "${both[@]}" --concat-weights 1,1 --out "$out/refused.npy"
refused 1 "expected it as in" encode "${load[@]}" "${both[@]}" --no-concat-normalize --out "$out/refused.npy"
refused 1 "as file 1" encode "${load[@]}" --in "$files/image.npy" --concat "$files/text.npy" --out "$out/refused.npy"
refused 1 "expected 60 rows" train --in "$files/text.npy" --concat "$files/image_short.npy" --out "$out/refused"
refused 1 "cannot open" train --in "$files/text.npy" --concat "$files/none.npy" --out "$out/refused"
refused 2 "one for each file" train "${both[@]}" --concat-weights 1 --out "$out/refused"
refused 2 "expected --concat FILE" train --in "$files/text.npy" --concat-weights 1 --out "$out/refused"
refused 2 "--concat and --encode" train "${both[@]}" --encode "$files/text.npy" --out "$out/refused"

# ---- the catalogue that eval ranks, and an index of it ----
emb=$golden/emb.npy
"$SEMID" train --quiet --in "$emb" --concat "$emb" --concat-weights 3,1 --L 3 --K 5 --out "$out/outputs/two" >/dev/null
"$SEMID" export --quiet --codes "$out/outputs/two/codes.npy" --ids "$golden/ids.npy" \
    --out "$out/outputs/two/items.csv" >/dev/null
"$SEMID" build-inverted --quiet --items "$out/outputs/two/items.csv" --outdir "$out/outputs/two" >/dev/null
"$SEMID" build-faiss --quiet --emb "$emb" --concat "$emb" --concat-weights 3,1 --ids "$golden/ids.npy" \
    --outdir "$out/faiss" >/dev/null
eval=(eval --outputs-dir "$out/outputs" --methods two --items-ids "$golden/ids.npy"
    --train "$golden/train.parquet" --valid "$golden/valid.parquet" --test "$golden/test.parquet")
"$SEMID" "${eval[@]}" --quiet --items-emb "$emb" --concat "$emb" --faiss-index "$out/faiss/index.faiss" \
    --use-faiss-rerank --out "$out/table.csv" >/dev/null 2>&1 || fail "eval"
refused 1 "give --concat" "${eval[@]}" --items-emb "$emb" --out "$out/refused.csv"
refused 1 "expected 3 for" "${eval[@]}" --items-emb "$emb" --concat "$emb" --concat-weights 1,1 --out "$out/refused.csv"
"$SEMID" train --quiet --in "$emb" --concat "$emb" --L 3 --K 5 --out "$out/outputs/even" >/dev/null
cp "$out/outputs/two/inverted.sid" "$out/outputs/even/"
refused 1 "that the other methods were trained on" "${eval[@]}" --methods even --items-emb "$emb" --concat "$emb" \
    --out "$out/refused.csv"

# ---- the whole pipeline ----
run=(run --data "$out/data" --in "$emb" --ids "$golden/ids.npy" --concat "$out/more.npy" --concat-weights '2,1'
    --methods rqkmeans --set train.K=5 train.L=3 --out "$out/run")
mkdir "$out/data"
cp "$golden"/*.parquet "$out/data/"
: >"$out/data/items.parquet" # not read: vectors are given
cp "$emb" "$out/more.npy"
"$SEMID" "${run[@]}" >"$out/log" 2>&1 || fail "run: $(cat "$out/log")"
grep -q '"weight": 2.0' "$out/run/rqkmeans/metrics.json" || fail "run: weights"
"$SEMID" "${run[@]}" --dry-run >"$out/log" 2>&1
! grep -q "changed" "$out/log" || fail "run: $(cat "$out/log")"
cp "$files/text.npy" "$out/more.npy"
"$SEMID" "${run[@]}" --dry-run >"$out/log" 2>&1
grep -q 'train-rqkmeans: due (changed input: .*more.npy' "$out/log" || fail "run: $(cat "$out/log")"
