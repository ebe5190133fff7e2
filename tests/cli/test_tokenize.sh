#!/usr/bin/env bash
# The command `tokenize`: input from files and standard input, bad lines, bad models.
set -euo pipefail
model=$SOURCE_DIR/tests/golden/tokenizer/small
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "FAILED: $*"; exit 1; }

# expect STATUS MESSAGE COMMAND...: it exits so, says so and nothing after the lines before
expect() {
    local status=$1 message=$2 found=0
    shift 2
    "$@" >"$work/out" 2>"$work/err" || found=$?
    [ "$found" = "$status" ] || fail "$*: exit $found, expected $status: $(cat "$work/err")"
    grep -qF -- "$message" "$work/err" || fail "$*: expected \"$message\" in: $(cat "$work/err")"
}

tokenize() { "$SEMID" tokenize --quiet --model "$model" "$@"; }

[ "$(echo '"The tokening"' | tokenize --tokens)" = '["[CLS]","the","token","##ing","[SEP]"]' ] || fail tokens
[ "$(printf '"the"' | tokenize)" = "$(printf '"the"\n' | tokenize)" ] || fail "last line without an end"
[ "$(printf '  "\\u0074he"\r\n' | tokenize)" = "$(printf '"the"\n' | tokenize)" ] || fail "escapes and spaces"
[ "$(printf '"\\ud83d\\ude00 \\ud83d"' | tokenize --tokens)" = '["[CLS]","😀","[SEP]"]' ] || fail surrogates
[ "$(printf '"\\"\\\\"' | tokenize --tokens)" = '["[CLS]","\"","\\","[SEP]"]' ] || fail "quoted tokens"
[ "$(echo '"tokening"' | tokenize --prefix 'The ')" = "$(echo '"The tokening"' | tokenize)" ] || fail prefix
[ -z "$(tokenize </dev/null)" ] || fail "empty input"
[ "$(echo '"the"' | tokenize - --tokens)" = '["[CLS]","the","[SEP]"]' ] || fail "- as standard input"
[ "$(echo '"the the the"' | tokenize --max-len 3 --tokens)" = '["[CLS]","the","[SEP]"]' ] || fail max-len

expect 1 'line 2: expected a JSON string, found an empty line' tokenize < <(printf '"a"\n\n"b"\n')
[ "$(wc -l <"$work/out")" = 1 ] || fail "the line before a bad one is written"
expect 1 'line 1: expected a JSON string, found "{"a": 1}"' tokenize < <(echo '{"a": 1}')
expect 1 'line 1: expected a closing quote' tokenize < <(echo '"a')
expect 1 'line 1: expected an escape' tokenize < <(echo '"\x"')
expect 1 'line 1: expected an escape' tokenize < <(echo '"\u12g4"')
expect 1 'line 1: expected an escape, found a control character' tokenize < <(printf '"a\tb"\n')
expect 1 'line 1: expected one JSON string, found more' tokenize < <(echo '"a" "b"')
expect 1 'line 3001: expected' tokenize < <(seq 3000 | sed 's|.*|"the"|'; echo x)
expect 1 'expected a maximal length of at least 2, found 1' tokenize --max-len 1 </dev/null
expect 1 "$work/none.jsonl: cannot open" tokenize "$work/none.jsonl"
expect 1 "$work: expected a file, found a folder" tokenize "$work"
expect 1 "expected a model folder with tokenizer.json, vocab.txt, or vocab.json and merges.txt, found none of them" "$SEMID" tokenize --model "$work" /dev/null
expect 1 "$work/none: expected a model folder with tokenizer.json, vocab.txt, or vocab.json and merges.txt, found nothing" "$SEMID" tokenize --model "$work/none" /dev/null
expect 2 '--model' "$SEMID" tokenize
if [ -w /dev/full ]; then
    "$SEMID" tokenize --quiet --model "$model" < <(echo '"the"') >/dev/full 2>"$work/err" && fail "a full disk passes"
    grep -q 'cannot write' "$work/err" || fail "full disk: $(cat "$work/err")"
fi

# a line far longer than a block; the same bytes at any number of threads
{ printf '"'; head -c 12000000 /dev/zero | tr '\0' 'x'; printf ' the"\n"the"\n'; } >"$work/long.jsonl"
[ "$(tokenize --tokens "$work/long.jsonl")" = '["[CLS]","[UNK]","the","[SEP]"]
["[CLS]","the","[SEP]"]' ] || fail "long line"
for i in $(seq 2000); do echo "\"the $i semantic tokens\""; done >"$work/many.jsonl"
tokenize --threads 1 "$work/many.jsonl" >"$work/one"
tokenize --threads 5 "$work/many.jsonl" | cmp - "$work/one" || fail threads
