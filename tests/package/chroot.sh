# A Debian in a folder, for tests that install things. To be sourced by scripts that run as root.
# shellcheck shell=sh
#
#   make_chroot DIR [PACKAGE…]      a fresh minimal system, with these packages; the first one with them is downloaded
#   in_chroot DIR COMMAND…          runs a command in it: with its own processes and mounts, which end with the command
#   drop_chroot DIR                 removes it

# The mirror and the suite that this machine's own packages come from, as two words.
debian_source() {
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -E 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*debian\/?)( .*)?$/\3/p' | head -n 1)
    echo "${mirror:-http://deb.debian.org/debian} $suite"
}

# download_base DIR PACKAGE,PACKAGE… MIRROR SUITE
download_base() {
    # What a power cut would take is made anew.
    DPKG_FORCE=unsafe-io debootstrap --variant=minbase ${2:+--include="$2"} "$4" "$1" "$3" >"$1.log" 2>&1
}

make_chroot() {
    made=$1
    shift
    wanted="$(debian_source) $*"
    base=${CARGO_TARGET_DIR:-target}/chroot/base-$(echo "$wanted" | cksum | cut -d ' ' -f 1)
    if [ ! -e "$base/.made" ]; then
        drop_chroot "$base"
        mkdir -p "$base"
        # shellcheck disable=SC2046 # two words
        download_base "$base" "$(echo "$*" | tr ' ' ,)" $(debian_source) || {
            tail -n 20 "$base.log" >&2
            return 1
        }
        rm -rf "$base"/var/cache/apt/archives/*.deb
        echo force-unsafe-io >"$base/etc/dpkg/dpkg.cfg.d/unsafe-io"
        : >"$base/.made"
    fi
    drop_chroot "$made"
    cp -a --reflink=auto "$base" "$made"
}

in_chroot() {
    chroot_dir=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --uts --ipc --fork --kill-child --propagation private sh -c '
        mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev/shm"
        exec chroot "$0" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
            DEBIAN_FRONTEND=noninteractive "$@"' "$chroot_dir" "$@"
}

# newer_package PACKAGE DIR DEB: the same package as a newer version, with a changed configuration file; in DIR it is unpacked meanwhile.
newer_package() {
    drop_chroot "$2"
    dpkg-deb -R "$1" "$2"
    sed -i 's/^Version: .*/&.1/' "$2/DEBIAN/control"
    echo '# of the newer version' >>"$2/etc/owabi/owabi.yaml"
    dpkg-deb -Znone -b "$2" "$3" >/dev/null
    drop_chroot "$2"
}

drop_chroot() {
    case $1 in */chroot/*) rm -rf --one-file-system "$1" ;; *) echo "$1 is no folder of a test" >&2; return 1 ;; esac
}
