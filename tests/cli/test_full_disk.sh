#!/usr/bin/env bash
# Every command that writes, when no file can grow: exit 1, the file is named, the old output is
# unchanged and there is no other file.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
golden=$SOURCE_DIR/tests/golden
raw=$golden/preprocess/raw
cd "$out"
fail() { echo "FAILED: $*"; exit 1; }

mkdir in
"$SEMID" train --quiet --in "$golden/eval/emb.npy" --L 3 --K 5 --out in/rq >/dev/null
"$SEMID" preprocess --quiet --reviews "$raw/reviews_b.jsonl.gz" --meta "$raw/meta.jsonl" --core 0 --out in/data \
    >/dev/null 2>&1
"$SEMID" export --quiet --codes in/rq/codes.npy --ids "$golden/eval/ids.npy" --out in/rq/items.parquet >/dev/null
"$SEMID" build-inverted --quiet --items in/rq/items.parquet --outdir in/rq >/dev/null

left() { find old -type f ! -name '*.partial' 2>/dev/null || true; } # --resume continues from those

full() { # COMMAND...: writes below old/
    local got=0 text
    rm -rf old
    "$SEMID" "$@" --quiet >/dev/null 2>log || fail "$*: $(cat log)"
    find old -type f -exec sha256sum {} + >sums
    text=$(trap '' XFSZ; ulimit -f 0; "$SEMID" "$@" --quiet --seed 7 2>&1 >/dev/null) || got=$?
    [ $got = 1 ] || fail "$*: expected exit status 1 on a full disk, found $got: $text"
    text=$(grep -v '^warning: ' <<<"$text")
    [ "$(wc -l <<<"$text")" = 1 ] || fail "$*: more than one line: $text"
    grep -qE "^semid $1: .*(old|tmp).*File too large" <<<"$text" || fail "$*: $text"
    grep -qE '\.[0-9]+\.tmp' <<<"$text" && fail "$*: names a file that nobody asked for: $text"
    sha256sum --quiet -c sums || fail "$*: the old output changed"
    [ "$(left | wc -l)" = "$(wc -l <sums)" ] || fail "$*: left: $(left)"
    rm -r old # and where there was nothing, there is nothing
    (trap '' XFSZ; ulimit -f 0; exec "$SEMID" "$@" --quiet --seed 7 >/dev/null 2>&1) && fail "$*: wrote"
    [ -z "$(left)" ] || fail "$*: left: $(left)"
}

x=$golden/eval/emb.npy
full sample --items 200 --out old
full preprocess --reviews "$raw/reviews_a.jsonl" --meta "$raw/meta.jsonl" --core 0 --out old
for kind in npy pt safetensors; do
    full embed --data in/data/items.parquet --model "$golden/bert/gelu" --max-len 40 --out old/x.$kind
done
full train --in "$x" --L 2 --K 5 --out old
full train --in "$x" --method rqvae --L 2 --K 5 --epochs 2 --out old
full train --in "$x" --method rqvae --L 2 --K 5 --epochs 2 --hidden 8 --latent 4 --out old
full encode --load in/rq/codebooks.npz --in "$x" --out old/codes.npy
for kind in parquet csv jsonl; do
    full export --codes in/rq/codes.npy --ids "$golden/eval/ids.npy" --out old/t.$kind
done
full build-inverted --items in/rq/items.parquet --outdir old
full build-faiss --emb "$x" --ids "$golden/eval/ids.npy" --outdir old
full eval --outputs-dir in --methods rq --train "$golden/eval/train.parquet" --valid "$golden/eval/valid.parquet" \
    --test "$golden/eval/test.parquet" --items-emb "$x" --items-ids "$golden/eval/ids.npy" --out old/e.csv \
    --rows old/rows.csv
full docs --format md --out old
echo "a full disk leaves the old output as it was"
