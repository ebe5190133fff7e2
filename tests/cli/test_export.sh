#!/usr/bin/env bash
# export: every format of ids, both shapes of codes, and what wrong files get.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
cd "$out"

# codes.npy as NumPy writes it: [4, 3] int32 and [4] int64.
python3 - <<'PY'
import struct
def npy(path, dtype, shape, data):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (dtype, shape)
    header += " " * (-(len(header) + 11) % 64) + "\n"
    open(path, "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)
npy("rq.npy", "<i4", (4, 3), struct.pack("<12i", *range(12)))
npy("vq.npy", "<i8", (4,), struct.pack("<4q", 3, 1, 4, 1))
npy("negative.npy", "<i4", (4,), struct.pack("<4i", 3, -1, 4, 1))
npy("float.npy", "<f4", (4,), struct.pack("<4f", 3, 1.5, 4, 1))
npy("cube.npy", "<i4", (4, 1, 1), struct.pack("<4i", 3, 1, 4, 1))
PY
printf '007\nb,"x"\né\nd\n' >ids.txt
printf 'a\nb\nc\n' >three.txt

expect() { # STATUS PART ARGUMENTS...
    local want=$1 part=$2 got=0
    shift 2
    "$SEMID" export "$@" >text 2>&1 </dev/null || got=$?
    [ "$got" = "$want" ] || fail "export $*: expected exit status $want, found $got: $(cat text)"
    grep -F -- "$part" text >/dev/null || fail "export $*: expected \"$part\", found: $(cat text)"
}

expect 0 '' --codes rq.npy --ids ids.txt --out rq.csv --concat-col
printf 'item_id,c1,c2,c3,code_str\n007,0,1,2,0-1-2\n"b,""x""",3,4,5,3-4-5\né,6,7,8,6-7-8\nd,9,10,11,9-10-11\n' |
    diff - rq.csv || fail "rq.csv"
expect 0 '' --codes vq.npy --ids ids.txt --out deep/er/vq.jsonl --id-col id
printf '{"id":"007","token":3}\n{"id":"b,\\"x\\"","token":1}\n{"id":"é","token":4}\n{"id":"d","token":1}\n' |
    diff - deep/er/vq.jsonl || fail "vq.jsonl"
expect 0 '' --codes rq.npy --ids ids.txt --out rq.parquet
[ "$(head -c 4 rq.parquet)" = PAR1 ] || fail "rq.parquet is not Parquet"
expect 0 '' --codes vq.npy --ids rq.parquet --out vq.csv --concat-col # ids from Parquet
printf 'item_id,token,code_str\n007,3,3\n"b,""x""",1,1\né,4,4\nd,1,1\n' | diff - vq.csv || fail "vq.csv"

expect 2 '--codes FILE is required' --ids ids.txt --out x.csv
expect 1 'three.txt has 3 ids, rq.npy has shape [4, 3]' --codes rq.npy --ids three.txt --out x.csv
expect 1 'x.txt: expected a name ending in .parquet, .csv or .jsonl' --codes rq.npy --ids ids.txt --out x.txt
[ "$(wc -l <text)" = 1 ] || fail "more than the refusal: $(cat text)"
expect 1 'none.npy' --codes none.npy --ids ids.txt --out x.csv
expect 1 'none.txt' --codes rq.npy --ids none.txt --out x.csv
expect 1 'negative.npy' --codes negative.npy --ids ids.txt --out x.csv
expect 1 'float.npy' --codes float.npy --ids ids.txt --out x.csv
expect 1 'cube.npy' --codes cube.npy --ids ids.txt --out x.csv
mkdir folder.csv
expect 1 'folder.csv: expected a file, found a folder' --codes rq.npy --ids ids.txt --out folder.csv
head -c 100 rq.parquet >cut.parquet
expect 1 'cut.parquet' --codes rq.npy --ids cut.parquet --out x.csv
expect 1 'c1' --codes rq.npy --ids ids.txt --out x.csv --id-col c1
[ ! -e x.csv ] && [ ! -e x.txt ] && [ "$(find . -name '*tmp*' | wc -l)" = 0 ] || fail "a failed run left output: $(ls)"

# a full disk leaves the old file
cp rq.csv old.csv
got=0
(trap '' XFSZ; ulimit -f 0; exec "$SEMID" export --codes vq.npy --ids ids.txt --out rq.csv) >text 2>&1 || got=$?
[ "$got" = 1 ] && cmp -s rq.csv old.csv || fail "a full disk: $(cat text)"
echo "export writes what it should and refuses the rest"
