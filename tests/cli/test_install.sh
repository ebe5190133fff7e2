#!/usr/bin/env bash
# An installed tree works where it was put and where it is moved to: the command with its libraries,
# and the examples built through pkg-config and CMake as a stranger would.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

if grep -q '^SEMID_SANITIZE:STRING=.' "$BUILD_DIR/CMakeCache.txt"; then
    echo "skipped: a sanitized library does not link into a plain program"
    exit 77
fi

cmake --install "$BUILD_DIR" --prefix "$out/first" >/dev/null
mv "$out/first" "$out/tree"
tree=$out/tree

"$tree/bin/semid" --version | grep '^semid [0-9]' >/dev/null || fail "the installed command does not start"
for file in share/man/man1/semid-embed.1 share/bash-completion/completions/semid \
    share/zsh/site-functions/_semid share/fish/vendor_completions.d/semid.fish; do
    [ -s "$tree/$file" ] || fail "$file is not installed"
done

library=$(compgen -G "$tree/lib*/libsemid.so" || compgen -G "$tree/lib/*/libsemid.so")
export PKG_CONFIG_PATH=${library%/*}/pkgconfig LD_LIBRARY_PATH=${library%/*}

# Only the public interface can be seen from outside.
if nm -D --defined-only "$library" | awk '{ print $3 }' | grep -v '^semid_' | grep .; then
    fail "libsemid exports more than semid_*"
fi
# It needs no more than a serving process has.
if ldd "$library" | grep -E 'duckdb|faiss|stdc\+\+'; then
    fail "libsemid needs a heavy library"
fi

for example in "$SOURCE_DIR"/examples/*.c; do
    name=$(basename "$example" .c)
    # shellcheck disable=SC2046 # flags are words
    cc -std=c17 -Wall -Wextra -Werror "$example" -o "$out/$name" $(pkg-config --cflags --libs semid) -lm
    ldd "$out/$name" | grep "$tree" >/dev/null || fail "$name does not use the installed library"
    cp "$example" "$out/"
done

# Every header stands alone, in C and in C++, and semid.h has them all.
for header in "$tree"/include/semid/*.h; do
    name=$(basename "$header")
    [ "$name" = semid.h ] || grep -q "\"semid/$name\"" "$tree/include/semid/semid.h" ||
        fail "semid.h lacks $name"
    echo "#include <semid/$(basename "$header")>" >"$out/alone.c"
    cc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$tree/include" "$out/alone.c"
    c++ -x c++ -Wall -Wextra -Werror -fsyntax-only -I "$tree/include" "$out/alone.c"
done

cat >"$out/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.22)
project(stranger C)
find_package(semid REQUIRED)
file(GLOB sources *_*.c)
foreach(source \${sources})
  get_filename_component(name \${source} NAME_WE)
  add_executable(by_cmake_\${name} \${source})
  target_link_libraries(by_cmake_\${name} PRIVATE semid::semid)
endforeach()
CMAKE
if ! { cmake -S "$out" -B "$out/b" -DCMAKE_PREFIX_PATH="$tree" && cmake --build "$out/b"; } >"$out/log" 2>&1; then
    cat "$out/log"
    fail "the CMake package does not work"
fi
echo "the installed tree works"
