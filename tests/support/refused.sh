# shellcheck shell=bash disable=SC2154
# Sourced by tests of commands. $out: their folder; outputs that may be refused are $out/refused*.

refused() { # STATUS PART COMMAND...: exit status and part of the one line on stderr; no output left
    local want=$1 part=$2 got=0
    shift 2
    "$SEMID" "$@" --quiet >"$out/stdout" 2>"$out/stderr" || got=$?
    [ $got = "$want" ] || fail "$*: exit $got, expected $want: $(cat "$out/stderr")"
    grep -qF -- "$part" "$out/stderr" || fail "$*: no \"$part\" in: $(cat "$out/stderr")"
    [ "$(wc -l <"$out/stderr")" = 1 ] || fail "$*: more than one line: $(cat "$out/stderr")"
    ! compgen -G "$out/refused*" >/dev/null || fail "$*: left output"
}
