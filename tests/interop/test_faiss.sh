#!/usr/bin/env bash
# Python's FAISS and ours read each other's files and find the same.
set -euo pipefail
python=$("$SOURCE_DIR/scripts/python-env") || exit $?
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$python" "$SOURCE_DIR/tests/interop/faiss_files.py" "$SEMID" "$out"
