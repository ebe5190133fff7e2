#!/usr/bin/env bash
# semid run from raw reviews and vectors to the table: what is skipped, what is done again, a kill,
# the configuration and its mistakes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

"$SEMID" sample --items 600 --out "$dir/raw" --quiet >/dev/null
# Vectors without a model: each word of a title adds a direction of its own.
python3 - "$dir" <<'PY'
import array, json, math, random, sys
dim, ids, rows = 24, [], array.array("f")
for line in open(sys.argv[1] + "/raw/meta.jsonl"):
    try:
        record = json.loads(line)
    except ValueError:
        continue
    if record["parent_asin"] in ids:
        continue
    ids.append(record["parent_asin"])
    v = [random.Random(record["parent_asin"]).gauss(0, 0.2) for _ in range(dim)]
    for word in record.get("title", "").split():
        r = random.Random(word)
        v = [x + r.gauss(0, 1) for x in v]
    norm = math.sqrt(sum(x * x for x in v))
    rows.extend(x / norm for x in v)
header = str({"descr": "<f4", "fortran_order": False, "shape": (len(ids), dim)}).encode()
header += b" " * (117 - len(header)) + b"\n"
with open(sys.argv[1] + "/vectors.npy", "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    rows.tofile(f)
open(sys.argv[1] + "/ids.txt", "w").write("\n".join(ids) + "\n")
PY

cat >"$dir/run.json" <<JSON
{"reviews": "$dir/raw/reviews.jsonl", "meta": "$dir/raw/meta.jsonl",
 "in": "$dir/vectors.npy", "ids": "$dir/ids.txt",
 "preprocess": {"core": 0}, "train": {"K": 16, "L": 3}, "vqvae": {"K": 48, "L": 0},
 "eval": {"topk": ["10", "50"]}}
JSON
run() { # OUT ARGUMENTS...: messages go to $dir/log, the table to $dir/table
    local out=$1
    shift
    "$SEMID" run --config "$dir/run.json" --out "$out" "$@" >"$dir/table" 2>"$dir/log"
}
states() { grep -cE "^\[[0-9]+/[0-9]+\] .*: $1" "$dir/log" || true; }

run "$dir/out" --dry-run || fail "$(cat "$dir/log")"
[ "$(states due)" = 12 ] || fail "expected 12 steps due: $(cat "$dir/log")"
[ ! -e "$dir/out/data" ] || fail "a dry run wrote something"

run "$dir/out" --threads 2 || fail "$(cat "$dir/log")"
[ "$(states 'done in')" = 12 ] || fail "expected 12 steps: $(cat "$dir/log")"
for method in rqkmeans rqvae vqvae; do
    grep -q "^ *$method " "$dir/table" || fail "no row of $method: $(cat "$dir/table")"
    grep -q "^$method," "$dir/out/results/offline_eval.csv" || fail "no row of $method in the CSV"
done

# Nothing changed: no step is run, and the table is printed nevertheless.
cp "$dir/table" "$dir/first"
run "$dir/out"
[ "$(states 'up to date')" = 12 ] || fail "expected nothing to do: $(cat "$dir/log")"
cmp -s "$dir/first" "$dir/table" || fail "the second table differs from the first"

# An option of one method repeats that method and the evaluation.
run "$dir/out" --set rqkmeans.iters=2
grep -q 'train-rqkmeans (changed option: iters)' "$dir/log" || fail "$(cat "$dir/log")"
for step in preprocess train-rqvae build-inverted-vqvae build-faiss; do
    grep -q "$step: up to date" "$dir/log" || fail "$step was done again: $(cat "$dir/log")"
done
grep -q '\] eval: done' "$dir/log" || fail "eval was not done again: $(cat "$dir/log")"
[ "$(states due)" = 0 ] || fail "a run ends with steps due"

# A run that was killed continues; the result is that of an uninterrupted run with another number of
# threads.
"$SEMID" run --config "$dir/run.json" --out "$dir/killed" --threads 1 >/dev/null 2>"$dir/killed.log" &
pid=$!
for _ in $(seq 600); do
    grep -q 'train-rqvae (' "$dir/killed.log" && break
    sleep 0.05
done
kill -KILL $pid 2>/dev/null || true
wait $pid 2>/dev/null || true
run "$dir/killed" --threads 1
grep -q 'train-rqkmeans: up to date' "$dir/log" || fail "it began again: $(cat "$dir/log")"
run "$dir/out"
for method in rqkmeans rqvae vqvae; do
    cmp "$dir/out/$method/codes.npy" "$dir/killed/$method/codes.npy"
    cmp "$dir/out/$method/codebooks.npz" "$dir/killed/$method/codebooks.npz"
    cmp "$dir/out/$method/inverted.sid" "$dir/killed/$method/inverted.sid"
done

# Networks continue from their checkpoint, and start again if an option has changed since.
# shellcheck source=tests/support/killed.sh
. "$SOURCE_DIR/tests/support/killed.sh"
networks=(run --in "$dir/vectors.npy" --ids "$dir/ids.txt" --methods rqvae --threads 1 --set train.K=16
    train.L=2 train.hidden=16 train.checkpoint-seconds=0)
epochs=400
until kill_after_file "$dir/parts/rqvae/checkpoint.safetensors" "$SEMID" "${networks[@]}" \
    train.epochs=$epochs --out "$dir/parts" 2>"$dir/log"; do
    [ $epochs -lt 400000 ] || fail "networks: over before they could be killed"
    epochs=$((4 * epochs))
    rm -rf "$dir/parts"
done
networks+=("train.epochs=$epochs")
[ -e "$dir/parts/rqvae/checkpoint.safetensors" ] || fail "networks: no checkpoint"
cp -r "$dir/parts" "$dir/changed"
"$SEMID" "${networks[@]}" --out "$dir/whole" >/dev/null 2>&1
"$SEMID" "${networks[@]}" --out "$dir/parts" >/dev/null 2>"$dir/log" || fail "$(cat "$dir/log")"
grep -q 'going on after epoch' "$dir/log" || fail "networks began again: $(cat "$dir/log")"
cmp "$dir/whole/rqvae/codebooks.npz" "$dir/parts/rqvae/codebooks.npz"
[ ! -e "$dir/parts/records/train-rqvae.unfinished.json" ] || fail "a record of a stopped step is left"
"$SEMID" "${networks[@]}" --out "$dir/changed" --seed 7 >/dev/null 2>"$dir/log" || fail "$(cat "$dir/log")"
grep -q 'going on after epoch' "$dir/log" && fail "networks went on with another seed"

# Vectors alone: no evaluation.
"$SEMID" run --in "$dir/vectors.npy" --ids "$dir/ids.txt" --out "$dir/alone" --methods rqkmeans \
    --set train.K=8 --set train.L=2 --quiet >/dev/null
[ -s "$dir/alone/rqkmeans/inverted.sid" ] && [ ! -e "$dir/alone/results" ] || fail "vectors alone"

# Vectors that carry their ids need no --ids.
"$SEMID" run --in "$SOURCE_DIR/tests/golden/formats/x_dict.pt" --out "$dir/carried" --methods rqkmeans \
    --set train.K=2 --set train.L=1 --quiet >/dev/null
[ -s "$dir/carried/rqkmeans/items.parquet" ] || fail "vectors that carry ids"

expect() { # STATUS PART ARGUMENTS...
    local want=$1 part=$2 got=0
    shift 2
    "$SEMID" run --out "$dir/x" "$@" >"$dir/log" 2>&1 || got=$?
    [ "$got" = "$want" ] && grep -qF -- "$part" "$dir/log" ||
        fail "run $*: expected $want \"$part\", found $got: $(cat "$dir/log")"
}
expect 2 'nothing to start from'
expect 2 'expected one of --reviews, --train-csv and --data, found 2' --reviews a --data b
expect 2 '--ids goes with --in' --reviews a --ids b
expect 2 'vectors.npy: expected --ids FILE as well' --in "$dir/vectors.npy"
expect 2 'did you mean rqvae?' --in a --set rqvea.K=3
expect 2 'unknown option --epoch; did you mean --epochs?' --in "$dir/vectors.npy" --set train.epoch=3
expect 2 'train.out: run decides this itself' --in "$dir/vectors.npy" --set train.out=y
expect 2 'expected rqkmeans, rqvae or vqvae, found "pq"' --in "$dir/vectors.npy" --methods pq
expect 1 'cannot open' --in "$dir/none.npy" --ids "$dir/ids.txt"
expect 1 'none.json: cannot open' --config "$dir/none.json"
echo '{"trian": {"K": 3}}' >"$dir/bad.json"
expect 2 'bad.json: there is no section "trian"; did you mean train?' --in a --config "$dir/bad.json"
echo '{"methods": [' >"$dir/bad.json"
expect 1 'bad.json: expected JSON' --in a --config "$dir/bad.json"
[ ! -e "$dir/x/rqkmeans" ] || fail "a refused run left output"
echo "all steps were run, skipped and resumed as expected"
