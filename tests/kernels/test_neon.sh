#!/usr/bin/env bash
# The NEON tier under an emulator, where a cross compiler and qemu-user are installed
# (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user).
set -euo pipefail
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$SOURCE_DIR"
kernels=(src/kernels/{dispatch,kernels_ref,kernels_neon,encoder,encoder_ref,encoder_neon}.c)
for test in kernels encoder; do
    aarch64-linux-gnu-gcc -std=gnu17 -O2 -static -D_GNU_SOURCE -Iinclude -Isrc -o "$dir/$test" \
        tests/kernels/test_$test.c "${kernels[@]}" src/base/{rng,log}.c -lm
    qemu-aarch64 "$dir/$test"
done
