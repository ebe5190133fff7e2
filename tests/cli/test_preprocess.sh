#!/usr/bin/env bash
# preprocess and export with wrong usage and wrong files: exit status, message, and no output.
set -euo pipefail
out=$(mktemp -d)
trap 'chmod -R u+w "$out"; rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
raw=$SOURCE_DIR/tests/golden/preprocess/raw
cd "$out"

# shellcheck source=tests/support/unprivileged.sh
. "$SOURCE_DIR/tests/support/unprivileged.sh"
can_refuse_files . || unprivileged=()

expect() { # STATUS PART ARGUMENTS...: exit status, and text somewhere in the output
    local want=$1 part=$2 got=0
    shift 2
    "${unprivileged[@]}" "$SEMID" "$@" >text 2>&1 </dev/null || got=$?
    [ "$got" = "$want" ] || fail "semid $*: expected exit status $want, found $got: $(cat text)"
    grep -F -- "$part" text >/dev/null || fail "semid $*: expected \"$part\", found: $(cat text)"
}
refuse() { # STATUS PART OPTIONS...: of preprocess; the last line is the error, nothing is left behind
    rm -rf data
    expect "$1" "$2" preprocess --out data "${@:3}"
    tail -1 text | grep '^semid preprocess: ' >/dev/null || fail "the last line is not the error: $(cat text)"
    [ ! -e data ] || fail "left behind by a failed run: $(ls -dA data data/*)"
}
meta=(--meta "$raw/meta.jsonl")
good=(--reviews "$raw/reviews_a.jsonl" "${meta[@]}" --core 0)

# usage
refuse 2 '--meta FILES is required' --reviews x.jsonl
refuse 2 'expected --reviews, or --train-csv, --valid-csv and --test-csv' "${meta[@]}"
refuse 2 'expected --reviews, or --train-csv' "${meta[@]}" --train-csv a.csv --test-csv b.csv
refuse 2 'found both' "${good[@]}" --train-csv a.csv
refuse 2 'together' "${good[@]}" --split time --test-ts 5
refuse 2 'at most --test-ts' "${good[@]}" --split time --test-ts 5 --valid-ts 6
refuse 2 'need --split time' "${good[@]}" --test-ts 5 --valid-ts 5
refuse 2 'a sum below 1' "${good[@]}" --split time --valid-frac 0.5 --test-frac 0.5
refuse 2 'memory-limit: expected 0 or at least 100MB, found "1"' "${good[@]}" --memory-limit 1
refuse 2 'last-out|time' "${good[@]}" --split weekly
refuse 2 'split files are taken as they are' "${meta[@]}" --min-rating 3 --train-csv a.csv --valid-csv a.csv --test-csv a.csv

# missing, folder, wrong extension
refuse 1 'none.jsonl' --reviews none.jsonl "${meta[@]}"
refuse 1 'none*.jsonl: no file matches' --reviews 'none*.jsonl' "${meta[@]}"
mkdir empty
refuse 1 'no file ending in .jsonl' --reviews empty "${meta[@]}"
refuse 1 'expected a name ending in .jsonl' --reviews "$raw/split.test.csv" "${meta[@]}"
refuse 1 'expected a name ending in .csv' "${meta[@]}" --train-csv "$raw/meta.jsonl" --valid-csv "$raw/split.test.csv" --test-csv "$raw/split.test.csv"
mkdir data # one that was there stays
expect 1 'none.jsonl' preprocess --out data --reviews none.jsonl "${meta[@]}"
[ -d data ] || fail "a failed run took a folder away that it did not make"
refuse 1 'found a folder' "${meta[@]}" --train-csv empty --valid-csv "$raw/split.test.csv" --test-csv "$raw/split.test.csv"
if can_refuse_files .; then
    cp "$raw/reviews_a.jsonl" secret.jsonl
    chmod 000 secret.jsonl
    refuse 1 'secret.jsonl: cannot open: Permission denied' --reviews secret.jsonl "${meta[@]}"
fi

