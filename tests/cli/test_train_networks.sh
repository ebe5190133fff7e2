#!/usr/bin/env bash
# train --hidden as a command: networks beside the codebooks, the same codes from encode, interrupted
# and resumed training, and what bad options and bad files get.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
x=$SOURCE_DIR/tests/golden/ema/x.npy # 96 rows of 6 dimensions
small=(--method rqvae --L 2 --K 8 --batch-size 32 --hidden "16,8" --latent 4)
fail() { echo "FAILED: $*"; exit 1; }
train() { "$SEMID" train --quiet --in "$x" "$@" >"$out/table"; }
same() { for f in codebooks.npz codes.npy model.safetensors; do cmp "$1/$f" "$2/$f" || return 1; done; }
encode() { "$SEMID" encode --quiet --load "$1/codebooks.npz" --in "$x" --out "$out/e.npy" >/dev/null; }

# shellcheck source=tests/support/refused.sh
. "$SOURCE_DIR/tests/support/refused.sh"
expect() { refused "$@" --out "$out/refused.npy"; } # STATUS PART COMMAND...
refuse() { local want=$1 part=$2; shift 2; expect "$want" "$part" train --in "$x" "$@"; }

# ---- each way: same bytes at 1 and 2 threads, the codes of encode, every codeword used ----
for way in "ste ema" "ste grad" "rotation ema" "rotation grad"; do
    read -r gradient update <<<"$way"
    options=("${small[@]}" --epochs 40 --gradient "$gradient" --codebook-update "$update")
    train "${options[@]}" --threads 1 --out "$out/$gradient-$update"
    train "${options[@]}" --threads 2 --out "$out/again"
    same "$out/$gradient-$update" "$out/again" || fail "$way: threads change the result"
    encode "$out/$gradient-$update"
    cmp "$out/e.npy" "$out/again/codes.npy" || fail "$way: encode gives other codes"
    [ "$(grep -c '"used": 8' "$out/again/metrics.json")" = 2 ] || fail "$way: unused codewords"
    [ ! -e "$out/again/checkpoint.safetensors" ] || fail "$way: a checkpoint is left"
done
first=$out/ste-ema
cmp -s "$first/codes.npy" "$out/rotation-ema/codes.npy" && fail "--gradient changes nothing"
cmp -s "$first/codes.npy" "$out/ste-grad/codes.npy" && fail "--codebook-update changes nothing"
for key in '"recon"' '"commit"' '"codebook"' '"revived"' '"latent": 4' '"gradient": "ste"'; do
    grep -qF "$key" "$first/metrics.json" || fail "metrics.json lacks $key"
done
train --method vqvae --K 8 --batch-size 32 --hidden 16 --epochs 10 --out "$out/vq"
encode "$out/vq"
cmp "$out/e.npy" "$out/vq/codes.npy" || fail "vqvae: encode gives other codes"

# ---- read back: without training, with more of it, by inspect; no model where none belongs ----
train --method rqvae --no-train --load "$first/codebooks.npz" --out "$out/again"
same "$first" "$out/again" || fail "--no-train changes something"
train --method rqvae --load "$first/codebooks.npz" --hidden 16,8 --latent 4 --epochs 5 --batch-size 32 \
    --out "$out/more"
cmp -s "$first/model.safetensors" "$out/more/model.safetensors" && fail "--load does not go on"
encode "$out/more"
cmp "$out/e.npy" "$out/more/codes.npy" || fail "--load: encode gives other codes"
"$SEMID" inspect --quiet "$first" >"$out/table" || fail "inspect"
train --method rqvae --L 2 --K 8 --epochs 2 --batch-size 32 --out "$out/more"
[ ! -e "$out/more/model.safetensors" ] || fail "a model beside codebooks that are not its"
encode "$out/more"

