#!/usr/bin/env bash
# Every input of every command, missing, unreadable, a folder, wrongly named, empty, cut, overwritten:
# exit 1, one line that names command and file, nothing written. What is special to a command (shapes,
# columns, NaN, ...) is in the test of that command.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
golden=$SOURCE_DIR/tests/golden
raw=$golden/preprocess/raw
n_runs=0
n_failed=0
cd "$out"

# ---- something good of each kind ----
mkdir good
cp "$golden/eval/emb.npy" "$golden/eval/ids.npy" good/
cp "$golden"/eval/{train,valid,test}.parquet "$golden/eval/rq/items.csv" good/
cp "$raw/reviews_b.jsonl.gz" "$raw/meta.jsonl" good/
cp "$golden"/formats/{x_stored.npz,x_deflated.npz,x_tensor.pt,x_dict.pt,x.safetensors,ids_list.pt} good/
{
    "$SEMID" preprocess --reviews "$raw/reviews_a.jsonl" --meta good/meta.jsonl --core 0 --out data
    cp data/items.parquet good/items.parquet
    "$SEMID" train --in good/emb.npy --L 3 --K 5 --out rq
    "$SEMID" export --codes rq/codes.npy --ids good/ids.npy --out rq/items.parquet
    "$SEMID" export --codes rq/codes.npy --ids good/ids.npy --out good/codes.jsonl
    "$SEMID" build-inverted --items rq/items.parquet --outdir rq
    "$SEMID" build-faiss --emb good/emb.npy --ids good/ids.npy --outdir faiss
    "$SEMID" train --in good/emb.npy --method rqvae --L 2 --K 5 --epochs 2 --hidden 8 --latent 4 --out net
    "$SEMID" export --codes net/codes.npy --ids good/ids.npy --out net/items.parquet
    "$SEMID" build-inverted --items net/items.parquet --outdir net
} >log 2>&1 || { cat log; exit 1; }
cp rq/items.parquet good/codes.parquet
cp rq/codebooks.npz rq/codes.npy rq/inverted.sid good/
cp faiss/index.faiss good/
echo '{"methods": "rqkmeans"}' >good/config.json
echo '"a text"' >good/texts.jsonl

# ---- something bad of each ----
make_bad() { # KIND GOOD_FILE: its path in $bad, with the same name
    local name=${2##*/}
    rm -rf bad
    mkdir bad
    bad=$out/bad/$name
    case $1 in
    missing) ;;
    folder) mkdir "$bad" ;;
    unreadable) cp "$2" "$bad" && chmod 000 "$bad" ;;
    name) bad=$out/bad/${name%%.*}.doc && cp "$2" "$bad" ;;
    empty) : >"$bad" ;;
    cut) head -c $(($(stat -c %s "$2") * 2 / 3)) "$2" >"$bad" ;;
    text) printf 'this is\nno such\nfile, but a text\n' >"$bad" ;;
    zeros) { head -c 4 "$2" && head -c 4000 /dev/zero; } >"$bad" ;;
    *) echo "no such kind: $1" && exit 1 ;;
    esac
}

# shellcheck source=tests/support/unprivileged.sh
. "$SOURCE_DIR/tests/support/unprivileged.sh"
skipped=
if ! can_refuse_files "$out"; then
    echo "unreadable files are left out: this user reads everything"
    skipped=unreadable
fi

complain() {
    echo "FAILED: $*: exit $got: $(head -c 600 stderr)"
    n_failed=$((n_failed + 1))
}

run_bad() { # KIND COMMAND...: @ in it is the bad file
    local kind=$1 got=0 word command=() prefix=()
    shift
    for word; do command+=("${word//@/$bad}"); done
    [ "$kind" != unreadable ] || prefix=("${unprivileged[@]}")
    rm -rf written
    mkdir written
    timeout 60 "${prefix[@]}" "$SEMID" "${command[@]}" --quiet >stdout 2>stderr || got=$?
    n_runs=$((n_runs + 1))
    grep -v '^warning: ' stderr >lines || true
    if [ $got != 1 ]; then complain "$kind: $*"
    elif [ "$(wc -l <lines)" != 1 ]; then complain "$kind: $*: more than one line"
    elif ! grep -q "^semid $1: " lines; then complain "$kind: $*: the command is not named"
    elif ! grep -qF "${bad##*/}" lines; then complain "$kind: $*: the file is not named"
    elif [ -s stdout ]; then complain "$kind: $*: something on standard output"
    elif [ "$kind" != missing ] && [ -n "$(find written -type f)" ]; then complain "$kind: $*: left $(find written -type f)"
    fi
}

