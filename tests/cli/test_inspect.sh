#!/usr/bin/env bash
# inspect as a command: the table, the items under a prefix, and its error table.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
x=$SOURCE_DIR/tests/golden/ema/x.npy # 96 rows of 6 dimensions
fail() { echo "FAILED: $*"; exit 1; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"
expect() { refused "$1" "$2" inspect "${@:3}"; } # STATUS PART ARGUMENTS...

"$SEMID" train --quiet --in "$x" --L 2 --K 8 --out "$out/rq" >"$out/trained"
for i in $(seq 0 95); do echo "item$i"; done >"$out/ids.txt"

# ---- the health figures are those of the training, with or without its metrics ----
"$SEMID" inspect "$out/rq" >"$out/table"
grep '%' "$out/trained" >"$out/wanted"
grep '%' "$out/table" | diff - "$out/wanted" || fail "other figures than train printed"
cp -r "$out/rq" "$out/bare"
rm "$out/bare/metrics.json"
"$SEMID" inspect "$out/bare" --json >"$out/report.json"
grep -q '"mse": null' "$out/report.json" || fail "an error that nobody measured"

# ---- every item is under one prefix of the first level, with its id ----
for code in 0 1 2 3 4 5 6 7; do
    "$SEMID" inspect "$out/rq" --prefix $code --ids "$out/ids.txt" --limit 96 --json
done >"$out/all.json"
grep -o '"item_id": "item[0-9]*"' "$out/all.json" | sort -u >"$out/found"
[ "$(wc -l <"$out/found")" = 96 ] || fail "$(wc -l <"$out/found") of 96 items under the prefixes"
code=$(grep -o '"code": "[0-9-]*"' "$out/all.json" | head -1 | cut -d'"' -f4)
"$SEMID" inspect "$out/rq" --prefix "$code" --limit 1 >"$out/table"
grep -q "^$code: .* items, 1 distinct codes" "$out/table" || fail "$(cat "$out/table")"

# ---- ids and titles from the tables of the pipeline ----
"$SEMID" export --quiet --codes "$out/rq/codes.npy" --ids "$out/ids.txt" --out "$out/rq/items.parquet" \
    >/dev/null
"$SEMID" inspect "$out/rq" --prefix "$code" >"$out/table"
grep -q "^$code  *item" "$out/table" || fail "no ids from items.parquet: $(cat "$out/table")"
"$SEMID" inspect "$out/rq" --prefix "$code" --items "$out/rq/items.parquet" --title-col c1 >"$out/table"
grep -q "^$code  *item[0-9]*  *${code%-*}\$" "$out/table" || fail "no titles: $(cat "$out/table")"

# ---- errors ----
expect 2 "--dir DIR is required"
expect 1 "$out/none" "$out/none"
expect 1 "codes.npy" "$out/bare/codes.npy"
expect 2 "--prefix: expected 1 to 2 codes such as 12-203, found \"1-2-3\"" "$out/rq" --prefix 1-2-3
expect 2 "--prefix: expected codes from 0 to 7, found 8" "$out/rq" --prefix 8
expect 2 "--prefix: expected" "$out/rq" --prefix x
expect 2 "--prefix: expected" "$out/rq" --prefix 1-
head -5 "$out/ids.txt" >"$out/five.txt"
expect 1 "expected 96 ids as there are codes, found 5" "$out/rq" --prefix 1 --ids "$out/five.txt"
expect 1 "none.parquet" "$out/rq" --prefix "$code" --items "$out/none.parquet"
expect 1 "title" "$out/rq" --prefix "$code" --items "$out/rq/items.parquet"
"$SEMID" train --quiet --in "$x" --L 3 --K 4 --out "$out/other" >/dev/null
cp "$out/other/codes.npy" "$out/bare/codes.npy"
expect 1 "expected [N, 2] codes" "$out/bare"
echo "inspect: all as expected"
