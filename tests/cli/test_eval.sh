#!/usr/bin/env bash
# eval as a command: the table on standard output, and the error table.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
golden=$SOURCE_DIR/tests/golden/eval
fail() { echo "FAILED: $*"; exit 1; }

for method in rq vq; do
    mkdir -p "$out/outputs/$method"
    cp "$golden/$method/codebooks.npz" "$out/outputs/$method/"
    "$SEMID" build-inverted --quiet --items "$golden/$method/items.csv" --outdir "$out/outputs/$method" >/dev/null
done
"$SEMID" build-faiss --quiet --emb "$golden/emb.npy" --ids "$golden/ids.npy" --outdir "$out/faiss" >/dev/null

basics=(--quiet --outputs-dir "$out/outputs"
    --train "$golden/train.parquet" --valid "$golden/valid.parquet" --test "$golden/test.parquet")
items=(--items-emb "$golden/emb.npy" --items-ids "$golden/ids.npy")

evaluate() { "$SEMID" eval "${basics[@]}" "$@"; }

expect() { # STATUS PART ARGUMENTS...: exit status and part of the one line on stderr; no output left
    local want=$1 part=$2 got=0
    shift 2
    evaluate --out "$out/refused.csv" --rows "$out/refused_rows.csv" "$@" >"$out/stdout" 2>"$out/stderr" || got=$?
    [ $got = "$want" ] || fail "eval $*: exit $got, expected $want: $(cat "$out/stderr")"
    grep -qF -- "$part" "$out/stderr" || fail "eval $*: no \"$part\" in: $(cat "$out/stderr")"
    [ "$(grep -vc '^warning: ' "$out/stderr")" = 1 ] || fail "eval $*: more than one line: $(cat "$out/stderr")"
    ! compgen -G "$out/refused*" >/dev/null || fail "eval $*: left output"
}
refuse() { expect "$1" "$2" "${items[@]}" --methods rq "${@:3}"; }

# ---- what it says ----
evaluate "${items[@]}" --methods rq vq --topk 3,10 --out "$out/table.csv" 2>/dev/null >"$out/table.txt"
grep -q '^method  *Recall@3  *Recall@10 ' "$out/table.txt" || fail "$(cat "$out/table.txt")"
grep -q '^rq  ' "$out/table.txt" && grep -q '^vq  ' "$out/table.txt" || fail "$(cat "$out/table.txt")"
[ "$(wc -l <"$out/table.csv")" = 3 ] || fail "$(cat "$out/table.csv")"
evaluate "${items[@]}" --methods rq --out "$out/one.csv" --json 2>/dev/null >"$out/report.json"
grep -q '"query_space": "raw mean (not all vectors are of unit length)"' "$out/report.json" || fail "query space"
evaluate "${items[@]}" --methods rq --out "$out/s.csv" --rows "$out/a.csv" --max-test 9 --seed 1 >/dev/null 2>&1
evaluate "${items[@]}" --methods rq --out "$out/s.csv" --rows "$out/b.csv" --max-test 9 --seed 1 --threads 1 >/dev/null 2>&1
evaluate "${items[@]}" --methods rq --out "$out/s.csv" --rows "$out/c.csv" --max-test 9 --seed 2 >/dev/null 2>&1
cmp "$out/a.csv" "$out/b.csv" || fail "the sample depends on the threads"
! cmp -s "$out/a.csv" "$out/c.csv" || fail "the sample does not depend on the seed"

# ---- networks: the last item's vector goes through the encoder to the last item's own code ----
"$SEMID" train --quiet --in "$golden/emb.npy" --method rqvae --L 3 --K 5 --hidden 12 --latent 4 --epochs 20 \
    --batch-size 32 --out "$out/outputs/net" >/dev/null
"$SEMID" export --quiet --codes "$out/outputs/net/codes.npy" --ids "$golden/ids.npy" \
    --out "$out/outputs/net/items.csv" >/dev/null
"$SEMID" build-inverted --quiet --items "$out/outputs/net/items.csv" --outdir "$out/outputs/net" >/dev/null
evaluate "${items[@]}" --methods net --profile last --expand exact --out "$out/net.csv" --json 2>/dev/null >"$out/net.json"
grep -q '"query_space": "raw mean (metrics.json: raw vectors), through the encoder network"' "$out/net.json" ||
    fail "query space of networks"
grep -q '"empty_candidates": 0' "$out/net.json" || fail "queries of networks miss their own items' codes"
rm "$out/outputs/net/metrics.json"
evaluate "${items[@]}" --methods net --profile last --expand exact --out "$out/net2.csv" >/dev/null 2>&1
cmp <(cut -d, -f1-10 "$out/net.csv") <(cut -d, -f1-10 "$out/net2.csv") || fail "metrics.json decides more than it should"

