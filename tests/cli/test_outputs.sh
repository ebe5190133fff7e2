#!/usr/bin/env bash
# Outputs that cannot be written are found before any work starts: in every command, whatever else is
# wrong. The inputs do not exist, so an error that names one of them came too late.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
cd "$out"
# shellcheck source=tests/support/unprivileged.sh
. "$SOURCE_DIR/tests/support/unprivileged.sh"
: >file
mkdir -p taken/{codebooks.npz,codes.npy,index.faiss,inverted.sid,reviews.jsonl,train.parquet,out} closed
chmod 555 closed

refuse() { # PART COMMAND...
    local part=$1 got=0
    shift
    "${unprivileged[@]}" "$SEMID" "$@" --quiet >stdout 2>stderr || got=$?
    [ $got = 1 ] || fail "$*: expected exit status 1, found $got: $(cat stderr)"
    grep -qF -- "$part" stderr || fail "$*: no \"$part\" in: $(cat stderr)"
    [ "$(wc -l <stderr)" = 1 ] || fail "$*: more than one line: $(cat stderr)"
}

each() { # FOLDER_OPTION_OR_FILE: "folder" or the name of a file; COMMAND... without its output
    local kind=$1 option=$2 name=""
    shift 2
    [ "$kind" = folder ] || name=/$kind
    refuse "file: expected a folder to write into, found a file" "$@" "$option" "file/x$name"
    refuse "expected a file, found a folder" "$@" "$option" "taken${name:+/out}"
    if can_refuse_files .; then refuse "closed: cannot write into this folder: Permission denied" "$@" "$option" "closed/x$name"; fi
}

each folder --out sample
each folder --out preprocess --reviews none.jsonl --meta none.jsonl
each x.npy --out embed --data none.parquet --model none
each folder --out train --in none.npy
each x.npy --out encode --load none.npz --in none.npy
each x.csv --out export --codes none.npy --ids none.npy
each folder --outdir build-inverted --items none.csv
each folder --outdir build-faiss --emb none.npy
each x.csv --out eval --train none.parquet --test none.parquet --items-emb none.npy --methods rq
each x.csv --rows eval --train none.parquet --test none.parquet --items-emb none.npy --methods rq --out e.csv
refuse "file: expected a folder to write into, found a file" run --in none.npy --ids none.txt --out file/x
[ "$(ls)" = "$(printf '%s\n' closed file stderr stdout taken)" ] || fail "left behind: $(ls)"
echo "what cannot be written is known before the work"
