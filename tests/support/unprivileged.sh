# shellcheck shell=bash
# Sourced by tests of files that may not be read. Root reads every file, unless it gives up the two
# capabilities for that: it remains the owner of the checkout, so the checkout stays reachable
# whatever the modes of the folders above it. Running as "nobody" would need those to be open.

# The words before a command that may then not read a file of mode 000: none for a common user.
unprivileged=()
[ "$(id -u)" != 0 ] || unprivileged=(setpriv '--bounding-set=-dac_override,-dac_read_search')

can_refuse_files() { # FOLDER: is a file of mode 000 refused to `unprivileged`, and semid not?
    local refused=0
    touch "$1/secret"
    chmod 000 "$1/secret"
    "${unprivileged[@]}" cat "$1/secret" >/dev/null 2>&1 || refused=1
    rm -f "$1/secret"
    [ $refused = 1 ] && "${unprivileged[@]}" "$SEMID" --version >/dev/null 2>&1 &&
        "${unprivileged[@]}" ls "$SOURCE_DIR/tests" >/dev/null 2>&1
}
