#!/usr/bin/env bash
# train as a command: what it writes, that its codes are those of encode, and its error table.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
x=$SOURCE_DIR/tests/golden/ema/x.npy # 96 rows of 6 dimensions
small=(--L 2 --K 8 --epochs 5 --batch-size 32)
fail() { echo "FAILED: $*"; exit 1; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"
expect() { refused "$1" "$2" train "${@:3}" --out "$out/refused"; } # STATUS PART ARGUMENTS...

train() { "$SEMID" train --quiet --in "$x" "$@" >"$out/table"; }
same() { cmp "$1/codebooks.npz" "$2/codebooks.npz" && cmp "$1/codes.npy" "$2/codes.npy"; }

# ---- every method: the same bytes at 1 and 2 threads, the codes of encode, a table ----
for method in rqkmeans rqvae vqvae; do
    options=("${small[@]}")
    [ $method = vqvae ] && options=(--K 8 --epochs 5 --batch-size 32)
    train --method $method "${options[@]}" --threads 1 --out "$out/$method"
    grep -q "distinct codes" "$out/table" || fail "$method: no table"
    train --method $method "${options[@]}" --threads 2 --out "$out/again"
    same "$out/$method" "$out/again" || fail "$method: threads change the result"
    "$SEMID" encode --quiet --load "$out/$method/codebooks.npz" --in "$x" --out "$out/e.npy" >/dev/null
    cmp "$out/e.npy" "$out/$method/codes.npy" || fail "$method: encode gives other codes"
    for key in '"input_unit_norm": false' '"perplexity"' '"collision_ratio"' '"train_rows": 96' \
        "\"method\": \"$method\""; do
        grep -qF "$key" "$out/$method/metrics.json" || fail "$method: metrics.json lacks $key"
    done
    train --method $method "${options[@]}" --no-train --load "$out/$method/codebooks.npz" \
        --out "$out/again"
    same "$out/$method" "$out/again" || fail "$method: --no-train changes something"
    train --method $method "${options[@]}" --load "$out/$method/codebooks.npz" --out "$out/again"
    train --method $method --init "$out/$method/codebooks.npz" --out "$out/again"
done
train --method rqvae "${small[@]}" --seed 7 --out "$out/again"
cmp -s "$out/rqvae/codebooks.npz" "$out/again/codebooks.npz" && fail "the seed changes nothing"
grep -q '"revived"' "$out/rqvae/metrics.json" || fail "no revived codewords reported"

# ---- samples, held-out rows, another file to encode ----
train "${small[@]}" --max-train 40 --holdout 0.25 --out "$out/part"
grep -q '"train_rows": 40' "$out/part/metrics.json" || fail "sample size"
grep -q '"rows": 24' "$out/part/metrics.json" || fail "held-out rows"
train "${small[@]}" --encode "$x" --out "$out/again"
same "$out/rqkmeans" "$out/again" || fail "--encode of the same file"

# ---- unique codes, for all methods; held-out rows are measured with the same codes ----
for method in rqkmeans rqvae; do
    train --method $method "${small[@]}" --L 3 --unique --holdout 0.25 --out "$out/unique"
    grep -q "distinct codes: " "$out/table" || fail "--unique is not reported"
    [ "$(grep -c '"collision_ratio": 0.0' "$out/unique/metrics.json")" = 2 ] || fail "--unique"
done
train --method rqvae "${small[@]}" --L 3 --hidden 8 --latent 4 --unique --out "$out/unique"
grep -q '"collision_ratio": 0.0' "$out/unique/metrics.json" || fail "--hidden --unique"
"$SEMID" encode --quiet --load "$out/unique/codebooks.npz" --in "$x" --unique --threads 3 \
    --out "$out/e.npy" >/dev/null
cmp "$out/e.npy" "$out/unique/codes.npy" || fail "encode --hidden --unique gives other codes"
train --method vqvae --K 96 --unique --out "$out/unique"
grep -q '"collision_ratio": 0.0' "$out/unique/metrics.json" || fail "vqvae --unique"
expect 1 "at most K^L = 8^2 = 64 rows for distinct codes, found 96" --in "$x" "${small[@]}" --unique
got=0 # and that before anything is fitted, which would print progress
"$SEMID" train --in "$x" "${small[@]}" --unique --out "$out/refused" 2>"$out/stderr" || got=$?
[ $got = 1 ] && [ "$(wc -l <"$out/stderr")" = 1 ] || fail "--unique is refused after the fit: $(cat "$out/stderr")"
expect 1 "none.npy" --in "$x" "${small[@]}" --encode "$out/none.npy"

# ---- balanced use of codewords; together with unique codes ----
train "${small[@]}" --balance --out "$out/balance" --threads 1
grep -q "balanced use of codewords" "$out/table" || fail "--balance is not reported"
train "${small[@]}" --balance --out "$out/again" --threads 2
same "$out/balance" "$out/again" || fail "--balance: threads change the result"
"$SEMID" encode --quiet --load "$out/balance/codebooks.npz" --in "$x" --balance --json \
    --out "$out/e.npy" >"$out/report"
cmp "$out/e.npy" "$out/balance/codes.npy" || fail "encode --balance gives other codes"
grep -q '"balance": {' "$out/report" || fail "encode says nothing of --balance"
awk '/"perplexity"/ { n++; if ($2 + 0 < 0.96 * 8) exit 1 } END { exit n != 2 }' \
    "$out/balance/metrics.json" || fail "--balance: perplexity"
train --method rqvae "${small[@]}" --L 3 --balance --unique --out "$out/again"
grep -q '"collision_ratio": 0.0' "$out/again/metrics.json" || fail "--balance --unique"
train --method vqvae --K 16 --epochs 5 --balance --out "$out/again"
expect 2 "--balance and --beam" --in "$x" "${small[@]}" --balance --beam 2

# ---- bad rows: two with NaN, the third and the last ----
cp "$x" "$out/nan.npy"
for row in 2 95; do
    printf '\x00\x00\xc0\x7f' | dd of="$out/nan.npy" bs=1 seek=$((128 + row * 24)) conv=notrunc 2>/dev/null
done
expect 1 "found NaN or Inf in 2 of 96 rows, first in row 2" --in "$out/nan.npy" "${small[@]}"
"$SEMID" train --quiet --in "$out/nan.npy" "${small[@]}" --skip-bad-rows --out "$out/skip" \
    >/dev/null 2>"$out/stderr"
grep -q "left out 2 rows" "$out/stderr" || fail "skipped rows are not named: $(cat "$out/stderr")"
grep -q '"skipped_rows": 2' "$out/skip/metrics.json" || fail "skipped rows are not counted"
[ "$(wc -c <"$out/skip/codes.npy")" = $((128 + 94 * 8)) ] || fail "codes of skipped rows"
[ "$(wc -c <"$out/skip/codes.rows.npy")" = $((128 + 94 * 8)) ] || fail "numbers of the kept rows"
train "${small[@]}" --out "$out/skip"
[ ! -e "$out/skip/codes.rows.npy" ] || fail "a list of kept rows of an earlier training stays"

# ---- few distinct rows: row 0 over all but the last five ----
cp "$x" "$out/few.npy"
for row in $(seq 1 90); do
    dd if="$x" of="$out/few.npy" bs=1 skip=128 count=24 seek=$((128 + row * 24)) conv=notrunc 2>/dev/null
done
expect 1 "at least K = 8 distinct training rows, found 6" --in "$out/few.npy" "${small[@]}"
for method in rqkmeans rqvae; do
    "$SEMID" train --in "$out/few.npy" --method $method "${small[@]}" --allow-fewer --quiet \
        --out "$out/fewer" >/dev/null 2>"$out/stderr"
    grep -q "K is 6 instead of 8" "$out/stderr" || fail "--allow-fewer says nothing"
    grep -q '"K": 6' "$out/fewer/metrics.json" || fail "--allow-fewer: K"
done

# ---- the rest of the table ----
head -c 700 "$x" >"$out/cut.npy"
printf 'hello' >"$out/text.npy"
printf 'hello' >"$out/x.doc"
expect 1 "none.npy" --in "$out/none.npy"
got=0
"$SEMID" train --quiet --in "$x" --out "$out/cut.npy" 2>"$out/stderr" || got=$?
[ $got = 1 ] && grep -q "cut.npy: expected a folder to write into, found a file" "$out/stderr" ||
    fail "a file as --out: exit $got: $(cat "$out/stderr")"
expect 1 "$out" --in "$out"
expect 1 "x.doc" --in "$out/x.doc"
expect 1 "cut.npy" --in "$out/cut.npy"
expect 1 "text.npy" --in "$out/text.npy"
expect 1 "codes.npy" --in "$out/rqkmeans/codes.npy" --load "$out/rqkmeans/codebooks.npz"
expect 1 "expected vectors of dimension 6" --in "$SOURCE_DIR/tests/golden/ema/n.npy" \
    --load "$out/rqkmeans/codebooks.npz" --no-train
expect 1 "expected vectors of dimension 6" --in "$SOURCE_DIR/tests/golden/ema/n.npy" \
    --init "$out/rqkmeans/codebooks.npz"
expect 1 "expected [2, 9, d] codewords, found [2, 8, 6]" --in "$x" --K 9 --init \
    "$out/rqkmeans/codebooks.npz"
expect 1 "expected [K, d] codewords for vqvae" --in "$x" --method vqvae --load \
    "$out/rqkmeans/codebooks.npz"
expect 1 "(of vqvae?)" --in "$x" --load "$out/vqvae/codebooks.npz"
expect 1 "none.npz" --in "$x" --load "$out/none.npz"
expect 2 "--in FILE is required"
expect 2 "--no-train: expected --load" --in "$x" --no-train
expect 2 "found both" --in "$x" --load "$out/a.npz" --init "$out/b.npz"
expect 2 "vqvae has one level" --in "$x" --method vqvae --L 3
expect 2 "excludes --encode" --in "$x" --encode "$x" --holdout 0.2
expect 2 "rqkmeans|rqvae|vqvae" --in "$x" --method kmeans
expect 2 "--decay" --in "$x" --decay 1
expect 2 "--beta" --in "$x" --beta -1
mkdir "$out/blocked"
touch "$out/blocked/file"
got=0
"$SEMID" train --quiet --in "$x" "${small[@]}" --out "$out/blocked/file" >/dev/null 2>"$out/stderr" || got=$?
[ $got = 1 ] && grep -q "blocked/file" "$out/stderr" || fail "a file as the output folder"
# ---- rows that do not fit: little memory, the same bytes ----
python3 - "$out/large.npy" <<'PY'
import array, random, sys
dim, rows, times = 192, 4000, 48
r = random.Random(1)
block = array.array("f", (r.random() + (i // dim % 40) for i in range(rows * dim)))
header = str({"descr": "<f4", "fortran_order": False, "shape": (rows * times, dim)}).encode()
header += b" " * (117 - len(header)) + b"\n"
with open(sys.argv[1], "wb") as f:
    f.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    for _ in range(times):
        block.tofile(f)
PY
# A sanitizer needs memory besides.
sanitized=$(grep '^SEMID_SANITIZE:STRING=.' "$BUILD_DIR/CMakeCache.txt" || true)
for options in "rqkmeans --L 2 --iters 3" "rqkmeans --L 2 --iters 2 --holdout 0.3" "rqvae --L 2 --epochs 1" \
    "rqvae --L 2 --epochs 1 --hidden 16 --latent 8" "rqkmeans --L 2 --iters 2 --pca 8 --max-train 150000"; do
    read -ra options <<<"$options --K 32 --threads 2"
    "$SEMID" train --quiet --in "$out/large.npy" --method "${options[@]}" --out "$out/fits" >/dev/null
    "$SEMID" train --quiet --json --in "$out/large.npy" --method "${options[@]}" --out "$out/read" \
        --memory-limit 100MB >"$out/report"
    same "$out/fits" "$out/read" || fail "--memory-limit changes the result: ${options[*]}"
    peak=$(sed -n 's/.*"peak_memory_bytes": *\([0-9]*\).*/\1/p' "$out/report")
    [ "$peak" -lt 100000000 ] || [ -n "$sanitized" ] ||
        fail "--memory-limit 100MB: took $peak bytes: ${options[*]}"
done
big=(--in "$out/large.npy" --memory-limit 100MB)
expect 2 'memory-limit: expected at least' "${big[@]}" --K 1024
expect 2 'memory-limit: expected at least' "${big[@]}" --method rqvae --K 2048 --hidden 16
expect 2 'memory-limit: expected at least' "${big[@]}" --pca 64
expect 2 'memory-limit: expected 0 or at least 100MB, found "1"' --in "$x" --memory-limit 1
rm "$out/large.npy"

echo "train: all as expected"
