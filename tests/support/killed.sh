# shellcheck shell=bash
# Sourced by tests of commands that are killed in the middle of their work.

# Start a command and kill it as soon as FILE exists. Fails if the command ended before that: the
# caller then gives it more to do, so that no machine is too fast for the test.
kill_after_file() { # FILE COMMAND...: its standard error is the caller's
    local file=$1 pid
    shift
    "$@" >/dev/null &
    pid=$!
    while [ ! -e "$file" ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
    kill -KILL $pid 2>/dev/null || true
    ! wait $pid 2>/dev/null
}
