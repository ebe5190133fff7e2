#!/usr/bin/env bash
# Every command that writes looks first whether it can: an output in whose way something is gets one
# line and exit 1 before any input is read (here they are missing), and nothing is left behind.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cd "$out"
fail() { echo "FAILED: $*"; exit 1; }
# shellcheck source=tests/support/unprivileged.sh
. "$SOURCE_DIR/tests/support/unprivileged.sh"
can_refuse_files . || unprivileged=()

echo text >file
mkdir folder.npy folder.csv folder.parquet folder.json full
for name in reviews.jsonl train.parquet metrics.json inverted.meta.json ids.npy README.md; do mkdir "full/$name"; done
before=$(find . | sort)

refuse() { # PART COMMAND...
    local part=$1 got=0 found
    shift
    found=$("${unprivileged[@]}" "$SEMID" "$@" --quiet 2>&1 >/dev/null) || got=$?
    [ $got = 1 ] || fail "semid $*: expected exit status 1, found $got: $found"
    [[ $found == *"$part"* ]] || fail "semid $*: expected \"$part\", found: $found"
    [ "$(wc -l <<<"$found")" = 1 ] || fail "semid $*: more than one line: $found"
    [ "$(find . | sort)" = "$before" ] || fail "semid $*: left something behind: $(find .)"
}

sample=(sample --items 100)
preprocess=(preprocess --reviews none.jsonl --meta none.jsonl)
embed=(embed --data none.parquet --model none)
train=(train --in none.npy)
encode=(encode --load none.npz --in none.npy)
export=(export --codes none.npy --ids none.npy)
inverted=(build-inverted --items none.parquet)
faiss=(build-faiss --emb none.npy --ids none.npy)
eval=(eval --outputs-dir none --methods rq --train none.parquet --test none.parquet --items-emb none.npy)
run=(run --reviews none.jsonl --meta none.jsonl --model none)
docs=(docs --format md)

# ---- a file where a folder is to be ----
in_the_way="file: expected a folder to write into, found a file"
refuse "$in_the_way" "${sample[@]}" --out file
refuse "$in_the_way" "${preprocess[@]}" --out file
refuse "$in_the_way" "${embed[@]}" --out file/x.npy
refuse "$in_the_way" "${train[@]}" --out file/deeper
refuse "$in_the_way" "${encode[@]}" --out file/deeper/codes.npy
refuse "$in_the_way" "${encode[@]}" --unique --out file/codes.npy
refuse "$in_the_way" "${export[@]}" --out file/items.csv
refuse "$in_the_way" "${inverted[@]}" --outdir file
refuse "$in_the_way" "${faiss[@]}" --outdir file
refuse "$in_the_way" "${eval[@]}" --out file/table.csv
refuse "$in_the_way" "${eval[@]}" --out table.csv --rows file/rows.csv
refuse "$in_the_way" "${run[@]}" --out file
refuse "$in_the_way" "${docs[@]}" --out file

# ---- a folder where a file is to be ----
refuse "full/reviews.jsonl: expected a file, found a folder" "${sample[@]}" --out full
refuse "full/train.parquet: expected a file, found a folder" "${preprocess[@]}" --out full
refuse "folder.npy: expected a file, found a folder" "${embed[@]}" --out folder.npy
refuse "full/metrics.json: expected a file, found a folder" "${train[@]}" --out full
refuse "folder.npy: expected a file, found a folder" "${encode[@]}" --out folder.npy
refuse "folder.parquet: expected a file, found a folder" "${export[@]}" --out folder.parquet
refuse "full/inverted.meta.json: expected a file, found a folder" "${inverted[@]}" --outdir full
refuse "full/ids.npy: expected a file, found a folder" "${faiss[@]}" --outdir full
refuse "folder.csv: expected a file, found a folder" "${eval[@]}" --out folder.csv
refuse "folder.json: expected a file, found a folder" "${eval[@]}" --out folder.csv.csv --rows folder.json
refuse "full/README.md: expected a file, found a folder" "${docs[@]}" --out full

# ---- names ----
refuse "x.csv: expected a name ending in .npy, .pt or .safetensors" "${embed[@]}" --out x.csv
refuse "codes.txt: expected a name ending in .npy" "${encode[@]}" --out codes.txt
refuse "items.txt: expected" "${export[@]}" --out items.txt

# ---- where outputs can be made, the inputs are what is wrong ----
for name in preprocess embed train encode export inverted faiss eval; do
    declare -n command=$name
    case $name in
    embed | encode) refuse none "${command[@]}" --out new/x.npy ;;
    export | eval) refuse none "${command[@]}" --out new/x.csv ;;
    inverted | faiss) refuse none "${command[@]}" --outdir new ;;
    *) refuse none "${command[@]}" --out new ;;
    esac
done

# ---- a folder without permission ----
mkdir locked
chmod 500 locked
if can_refuse_files .; then
    before=$(find . | sort)
    refuse "locked: cannot write into this folder: Permission denied" "${train[@]}" --out locked/new
    refuse "locked: cannot write into this folder: Permission denied" "${encode[@]}" --out locked/x.npy
fi
chmod 700 locked
echo "outputs are checked before anything else is done"
