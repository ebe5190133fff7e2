#!/usr/bin/env bash
# NumPy, PyTorch and safetensors open what we write, and we read what they write.
set -euo pipefail
python=$("$SOURCE_DIR/scripts/python-env") || exit $?
"$python" "$SOURCE_DIR/tests/interop/numpy_torch.py" "$BUILD_DIR/tests/interop_convert"
