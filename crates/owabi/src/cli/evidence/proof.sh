#!/bin/sh
# Proves that entry @SEQ@ of the ledger was sealed, with sha256sum, openssl (3.0 or later), sed and awk alone.
set -eu
cd "$(dirname "$0")"
die() { echo "NG: $*" >&2; exit 1; }
field() { sed -n "s/^$2: //p" "$1"; }
octal() { echo "$1" | awk '{ s = ""; for (i = 1; i < length($1); i += 2) { n = index(h, substr($1, i, 1)) * 16 + index(h, substr($1, i + 1, 1)) - 17;
    s = s sprintf("\\%03o", n) } print s }' h=0123456789abcdef; }
left() { hash=$(printf "\\001$(octal "$1")$(octal "$hash")" | sha256sum | cut -d' ' -f1); }
right() { hash=$(printf "\\001$(octal "$hash")$(octal "$1")" | sha256sum | cut -d' ' -f1); }

hash=$({ printf '\000'; cat entry-@SEQ@.json; } | sha256sum | cut -d' ' -f1)
@STEPS@
seal=seals/$(printf '%08d' @SEAL@).txt
[ "$hash" = "$(field "$seal" root)" ] || die "entry @SEQ@ is not what seal @SEAL@ covers"
echo "OK: seal @SEAL@ covers entry @SEQ@"
number=@SEAL@
previous=
while [ "$number" -le @NEWEST@ ]; do
    seal=seals/$(printf '%08d' "$number").txt
    openssl pkeyutl -verify -pubin -inkey ledger.pub.pem -rawin -in "$seal" -sigfile "${seal%.txt}.sig" >/dev/null 2>&1 || die "$seal: its signature does not fit"
    [ -z "$previous" ] || [ "$(field "$seal" previous)" = "$previous" ] || die "$seal: does not follow the seal before it"
    previous=$(sha256sum < "$seal" | cut -d' ' -f1)
    number=$((number + 1))
done
echo "OK: seals @SEAL@ to @NEWEST@, signed and chained; the newest has the hash $previous"
