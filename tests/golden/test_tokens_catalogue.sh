#!/usr/bin/env bash
# The 3,686 texts of the shared catalogue with MiniLM's vocabulary, as transformers tokenizes them.
set -euo pipefail
oracle=$SHARED_DIR/data/oracle/amazon23-industrial
model=$DEPS_DIR/models/all-MiniLM-L6-v2
for needed in "$oracle/tokens.jsonl.gz" "$model/tokenizer.json"; do
    [ -r "$needed" ] || { echo "skipped: $needed is not here"; exit 77; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc "$oracle/texts.jsonl.gz" >"$work/texts.jsonl"
gzip -dc "$oracle/tokens.jsonl.gz" >"$work/expected.jsonl"
"$SEMID" tokenize --model "$model" --in "$work/texts.jsonl" --max-len 128 >"$work/found.jsonl"
cmp "$work/found.jsonl" "$work/expected.jsonl"

# the same from vocab.txt and tokenizer_config.json
mkdir "$work/old"
cp "$model/vocab.txt" "$model/tokenizer_config.json" "$work/old"
"$SEMID" tokenize --model "$work/old" --in "$work/texts.jsonl" --max-len 128 >"$work/found.jsonl"
cmp "$work/found.jsonl" "$work/expected.jsonl"