# ---- usage ----
refuse 2 "--topk: expected numbers from 1 to 1000000, found \"0\"" --topk 0
refuse 2 "--topk: expected numbers from 1 to 1000000, found \"ten\"" --topk 10,ten
refuse 2 "--topk: expected different numbers, found 5 twice" --topk 5,10,5
refuse 2 "--expand: expected one of exact|hamming1|prefix|neighbors|beam" --expand more
refuse 2 "--use-faiss-rerank: expected --faiss-index FILE" --use-faiss-rerank
refuse 2 "--faiss-ids: expected --faiss-index FILE" --faiss-ids "$golden/ids.npy"
refuse 2 "--expand: hamming1 needs codes of several levels" --methods vq --expand hamming1
refuse 2 "--methods: expected different names, found rq twice" --methods rq
refuse 2 "--out: expected a .csv file" --out "$out/refused.txt"
refuse 2 "--lastN: expected 1 to" --lastN 0
expect 2 "--items-emb FILE is required" --methods rq

# ---- methods ----
refuse 1 "$out/outputs/none: expected the folder of a method, found nothing" --methods none
mkdir "$out/outputs/empty"
refuse 1 "$out/outputs/empty/codebooks.npz" --methods empty
cp -r "$out/outputs/rq" "$out/outputs/bad"
head -c 500 "$out/outputs/rq/inverted.sid" >"$out/outputs/bad/inverted.sid"
refuse 1 "$out/outputs/bad/inverted.sid: expected" --methods bad
echo nonsense >"$out/outputs/bad/inverted.sid"
refuse 1 "$out/outputs/bad/inverted.sid: expected an inverted index" --methods bad
cp "$out/outputs/vq/inverted.sid" "$out/outputs/bad/inverted.sid"
refuse 1 "$out/outputs/bad: expected codes of 3 levels in the inverted index, as in the codebook, found 1" --methods bad
printf 'item_id,c1,c2,c3\nX1,0,1,2\n' >"$out/others.csv"
"$SEMID" build-inverted --quiet --items "$out/others.csv" --outdir "$out/outputs/bad" >/dev/null
refuse 1 "expected the items of $golden/emb.npy in the inverted index, found none of them" --methods bad
printf 'item_id,c1,c2,c3\nX1,0,9,2\n' >"$out/others.csv"
"$SEMID" build-inverted --quiet --items "$out/others.csv" --outdir "$out/outputs/bad" >/dev/null
refuse 1 "expected code values below 5 in the inverted index, as in the codebook, found 9" --methods bad
echo '{' >"$out/outputs/bad/metrics.json"
refuse 1 "$out/outputs/bad/metrics.json" --methods bad

# ---- items ----
{ # 90 rows of 20 ones
    printf '\x93NUMPY\x01\x00\x76\x00'
    printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (90, 20), }"
    for _ in $(seq 1800); do printf '\x00\x00\x80\x3f'; done
} >"$out/wide.npy"
seq 89 >"$out/short.txt"
expect 1 "expected 90 ids, one for each row of $golden/emb.npy, found 89" --items-emb "$golden/emb.npy" \
    --items-ids "$out/short.txt" --methods rq
{ seq 89; echo 3; } >"$out/twice.txt"
expect 1 "expected distinct ids, found 3 in rows 2 and 89" --items-emb "$golden/emb.npy" \
    --items-ids "$out/twice.txt" --methods rq
seq 90 >"$out/strangers.txt"
expect 1 "$golden/test.parquet: all 40 rows are cold" --items-emb "$golden/emb.npy" \
    --items-ids "$out/strangers.txt" --methods rq
expect 1 "expected a model for vectors of 20 dimensions, as in $out/wide.npy, found 6" \
    --items-emb "$out/wide.npy" --items-ids "$golden/ids.npy" --methods net
expect 1 "expected codewords of 20 dimensions, as in $out/wide.npy, found 6" --items-emb "$out/wide.npy" \
    --items-ids "$golden/ids.npy" --methods rq

# ---- interactions ----
refuse 1 "$out/none.parquet" --train "$out/none.parquet"
head -c 1000 "$golden/test.parquet" >"$out/cut.parquet"
refuse 1 "cut.parquet" --test "$out/cut.parquet"
echo text >"$out/text.parquet"
refuse 1 "text.parquet" --valid "$out/text.parquet"

# ---- FAISS ----
faiss=(--faiss-index "$out/faiss/index.faiss")
refuse 1 "none.faiss" --faiss-index "$out/none.faiss"
head -c 1500 "$out/faiss/index.faiss" >"$out/cut.faiss"
refuse 1 "$out/cut.faiss: FAISS: the file ends too early" --faiss-index "$out/cut.faiss" --faiss-ids "$golden/ids.npy"
refuse 1 "expected 90 ids, one for each row of the index, found 89" "${faiss[@]}" --faiss-ids "$out/short.txt"
refuse 1 "expected an id of the catalogue, found 1" "${faiss[@]}" --faiss-ids "$out/strangers.txt"
cp "$out/faiss/index.faiss" "$out/alone.faiss"
refuse 1 "$out/ids.npy" --faiss-index "$out/alone.faiss"
"$SEMID" build-faiss --quiet --emb "$out/wide.npy" --ids "$golden/ids.npy" --outdir "$out/wide" >/dev/null
refuse 1 "expected vectors of 6 dimensions" --faiss-index "$out/wide/index.faiss"
echo "eval prints its table and refuses what it cannot use"
