#!/usr/bin/env bash
# Hard and random texts on small tokenizers, whole and cut at 16: see make_tokens.py.
set -euo pipefail
folder=$SOURCE_DIR/tests/golden/tokenizer
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for name in small cased raw accents added mpnet bpe bpe_prefix bpe_whole bpe_files \
    unigram unigram_first unigram_always unigram_whole; do
    for threads in 1 3; do
        {
            "$SEMID" tokenize --quiet --threads $threads --model "$folder/$name" --no-truncate "$folder/texts.jsonl"
            "$SEMID" tokenize --quiet --threads $threads --model "$folder/$name" --max-len 16 <"$folder/texts.jsonl"
        } >"$work/$name"
        cmp "$work/$name" "$folder/${name/bpe_files/bpe}/expected.jsonl" || failed=1
    done
done
exit $failed
