#!/usr/bin/env bash
# --pca through the commands: what is stored, and that encode, train --load and eval apply it.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
x=$SOURCE_DIR/tests/golden/pca/x.npy golden=$SOURCE_DIR/tests/golden/eval # 301 rows of 12 dimensions
small=(--K 8 --epochs 5 --batch-size 32)
fail() { echo "FAILED: $*"; exit 1; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"
expect() { refused "$1" "$2" train "${@:3}" --out "$out/refused"; } # STATUS PART ARGUMENTS...
train() { "$SEMID" train --quiet --in "$x" "${small[@]}" "$@" >/dev/null; }
same() { cmp "$1/codebooks.npz" "$2/codebooks.npz" && cmp "$1/codes.npy" "$2/codes.npy"; }

for method in rqkmeans rqvae vqvae; do
    for whiten in no-pca-whiten pca-whiten; do
        dir=$out/$method-$whiten
        train --method $method --pca 5 --$whiten --threads 1 --out "$dir"
        train --method $method --pca 5 --$whiten --threads 2 --out "$out/again"
        same "$dir" "$out/again" || fail "$method: threads change the result"
        cmp "$dir/model.safetensors" "$out/again/model.safetensors" || fail "$method: another map"
        "$SEMID" encode --quiet --load "$dir/codebooks.npz" --in "$x" --out "$out/e.npy" >/dev/null
        cmp "$out/e.npy" "$dir/codes.npy" || fail "$method: encode gives other codes"
        train --method $method --no-train --load "$dir/codebooks.npz" --out "$out/again"
        same "$dir" "$out/again" || fail "$method: --no-train changes something"
        cmp "$dir/model.safetensors" "$out/again/model.safetensors" || fail "$method: --no-train, map"
        train --method $method --load "$dir/codebooks.npz" --out "$out/again"
        grep -q '"from": ".*codebooks.npz"' "$out/again/metrics.json" || fail "$method: --load"
        "$SEMID" encode --quiet --load "$out/again/codebooks.npz" --in "$x" --out "$out/e.npy" >/dev/null
        cmp "$out/e.npy" "$out/again/codes.npy" || fail "$method: --load: encode gives other codes"
    done
    for key in '"variance_kept_ratio"' '"whiten": true' '"dim": 5'; do
        grep -qF "$key" "$dir/metrics.json" || fail "$method: metrics.json lacks $key"
    done
    train --method $method --pca 5 --pca-whiten --init "$dir/codebooks.npz" --out "$out/again"
done
train --pca 5 --unique --L 3 --holdout 0.1 --out "$out/again"
train --out "$out/again"
[ ! -e "$out/again/model.safetensors" ] || fail "the map of an earlier training is left"

# ---- with several files; queries of eval go through the map ----
emb=$golden/emb.npy
"$SEMID" train --quiet --in "$emb" --concat "$emb" --pca 6 --L 3 --K 5 --out "$out/outputs/pca" >/dev/null
"$SEMID" export --quiet --codes "$out/outputs/pca/codes.npy" --ids "$golden/ids.npy" \
    --out "$out/outputs/pca/items.csv" >/dev/null
"$SEMID" build-inverted --quiet --items "$out/outputs/pca/items.csv" --outdir "$out/outputs/pca" >/dev/null
"$SEMID" eval --outputs-dir "$out/outputs" --methods pca --items-emb "$emb" --concat "$emb" \
    --items-ids "$golden/ids.npy" --train "$golden/train.parquet" --valid "$golden/valid.parquet" \
    --test "$golden/test.parquet" --profile last --expand exact --out "$out/t.csv" --json \
    >"$out/report.json" 2>/dev/null
grep -q '"query_space": ".*through its linear map"' "$out/report.json" || fail "query space"
grep -q '"empty_candidates": 0' "$out/report.json" || fail "queries miss their own items' codes"

# ---- refused ----
expect 1 "x.npy: --pca: expected at most the vectors' dimension 12, found 13" --in "$x" --pca 13
expect 1 "vary along 6 directions, found 5" --in "$x" --pca 6 --pca-whiten --max-train 6 --K 4
expect 2 "--pca-whiten: expected --pca" --in "$x" --pca-whiten
expect 2 "--pca and --hidden" --in "$x" --method rqvae --pca 4 --hidden 8
expect 2 "--pca and --load" --in "$x" --pca 4 --load "$out/again/codebooks.npz"
expect 2 "expected model.safetensors with networks" --in "$x" --method rqvae --hidden 8 \
    --load "$out/rqvae-pca-whiten/codebooks.npz"
expect 1 "expected principal components of dimension 5" --in "$x" --pca 4 \
    --init "$out/rqkmeans-pca-whiten/codebooks.npz"
