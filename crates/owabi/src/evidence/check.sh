#!/bin/sh
# Checks an evidence bundle of owabi with sha256sum, openssl (3.0 or later) and awk alone.
#   sh check.sh              the manifest, all signatures, the chain of seals
#   sh check.sh roots        also the root of every seal over ledger.jsonl (slow: about a second for a few hundred entries)
#   sh check.sh seal N       only the root of seal N
#   sh check.sh entry SEQ    which seal has this entry, and whether its root holds
set -eu
cd "$(dirname "$0")"
die() { echo "NG: $*" >&2; exit 1; }
field() { sed -n "s/^$2: //p" "$1"; }

# The root of the Merkle tree (RFC 9162) over the hashes on stdin.
octal() { awk '{ s = ""; for (i = 1; i < length($1); i += 2) { n = index(h, substr($1, i, 1)) * 16 + index(h, substr($1, i + 1, 1)) - 17;
    s = s sprintf("\\%03o", n) } print s }' h=0123456789abcdef; }
node() { printf "\\001$(echo "$1" | octal)$(echo "$2" | octal)" | sha256sum | cut -d' ' -f1; }
level() {
    left=
    while read -r hash; do
        if [ -z "$left" ]; then left=$hash; else node "$left" "$hash"; left=; fi
    done
    [ -z "$left" ] || echo "$left"
}
root() {
    hashes=$(cat)
    while [ "$(printf '%s\n' "$hashes" | wc -l)" -gt 1 ]; do hashes=$(printf '%s\n' "$hashes" | level); done
    printf '%s\n' "$hashes"
}

# The leaves of the entries in the ranges $1, in their order.
leaves() {
    awk -v ranges="$1" 'BEGIN { n = split(ranges, r, ",") }
        { seq = substr($0, 8) + 0; for (i = 1; i <= n; i++) { split(r[i], e, "-"); last = e[2] == "" ? e[1] : e[2];
          if (seq >= e[1] + 0 && seq <= last + 0) { print; break } } }' ledger.jsonl |
    while IFS= read -r line; do
        case $line in
            *'"leaf":"'*'"}') case $line in
                *'"body":'*) { printf '\000'; printf %s "$line"; } | sha256sum | cut -d' ' -f1 ;;
                *) printf '%s\n' "$line" | sed 's/.*"leaf":"\([0-9a-f]*\)"}$/\1/' ;;
            esac ;;
            *) { printf '\000'; printf %s "$line"; } | sha256sum | cut -d' ' -f1 ;;
        esac
    done
}
seal_root() {
    seal=$(printf 'seals/%08d.txt' "$1")
    found=$(leaves "$(field "$seal" entries)")
    [ "$(printf '%s\n' "$found" | wc -l)" -eq "$(field "$seal" count)" ] || die "$seal: entries of ledger.jsonl are missing"
    [ "$(printf '%s\n' "$found" | root)" = "$(field "$seal" root)" ] || die "$seal: the root does not fit ledger.jsonl"
    echo "OK: the root of seal $1 fits ledger.jsonl"
}
verify() {
    openssl pkeyutl -verify -pubin -inkey ledger.pub.pem -rawin -in "$1" -sigfile "$2" >/dev/null 2>&1 || die "$1: its signature does not fit"
}

usage() { echo "usage: sh check.sh [roots | seal N | entry SEQ]" >&2; exit 2; }
case ${1:-} in
    '' | roots) [ $# -le 1 ] || usage ;;
    seal | entry) [ $# -eq 2 ] || usage
        case $2 in '' | *[!0-9]*) usage ;; esac ;;
    *) usage ;;
esac
case ${1:-} in
    seal) seal_root "$2"; exit ;;
    entry)
        for seal in seals/*.txt; do
            if awk -v seq="$2" -v ranges="$(field "$seal" entries)" 'BEGIN { n = split(ranges, r, ","); for (i = 1; i <= n; i++) {
                split(r[i], e, "-"); last = e[2] == "" ? e[1] : e[2]; if (seq + 0 >= e[1] + 0 && seq + 0 <= last + 0) exit 0 } exit 1 }'; then
                seal_root "$(field "$seal" number)"
                grep "^{\"seq\":$2," ledger.jsonl
                exit
            fi
        done
        die "no seal covers entry $2" ;;
esac

sha256sum -c --strict --quiet MANIFEST || die "a file is not what MANIFEST says"
verify MANIFEST MANIFEST.sig
listed=$(wc -l < MANIFEST)
there=$(find . -type f ! -name MANIFEST ! -name MANIFEST.sig | wc -l)
[ "$listed" -eq "$there" ] || die "there are $there files and MANIFEST names $listed"
echo "OK: MANIFEST and its signature"
previous=0000000000000000000000000000000000000000000000000000000000000000
number=0
for seal in seals/*.txt; do
    [ -e "$seal" ] || break
    number=$((number + 1))
    [ "$(field "$seal" number)" = "$number" ] || die "$seal: is not number $number"
    [ "$(field "$seal" previous)" = "$previous" ] || die "$seal: does not follow the seal before it"
    verify "$seal" "${seal%.txt}.sig"
    previous=$(sha256sum < "$seal" | cut -d' ' -f1)
    if [ "${1:-}" = roots ]; then seal_root "$number"; fi
done
echo "OK: $number seals, signed and chained; the newest has the hash $previous"
