# What scripts find, and say where they do not; and what documents say. To be sourced.
# shellcheck shell=bash

test_name=$(basename "$(dirname "$0")")

fail() { printf '%s: FAILED: %s\n%s\n' "$test_name" "$1" "${2:-}" >&2; exit 1; }
step() { printf '%s: %3d s: %s\n' "$test_name" "$SECONDS" "$*" >&2; }

# is WHAT WANTED FOUND
is() { [ "$2" = "$3" ] || fail "$1" "wanted: $2"$'\n'"found:  $3"; }
# has WHAT TEXT PATTERN; lacks WHAT TEXT PATTERN
has() { grep -q -- "$3" <<<"$2" || fail "$1: no '$3'" "$2"; }
lacks() { if grep -q -- "$3" <<<"$2"; then fail "$1: there is '$3'" "$2"; fi; }
# exits CODE COMMAND…: what it says is in $said.
exits() {
    local code=0 wanted=$1
    shift
    said=$("$@" 2>&1) || code=$?
    [ "$code" = "$wanted" ] || fail "$* exits with $code, not $wanted" "$said"
}

# commands FILE HEADING: the commands of a section of a document, a line each.
commands() {
    awk -v heading="$2" '/^##+ / { inside = ($0 == heading) } /^```/ { block = ($0 == "```sh"); next } inside && block' "$1"
}
