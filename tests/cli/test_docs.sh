#!/usr/bin/env bash
# The committed pages are those of the option tables; manual pages and completions are well-formed.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

for format in md man bash zsh fish; do "$SEMID" docs --format $format --out "$out/$format"; done
diff -r "$SOURCE_DIR/docs/cli" "$out/md" || fail "docs/cli is out of date: run make docs"

for page in "$out"/man/*.1; do
    head -1 "$page" | grep '^\.TH ' >/dev/null || fail "$page has no title line"
    if command -v groff >/dev/null; then
        groff -man -Tutf8 -ww "$page" 2>&1 >/dev/null | grep . && fail "$page has warnings"
    fi
done

bash -n "$out/bash/semid"
if command -v zsh >/dev/null; then zsh -n "$out/zsh/_semid"; fi
if command -v fish >/dev/null; then fish -n "$out/fish/semid.fish"; fi

# What bash offers after some words.
offers() {
    bash -c '. "$1"; shift; COMP_WORDS=(semid "$@"); COMP_CWORD=$#; _semid; printf "%s " "${COMPREPLY[@]}"' \
        - "$out/bash/semid" "$@"
}
[ "$(offers sam)" = "sample " ] || fail "completion of sam: $(offers sam)"
[ "$(offers sample --bad)" = "--bad-lines " ] || fail "completion of sample --bad"
[ "$(offers docs --format m)" = "md man " ] || fail "completion of docs --format m"
echo "pages, manual and completion agree with the option tables"
