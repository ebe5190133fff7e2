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
kernels=(src/kernels/{dispatch,gemm,vectors_ref,vectors_neon,network_ref,network_neon}.c)
base=(src/base/{context,error,log,memory,pool,rng,version}.c)
flags=(-std=gnu17 -O2 -static -D_GNU_SOURCE -Iinclude -Isrc -Itests)
for test in vectors network; do
    aarch64-linux-gnu-gcc "${flags[@]}" -o "$dir/$test" tests/kernels/test_$test.c "${kernels[@]}" \
        "${base[@]}" -lm
    qemu-aarch64 "$dir/$test"
done