try() { # KINDS GOOD_FILE COMMAND...
    local kind kinds=$1 file=$2
    shift 2
    for kind in ${kinds//,/ }; do
        [ "$kind" != "$skipped" ] || continue
        make_bad "$kind" "$file"
        run_bad "$kind" "$@"
    done
}

in_folder() { # KINDS FOLDER FILE COMMAND...: a copy of FOLDER, @, in which FILE is bad
    local kind kinds=$1 folder=$2 file=$3
    shift 3
    for kind in ${kinds//,/ }; do
        [ "$kind" != "$skipped" ] || continue
        make_bad "$kind" "$folder/$file"
        rm -rf broken
        cp -r "$folder" broken
        rm broken/"$file"
        [ "$kind" = missing ] || mv "$bad" broken/"$file"
        run_bad "$kind" "${@//@/broken}"
    done
}

all=missing,folder,unreadable,name,empty,cut,text,zeros
binary=missing,folder,unreadable,empty,cut,text,zeros # whatever its name
text=missing,folder,unreadable,name,empty

gz=(--meta good/meta.jsonl --core 0 --out written/data)
try $all good/reviews_b.jsonl.gz preprocess --reviews @ "${gz[@]}"
try missing,folder,unreadable,name,empty good/meta.jsonl preprocess --reviews good/reviews_b.jsonl.gz --core 0 \
    --meta @ --out written/data
try missing,folder,unreadable,name,empty "$raw/split.train.csv" preprocess --meta good/meta.jsonl --train-csv @ \
    --valid-csv "$raw/split.valid.csv" --test-csv "$raw/split.test.csv" --out written/data
model=$golden/bert/gelu
try $all good/items.parquet embed --data @ --model "$model" --max-len 40 --out written/x.npy
for file in config.json model.safetensors; do
    in_folder missing,empty,cut,text,zeros "$model" $file embed --data good/items.parquet --model @ \
        --max-len 40 --out written/x.npy
done
for file in emb.npy x_stored.npz x_deflated.npz x_tensor.pt x_dict.pt x.safetensors; do
    try $all good/$file train --in @ --L 1 --K 2 --out written/m
done
try $all good/emb.npy encode --load good/codebooks.npz --in @ --out written/c.npy
try $binary good/codebooks.npz encode --load @ --in good/emb.npy --out written/c.npy
try $binary good/codebooks.npz train --load @ --in good/emb.npy --out written/m
try $binary good/codebooks.npz train --init @ --in good/emb.npy --out written/m
try $all good/emb.npy train --in good/emb.npy --L 1 --K 2 --encode @ --out written/m
in_folder empty,cut,text,zeros net model.safetensors encode --load @/codebooks.npz --in good/emb.npy --out written/c.npy
try $binary good/codes.npy export --codes @ --ids good/ids.npy --out written/t.csv
for file in ids.npy ids_list.pt codes.parquet; do
    try $all good/$file export --codes good/codes.npy --ids @ --out written/t.csv
done
try $text "$SOURCE_DIR/README.md" export --codes good/codes.npy --ids @ --out written/t.csv
try $all good/codes.parquet build-inverted --items @ --outdir written/i
try $text good/items.csv build-inverted --items @ --outdir written/i
try $text,text good/codes.jsonl build-inverted --items @ --outdir written/i
try $all good/emb.npy build-faiss --emb @ --ids good/ids.npy --outdir written/f
try $all good/ids.npy build-faiss --emb good/emb.npy --ids @ --outdir written/f

basics=(eval --outputs-dir . --methods rq --out written/e.csv)
rows=(--train good/train.parquet --valid good/valid.parquet --test good/test.parquet)
catalogue=(--items-emb good/emb.npy --items-ids good/ids.npy)
for file in train valid test; do
    try $binary good/$file.parquet "${basics[@]}" "${catalogue[@]}" "${rows[@]}" --$file @
done
try $all good/emb.npy "${basics[@]}" "${rows[@]}" --items-emb @ --items-ids good/ids.npy
try $all good/ids.npy "${basics[@]}" "${rows[@]}" --items-emb good/emb.npy --items-ids @
try $binary good/index.faiss "${basics[@]}" "${rows[@]}" "${catalogue[@]}" --faiss-index @ --faiss-ids good/ids.npy
try $all good/ids.npy "${basics[@]}" "${rows[@]}" "${catalogue[@]}" --faiss-index good/index.faiss --faiss-ids @
for file in codebooks.npz inverted.sid; do
    in_folder $binary rq $file eval "${rows[@]}" "${catalogue[@]}" --outputs-dir . --methods @ --out written/e.csv
done
in_folder empty,cut,text,zeros rq metrics.json eval "${rows[@]}" "${catalogue[@]}" --outputs-dir . --methods @ \
    --out written/e.csv
in_folder empty,cut,text,zeros net model.safetensors eval "${rows[@]}" "${catalogue[@]}" --outputs-dir . \
    --methods @ --out written/e.csv
for file in codebooks.npz codes.npy; do
    in_folder $binary rq $file inspect @
done
in_folder empty,cut,text,zeros rq metrics.json inspect @
try $all good/codes.parquet inspect rq --prefix 1 --ids @
try $all good/items.parquet inspect rq --prefix 1 --items @
try $binary good/config.json run --config @ --in good/emb.npy --ids good/ids.npy --out written/r
try $all good/emb.npy run --in @ --ids good/ids.npy --out written/r --methods rqkmeans --set train.K=4 --set train.L=1
in_folder empty,zeros "$model" vocab.txt tokenize --model @ good/texts.jsonl
try missing,folder,unreadable good/texts.jsonl tokenize --model "$model" @

[ $n_failed = 0 ] || { echo "$n_failed of $n_runs runs on bad input answered otherwise"; exit 1; }
echo "$n_runs runs on bad input were refused as they should"
