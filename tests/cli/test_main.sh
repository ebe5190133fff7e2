#!/usr/bin/env bash
# What every command has in common: exit statuses, help, suggestions, --json, start-up time.
set -euo pipefail
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

expect() { # STATUS PART ARGUMENTS...: exit status, and text somewhere in the output
    local want=$1 part=$2 got=0
    shift 2
    "$SEMID" "$@" >"$out/text" 2>&1 </dev/null || got=$?
    [ "$got" = "$want" ] || fail "semid $*: expected exit status $want, found $got: $(cat "$out/text")"
    grep -qF -- "$part" "$out/text" || fail "semid $*: expected \"$part\", found: $(cat "$out/text")"
}

expect 2 'usage: semid COMMAND'
expect 0 'usage: semid COMMAND' --help
expect 0 'semid 0.' --version
expect 2 'did you mean sample?' smaple
expect 2 'see semid --help' qqqqqqqq
expect 2 'did you mean --items?' sample --itms 5
expect 2 '--out DIR is required' sample
expect 2 'expected 100 to 10000000, found 7' sample --out "$out/x" --items 7
expect 2 'expected a whole number, found "many"' sample --out "$out/x" --items many
expect 2 '--items: expected N' sample --out "$out/x" --items
expect 2 'unexpected argument "y"' sample --out "$out/x" y
expect 2 'expected auto or cpu, found "tpu"' sample --out "$out/x" --device tpu
expect 1 'semid sample: /proc' sample --out /proc/none/x
[ ! -e "$out/x" ] || fail "a refused command left output"

# Every command has help with the same words by both ways, naming every option.
for command in $("$SEMID" --help | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'); do
    expect 0 "usage: semid $command" "$command" --help
    cp "$out/text" "$out/help"
    expect 0 "usage: semid $command" help "$command"
    cmp -s "$out/text" "$out/help" || fail "semid help $command differs from semid $command --help"
    sed '/^examples:/,$d' "$out/text" | awk 'length > 100 || / $/ { exit 1 }' ||
        fail "help of $command is wider than 100 columns or has spaces at the end of a line"
    grep -q -- '--threads' "$out/text" || fail "help of $command lacks the common options"
done

# --json prints one JSON object and nothing else on standard output; --quiet silences the rest.
"$SEMID" sample --out "$out/s" --items 100 --json --quiet >"$out/json" 2>"$out/err"
[ ! -s "$out/err" ] || fail "--quiet is not quiet: $(cat "$out/err")"
python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); assert r["items"] == 100' "$out/json"

# Standard output that cannot be written is a failure.
if [ -e /dev/full ]; then
    got=0
    "$SEMID" sample --out "$out/s" --items 100 -q >/dev/full 2>"$out/err" || got=$?
    [ $got = 1 ] || fail "a full standard output gave status $got"
fi

# The fastest of twenty starts takes under 10 ms (sanitizers and valgrind are slower by nature).
python3 - "$SEMID" <<'PY'
import subprocess, sys, time
def once():
    start = time.perf_counter()
    subprocess.run([sys.argv[1], "--version"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
def floor():
    start = time.perf_counter()
    subprocess.run(["/bin/true"], check=True)
    return time.perf_counter() - start
best = min(once() for _ in range(20)) - min(floor() for _ in range(20))
with open(sys.argv[1], "rb") as f:
    sanitized = b"__asan_init" in f.read()
print(f"semid --version: {best * 1e3:.1f} ms over an empty program")
sys.exit(0 if best < 0.010 or sanitized else "too slow")
PY
echo "all as expected"