# ---- a serving process ----
tail -c +129 "$x" | "$BUILD_DIR/examples/encode_vectors" "$first/codebooks.npz" >"$out/found"
tail -c +129 "$first/codes.npy" | od -An -v -td4 -w8 | awk '{print $1 "-" $2}' >"$out/expected"
cmp "$out/found" "$out/expected" || fail "encode_vectors gives other codes"

# ---- killed and resumed: the bytes of an uninterrupted run ----
# shellcheck source=tests/support/killed.sh
. "$SOURCE_DIR/tests/support/killed.sh"
epochs=600
for update in ema grad; do
    options=("${small[@]}" --codebook-update "$update" --threads 1)
    rm -rf "$out/parts"
    until kill_after_file "$out/parts/checkpoint.safetensors" "$SEMID" train --quiet --in "$x" "${options[@]}" \
        --epochs $epochs --checkpoint-seconds 0 --out "$out/parts" 2>/dev/null; do
        [ $epochs -lt 600000 ] || fail "resume: over before it could be killed"
        epochs=$((4 * epochs))
        rm -rf "$out/parts"
    done
    options+=(--epochs "$epochs")
    train "${options[@]}" --out "$out/whole"
    [ -e "$out/parts/checkpoint.safetensors" ] || fail "resume: no checkpoint"
    cp -r "$out/parts" "$out/killed-$update"
    "$SEMID" train --in "$x" "${options[@]}" --resume --out "$out/parts" >/dev/null 2>"$out/stderr"
    grep -q "going on after epoch" "$out/stderr" || fail "resume: started again"
    same "$out/whole" "$out/parts" || fail "resume ($update): other bytes"
    diff <(grep recon "$out/whole/metrics.json") <(grep recon "$out/parts/metrics.json") >/dev/null ||
        fail "resume: other loss curves"
    [ ! -e "$out/parts/checkpoint.safetensors" ] || fail "resume: the checkpoint is left"
done
killed=$out/killed-ema/checkpoint.safetensors
resume() { # PART ARGUMENTS: a checkpoint that does not fit
    mkdir -p "$out/bad" && cp "$killed" "$out/bad/checkpoint.safetensors"
    "$SEMID" train --quiet --in "$x" "${small[@]}" --epochs $epochs --threads 1 "${@:2}" --resume \
        --out "$out/bad" >/dev/null 2>"$out/stderr" && fail "a checkpoint of another training: $*"
    grep -qF -- "$1" "$out/stderr" || fail "no \"$1\" in: $(cat "$out/stderr")"
}
resume "(lr: 0.002), found one of another (0.001)" --lr 0.002
resume "(seed: 7)" --seed 7
resume "(epochs: $((epochs + 1)))" --epochs $((epochs + 1))
resume "(codebook-update: \"grad\")" --codebook-update grad
resume "(rows: 40)" --max-train 40
resume "(widths: [6,16,8,5])" --latent 5
head -c 5000 "$killed" >"$out/cut" && killed=$out/cut
resume "truncated"

# ---- options ----
refuse 2 'found "0"' "${small[@]}" --hidden 16,0
refuse 2 'found "8x"' "${small[@]}" --hidden 8x
refuse 2 'found "40000"' "${small[@]}" --hidden 40000
refuse 2 'at most 15 widths, found 16' --method rqvae --hidden 8,8,8,8,8,8,8,8,8,8,8,8,8,8,8,8
refuse 2 "--latent: expected --hidden" --method rqvae --latent 8
refuse 2 "--resume: expected --hidden" --method rqvae --resume
refuse 2 "expected --method rqvae or vqvae, found rqkmeans" --hidden 16
refuse 2 "--latent" --method rqvae --hidden 16 --latent 40000
refuse 2 "ste|rotation" "${small[@]}" --gradient none
refuse 2 "ema|grad" "${small[@]}" --codebook-update none
refuse 2 "--lr" "${small[@]}" --lr 0
refuse 2 "not from --init" "${small[@]}" --init "$first/codebooks.npz"
refuse 2 "expected --method rqvae or vqvae" --load "$first/codebooks.npz"
refuse 1 "has other widths than --hidden" --method rqvae --load "$first/codebooks.npz" --hidden 16,9
refuse 1 "expected latents of dimension 5, found 4" --method rqvae --load "$first/codebooks.npz" --hidden 16,8 --latent 5
refuse 2 "expected model.safetensors beside" --method rqvae --load "$out/more/codebooks.npz" --hidden 16
n=$SOURCE_DIR/tests/golden/ema/n.npy # of another dimension
expect 1 "expected vectors of dimension 6 as in the model beside the codebook, found shape [2, 8]" \
    encode --load "$first/codebooks.npz" --in "$n"