# damaged
head -c 300 "$raw/reviews_b.jsonl.gz" >cut.jsonl.gz
refuse 1 'cut.jsonl.gz: the compressed data ends too early' --reviews cut.jsonl.gz "${meta[@]}"
head -c 4000 /dev/urandom | cat "$raw/reviews_b.jsonl.gz" - >junk.jsonl.gz
refuse 1 'junk.jsonl.gz: corrupt gzip data' --reviews junk.jsonl.gz "${meta[@]}"
cp "$raw/meta.jsonl" plain.jsonl.gz
refuse 1 'plain.jsonl.gz: expected gzip data' "${good[@]:0:2}" --meta plain.jsonl.gz --core 0
: >nothing.jsonl
refuse 1 'nothing.jsonl: expected interactions, found no rows' --reviews nothing.jsonl "${meta[@]}"
printf 'garbage\nmore\n' >garbage.jsonl
refuse 1 'garbage.jsonl: expected interactions, found no rows' --reviews garbage.jsonl "${meta[@]}"

# missing fields and columns
echo '{"user": 1, "item": 2, "time": 3}' >other.jsonl
refuse 1 'found user, item, time' --reviews other.jsonl "${meta[@]}"
refuse 1 'none of 1 rows has parent_asin; found user, item, time' "${good[@]:0:2}" --meta other.jsonl --core 0
printf 'user_id,item,rating,timestamp\nu,i,1,2\n' >other.csv
refuse 1 'other.csv: no column parent_asin; found user_id,item,rating,timestamp' "${meta[@]}" --train-csv other.csv --valid-csv other.csv --test-csv other.csv

# malformed lines: skipped and listed, or refused
expect 0 '18 malformed lines skipped, the first at line 3' preprocess --out data "${good[@]}"
[ "$(ls -A data | tr '\n' ' ')" = 'items.parquet stats.json test.parquet train.parquet valid.parquet ' ] ||
    fail "unexpected files: $(ls -A data)"
refuse 1 'reviews_a.jsonl: line 3: expected a JSON object, found a malformed line at byte' "${good[@]}" --strict
grep '"user_id": "u' "$raw/reviews_a.jsonl" | grep -a '^{"rating".*}' >clean.jsonl
refuse 1 'meta.jsonl: line 5: expected a JSON object' --reviews clean.jsonl "${meta[@]}" --strict --core 0
refuse 1 'split.train.csv: line 22: expected CSV with the fields of the header' "${meta[@]}" --strict \
    --train-csv "$raw/split.train.csv" --valid-csv "$raw/split.valid.csv" --test-csv "$raw/split.test.csv"

# nothing left
refuse 1 '--core 50: nothing is left of 60 rows, 15 users and 12 items' --reviews "$raw/reviews_a.jsonl" "${meta[@]}" --core 50
refuse 1 '--min-rating 99: none of' "${good[@]}" --min-rating 99

# the output folder
: >file
expect 1 'file: expected a folder to write into, found a file' preprocess --out file "${good[@]}"

