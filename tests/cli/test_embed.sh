#!/usr/bin/env bash
# embed as a command: its error table, and a kill that costs at most the batch in flight.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
model=$SOURCE_DIR/tests/golden/bert/gelu

"$SEMID" sample --quiet --items 3000 --out "$out/raw" >/dev/null
"$SEMID" preprocess --quiet --core 0 --reviews "$out/raw/reviews.jsonl" --meta "$out/raw/meta.jsonl" \
    --out "$out/data" >/dev/null
items=$out/data/items.parquet
basics=(embed --quiet --data "$items" --model "$model" --max-len 40)

embed() { "$SEMID" "${basics[@]}" "$@"; }

expect() { # STATUS PART ARGUMENTS...: exit status and part of the one line on stderr; no output left
    local want=$1 part=$2 got=0
    shift 2
    embed --out "$out/x.npy" "$@" >"$out/stdout" 2>"$out/stderr" || got=$?
    [ $got = "$want" ] || fail "embed $*: exit $got, expected $want: $(cat "$out/stderr")"
    grep -qF -- "$part" "$out/stderr" || fail "embed $*: no \"$part\" in: $(cat "$out/stderr")"
    [ "$(wc -l <"$out/stderr")" = 1 ] || fail "embed $*: more than one line: $(cat "$out/stderr")"
    compgen -G "$out/x.*npy*" >/dev/null && fail "embed $*: left output"
    return 0
}

expect 1 "$out/none.parquet" --data "$out/none.parquet"
expect 1 "items.parquet" --model "$items"
expect 1 "$out/nowhere: expected a model folder, found nothing" --model "$out/nowhere"
expect 1 "expected a name ending in .npy, .pt or .safetensors" --out "$out/x.csv"
expect 1 "no_such" --text-cols no_such
expect 1 "title" --text-cols no_such
expect 1 "expected 3 to 40" --max-len 41
expect 2 "--batch-size: expected 1 to 65536, found 0" --batch-size 0
expect 2 "--pooling: expected one of auto|mean|cls|pooler" --pooling max
expect 2 "did you mean --text-cols?" --text-col title
touch "$out/items.npy"
expect 1 "items.npy: expected a name ending in .parquet, found .npy" --data "$out/items.npy"
head -c 1000 "$items" >"$out/cut.parquet"
expect 1 "cut.parquet" --data "$out/cut.parquet"

embed --out "$out/clean.npy" --json >"$out/report.json"
grep -q '"rows_kept": 0' "$out/report.json" || fail "report: $(cat "$out/report.json")"

# Killed as soon as rows are on disk: the next run keeps them and ends in the same bytes.
# (The kernel kills it, by SIGXFSZ, where a file passes 1024 bytes: on a fast machine as well.)
got=0
(ulimit -c 0 -f 1; exec "$SEMID" "${basics[@]}" --out "$out/killed.npy" --batch-size 1 >/dev/null 2>&1) || got=$?
[ $got = 153 ] || fail "expected the run to be killed (153), found $got"
[ ! -e "$out/killed.npy" ] && [ -s "$out/killed.npy.partial" ] || fail "killed: $(ls "$out")"
embed --out "$out/killed.npy" --batch-size 1 --resume --json >"$out/report.json"
if grep -q '"rows_kept": 0' "$out/report.json"; then fail "nothing was kept: $(cat "$out/report.json")"; fi
cmp "$out/clean.npy" "$out/killed.npy" || fail "resumed vectors differ"
cmp "$out/clean.ids.npy" "$out/killed.ids.npy" || fail "ids differ"
[ ! -e "$out/killed.npy.partial" ] || fail "the partial file is still there"

# Interrupted: says so, exit 130, and how to go on.
"$SEMID" "${basics[@]}" --out "$out/stopped.npy" --batch-size 1 >/dev/null 2>"$out/stderr" &
pid=$!
while [ "$(stat -c %s "$out/stopped.npy.partial" 2>/dev/null || echo 0)" -lt 1000 ] && kill -0 $pid 2>/dev/null
do sleep 0.01; done
kill -TERM $pid 2>/dev/null || true
got=0
wait $pid || got=$?
[ $got = 130 ] || [ -e "$out/stopped.npy" ] || fail "interrupted: exit $got: $(cat "$out/stderr")"
[ -e "$out/stopped.npy" ] || grep -q "resume goes on from" "$out/stderr" || fail "$(cat "$out/stderr")"

for kind in pt safetensors; do
    embed --out "$out/y.$kind" >/dev/null
    [ -s "$out/y.$kind" ] && cmp -s "$out/y.ids.npy" "$out/clean.ids.npy" || fail "y.$kind"
done
echo "embed refuses what it should and survives kills"
