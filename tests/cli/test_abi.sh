#!/usr/bin/env bash
# What a program that was linked against libsemid relies on: the exported symbols, and the sizes,
# offsets and values that its compiler took from the headers. tests/cli/abi.txt holds them.
#   tests/cli/test_abi.sh --update      after a change that is meant; then raise the minor version
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD_DIR:-build} list=tests/cli/abi.txt
if [ "$(getconf LONG_BIT)" != 64 ]; then
    echo "skipped: sizes are those of machines with 64-bit pointers"
    exit 77
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

python3 tests/cli/abi.py include/semid "$out" >"$out/facts.c"
cc -std=c17 -Iinclude "$out/facts.c" -o "$out/facts"
{
    nm -D --defined-only "$build"/src/libsemid.so | awk '{ print "symbol", $3 }' | LC_ALL=C sort
    "$out/facts"
} >"$out/now"

if [ "${1:-}" = --update ]; then
    cp "$out/now" "$list"
elif ! diff -u "$list" "$out/now"; then
    echo "FAILED: the ABI of libsemid is not that of $list; tests/cli/test_abi.sh --update where that is meant"
    exit 1
fi