# a failing run leaves the old output as it was, and a full disk is such a failure
"$SEMID" preprocess --out data "${good[@]}" --quiet >/dev/null
sha256sum data/* >before
expect 1 'cut.jsonl.gz' preprocess --out data --reviews cut.jsonl.gz "${meta[@]}"
sha256sum --quiet -c before
got=0
(trap '' XFSZ; ulimit -f 4; exec "$SEMID" preprocess --out data "${good[@]}" --min-rating 2 --quiet) >text 2>&1 || got=$?
[ "$got" = 1 ] || fail "a full disk: expected exit status 1, found $got: $(cat text)"
grep -E '^semid preprocess: .*data/[a-z]+\.' text >/dev/null || fail "a full disk: $(cat text)"
sha256sum --quiet -c before
[ "$(ls -A data | wc -l)" = 5 ] || fail "left behind after a full disk: $(ls -A data)"

# the same bytes at any number of threads, from a folder, and from a comma list
mkdir folder
cp "$raw"/reviews_a.jsonl folder
for threads in 1 3; do
    "$SEMID" preprocess --out "t$threads" --reviews folder "${meta[@]}" --core 0 --threads $threads --quiet >/dev/null
    for f in train valid test items; do cmp "data/$f.parquet" "t$threads/$f.parquet" || fail "$threads threads"; done
done

# more rows than one writer takes at once: the same bytes in parallel, alone, and in little memory
python3 - >many.jsonl <<'PY'
for i in range(150000):
    print('{"user_id":"u%d","parent_asin":"B00%d","timestamp":%d,"rating":5}' % (i * 7 % 9001, i * 13 % 8, i * 7919 % 99991))
PY
many=(--reviews many.jsonl "${meta[@]}" --core 0 --dedup none --quiet --json)
"$SEMID" preprocess --out m3 "${many[@]}" --threads 3 >report
"$SEMID" preprocess --out m1 "${many[@]}" --threads 1 >report
"$SEMID" preprocess --out ml "${many[@]}" --threads 3 --memory-limit 400MB >report
for f in train valid test items; do
    cmp "m3/$f.parquet" "m1/$f.parquet" || fail "3 threads and 1"
    cmp "m3/$f.parquet" "ml/$f.parquet" || fail "with a memory limit"
done
python3 -c 'import json; r = json.load(open("report")); assert r["peak_memory_bytes"] < 4e8, r' || fail "memory limit"
python3 - >wide.jsonl <<'PY'
for i in range(60):
    print('{"user_id":"u%d%s","parent_asin":"B001","timestamp":%d,"rating":5}' % (i % 20, "x" * 4000000, i))
PY
expect 1 'out of memory' preprocess --out m0 --reviews wide.jsonl "${meta[@]}" --core 0 --memory-limit 100MB
[ ! -e m0 ] || fail "left behind by a run without memory: $(ls -A m0)"
rm wide.jsonl

# A killed run leaves the old output (and parts of the new, under other names). The run is stopped
# as soon as it writes its first table, and killed while it stands still. If it has got as far as
# stats.json by then, it is putting its files in place: that was too late, it gets more to do.
sums() { (cd "$1" && sha256sum {train,valid,test,items}.parquet stats.json); }
exists() { compgen -G "$1" >/dev/null; }

start_and_stop() { # leaves its number in $pid
    "$SEMID" preprocess --out data "${many[@]}" >/dev/null 2>&1 &
    pid=$!
    until exists 'data/items.parquet.*.tmp*' || ! kill -0 $pid 2>/dev/null; do :; done
    kill -STOP $pid 2>/dev/null || true
}

sums data >before
until start_and_stop && ! exists 'data/stats.json.*' && kill -0 $pid 2>/dev/null; do
    kill -CONT $pid 2>/dev/null || true
    wait $pid || true
    sums data >before
    cat many.jsonl many.jsonl >more.jsonl
    mv more.jsonl many.jsonl
    [ "$(wc -l <many.jsonl)" -lt 10000000 ] || fail "no run could be stopped in its middle"
done
kill -KILL $pid
! wait $pid || fail "a killed run ends well"
sums data | cmp - before || fail "a killed run changed the output"
rm -rf data/*.tmp* data/.semid*

# An interrupted one leaves the old output or, if it was all but done, the new; and nothing else.
"$SEMID" preprocess --out m3 "${many[@]}" >/dev/null
start_and_stop
kill -INT $pid
kill -CONT $pid
wait $pid || true
sums data | cmp -s - before || sums data | cmp - <(sums m3) || fail "an interrupted run mixes outputs"
[ "$(ls -A data | wc -l)" = 5 ] || fail "left behind by an interrupted run: $(ls -A data)"

# --json is the report, which is what stats.json holds and how long it took
"$SEMID" preprocess --out data "${good[@]}" --quiet --json >report
python3 - report data/stats.json <<'PY' || fail "--json differs from stats.json"
import json, sys
report, stats = (json.load(open(p)) for p in sys.argv[1:])
assert all(report[k] == v for k, v in stats.items() if k not in ("reviews", "meta"))
assert report["seconds"] >= 0 and report["reviews"]["bad_lines"] == 18
PY

# a missing library says what to do
got=0
SEMID_DUCKDB=/nowhere/libduckdb.so "$SEMID" preprocess --out data "${good[@]}" >text 2>&1 || got=$?
[ "$got" = 1 ] && grep -F 'SEMID_DUCKDB: cannot load DuckDB: /nowhere/libduckdb.so' text >/dev/null || fail "$(cat text)"
echo "every refusal is one line, and leaves nothing behind"