expect 1 "expected vectors of dimension 6" train --method rqvae --load "$first/codebooks.npz" --in "$n"
expect 1 "expected vectors of dimension 6" train --no-train --load "$first/codebooks.npz" --in "$n"

# ---- model files that are not what they should be ----
bad=$out/hostile
mkdir "$bad" && cp "$first/codebooks.npz" "$bad"
hostile() { expect 1 "$1" encode --load "$bad/codebooks.npz" --in "$x"; }
change() { LC_ALL=C sed "$1" "$first/model.safetensors" >"$bad/model.safetensors"; } # keep its length
cp "$first/model.safetensors" "$bad" && cp "$out/ste-grad/codebooks.npz" "$bad"
hostile "expected the model of the codebooks beside it, found that of others"
cp "$first/codebooks.npz" "$bad"
head -c 900 "$first/model.safetensors" >"$bad/model.safetensors"
hostile "truncated"
printf 'hello' >"$bad/model.safetensors"
hostile "expected a safetensors file"
rm "$bad/model.safetensors" && mkdir "$bad/model.safetensors"
hostile "model.safetensors"
rmdir "$bad/model.safetensors"
change 's/encoder.1.bias/encoder.1.bios/'
hostile "expected a tensor encoder.1.bias"
change 's/decoder.2.weight/decoder.7.weight/'
hostile "expected a tensor decoder.2.weight"
change 's/"encoder.0.weight"/"ENCODER.0.weight"/'
hostile "expected a tensor encoder.0.weight"
change 's/codebooks.crc32/codebooks.crc33/'
hostile "expected the 14 tensors of a model, found 15"
change 's/"shape":\[16,6\]/"shape":[6,16]/'
hostile "tensor encoder.1.weight: expected shape"
change 's/"shape":\[16,6\]/"shape":[96  ]/'
hostile "tensor encoder.0.weight: expected shape"
change 's/"shape":\[16,6\]/"shape":[16,9]/'
hostile "the shape does not fit"
change 's/"mean":{"dtype":"F32"/"mean":{"dtype":"I32"/'
hostile "tensor mean: expected floating-point numbers"
size=$(wc -c <"$first/model.safetensors")
cp "$first/model.safetensors" "$bad" # the last bytes: mean [6], scale [1], mark [1]
printf '\x00\x00\xc0\x7f' | dd of="$bad/model.safetensors" bs=1 seek=$((size - 32)) conv=notrunc 2>/dev/null
hostile "tensor mean: expected finite numbers, found NaN or Inf"
cp "$first/model.safetensors" "$bad"
printf '\x00\x00\x80\xbf' | dd of="$bad/model.safetensors" bs=1 seek=$((size - 8)) conv=notrunc 2>/dev/null
hostile "tensor scale: expected a positive number, found -1"
cp "$first/model.safetensors" "$bad"
printf '\xff\xff\x7f\x7f' | dd of="$bad/model.safetensors" bs=1 seek=$((size - 8)) conv=notrunc 2>/dev/null
hostile "expected numbers that the networks keep finite"
cp "$out/vq/codebooks.npz" "$bad" && cp "$first/model.safetensors" "$bad"
hostile "expected latents of dimension 32 as the codewords have, found 4"
echo "train --hidden: all as expected"
