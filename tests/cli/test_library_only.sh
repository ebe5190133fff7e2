#!/usr/bin/env bash
# libsemid as a service builds and links it: in an environment with nothing set, with a C compiler
# alone, without the libraries of the command; small; and the examples run against both its forms.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

clean() { env -i PATH=/usr/bin:/bin HOME="$out" CXX=/bin/false "$@"; }
logged() { "$@" >"$out/log" 2>&1 || { cat "$out/log"; fail "$*"; }; }

logged clean cmake -S "$SOURCE_DIR" -B "$out/build" -DSEMID_LIBRARY_ONLY=ON
if grep -iE '^(duckdb|faiss|openmp|openblas|zstd)' "$out/build/CMakeCache.txt"; then
    fail "the configuration looks for a library of the command"
fi
logged clean cmake --build "$out/build" -j2
logged clean cmake --install "$out/build" --prefix "$out/tree" --strip

n_bytes=$(du -sb "$out/tree" | cut -f1)
[ "$n_bytes" -lt 2000000 ] || fail "expected less than 2 MB installed, found $n_bytes bytes"

library=$(compgen -G "$out/tree/lib*/libsemid.so" || compgen -G "$out/tree/lib/*/libsemid.so")
folder=${library%/*}
others=$(objdump -p "$library" | awk '$1 == "NEEDED" && $2 !~ /^(libc|libm|libz|libjansson|ld-linux.*)\.so/ { print $2 }')
[ -z "$others" ] || fail "expected libsemid to need libc, libm, zlib and jansson alone, found $others"

# The examples, through CMake and through pkg-config, with the shared and with the static library.
cat >"$out/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.22)
project(service C)
find_package(semid 0.2 REQUIRED)
file(GLOB sources $SOURCE_DIR/examples/*.c)
foreach(source \${sources})
  get_filename_component(name \${source} NAME_WE)
  add_executable(shared_\${name} \${source})
  target_link_libraries(shared_\${name} PRIVATE semid::semid)
  add_executable(static_\${name} \${source})
  target_link_libraries(static_\${name} PRIVATE semid::semid_static)
endforeach()
CMAKE
logged clean cmake -S "$out" -B "$out/cmake" -DCMAKE_PREFIX_PATH="$out/tree"
logged clean cmake --build "$out/cmake"
for example in "$SOURCE_DIR"/examples/*.c; do
    name=$(basename "$example" .c)
    flags=$(PKG_CONFIG_PATH=$folder/pkgconfig pkg-config --cflags semid)
    libraries=$(PKG_CONFIG_PATH=$folder/pkgconfig pkg-config --static --libs-only-l semid)
    # shellcheck disable=SC2086 # flags are words
    cc -std=c17 $flags "$example" "$folder/libsemid.a" ${libraries/-lsemid/} -o "$out/cmake/pkg_$name" ||
        fail "$name does not link as pkg-config says"
done

# What the command makes, they use.
cd "$out"
python3 - <<'PYTHON'
import random, struct
random.seed(1)
rows = [[random.gauss(0, 1) for _ in range(8)] for _ in range(300)]
open("rows.f32", "wb").write(b"".join(struct.pack("<8f", *row) for row in rows))
header = "{'descr': '<f4', 'fortran_order': False, 'shape': (300, 8), }"
header += " " * (-(10 + len(header) + 1) % 64) + "\n"
open("rows.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                             + open("rows.f32", "rb").read())
open("ids.txt", "w").write("".join(f"item{i}\n" for i in range(300)))
PYTHON
"$SEMID" train --quiet --in rows.npy --K 16 --L 3 --out rq >/dev/null
"$SEMID" export --quiet --codes rq/codes.npy --ids ids.txt --out rq/items.csv >/dev/null
"$SEMID" build-inverted --quiet --items rq/items.csv --outdir rq >/dev/null
awk -F, 'NR > 1 { print $2 "-" $3 "-" $4 }' rq/items.csv >expected
prefix=$(sed -n 1p expected)
for form in shared static pkg; do
    clean "$out/cmake/${form}_encode_vectors" rq/codebooks.npz <rows.f32 >codes ||
        fail "${form}_encode_vectors does not run"
    cmp codes expected || fail "${form}_encode_vectors: expected the command's codes"
    clean "$out/cmake/${form}_lookup_prefix" rq/inverted.sid "$prefix" >found ||
        fail "${form}_lookup_prefix does not run"
    grep -qx "$prefix	item0" found || fail "${form}_lookup_prefix: expected item0 under $prefix"
    clean "$out/cmake/${form}_similar_items" rq/codebooks.npz rq/inverted.sid item0 >found ||
        fail "${form}_similar_items does not run"
    grep -qx item0 found || fail "${form}_similar_items: expected item0 near itself"
    [ "$(wc -l <found)" = 10 ] || fail "${form}_similar_items: expected 10 items, found $(wc -l <found)"
    if clean "$out/cmake/${form}_similar_items" rq/codebooks.npz rq/inverted.sid none 2>message; then
        fail "${form}_similar_items takes an id that no item has"
    fi
    grep -qx "similar_items: no item has the id none" message || fail "found: $(cat message)"
done
echo "libsemid alone: $n_bytes bytes installed"
