#!/usr/bin/env bash
# pandas and pyarrow open the tables we write, and we read theirs.
set -euo pipefail
python=$("$SOURCE_DIR/scripts/python-env") || exit $?
"$python" "$SOURCE_DIR/tests/interop/parquet.py" "$SEMID" "$SOURCE_DIR/tests/golden/preprocess/raw"
