# A Debian in a folder, for tests that install things. To be sourced by scripts that run as root.
# shellcheck shell=sh
#
#   make_chroot DIR PACKAGE… [+ PACKAGE…]
#                                   a fresh minimal system, with these packages; those after a + are installed upon a system with
#                                   the ones before, which others share. The first one with them is downloaded
#   in_chroot DIR COMMAND…          runs a command in it: with its own processes and mounts, which end with the command
#   drop_chroot DIR                 removes it

# The mirror and the suite that this machine's own packages come from, as two words.
debian_source() {
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -n -E 's/^(URIs:|deb( \[[^]]*\])?) +(https?:[^ ]*debian\/?)( .*)?$/\3/p' | head -n 1)
    echo "${mirror:-http://deb.debian.org/debian} $suite"
}

make_chroot() {
    made=$1
    shift
    base=$(base_with "$*") || return 1
    drop_chroot "$made"
    cp -a --reflink=auto "$base" "$made"
}

# base_with 'PACKAGE… [+ PACKAGE…]': prints the folder of a system with these; it is made when it is not there.
base_with() (
    base=${CARGO_TARGET_DIR:-target}/chroot/base-$(echo "$(debian_source) $1" | cksum | cut -d ' ' -f 1)
    if [ ! -e "$base.made" ]; then
        drop_chroot "$base"
        mkdir -p "${base%/*}"
        make_base "$base" "$1" >"$base.log" 2>&1 || {
            tail -n 20 "$base.log" >&2
            exit 1
        }
        : >"$base.made"
    fi
    echo "$base"
)

# shellcheck disable=SC2046 # they are words
make_base() {
    case $2 in
        *' + '*) below=$(base_with "${2% + *}") && cp -a --reflink=auto "$below" "$1" && add_packages "$1" "${2##* + }" ;;
        *) download_base "$1" "$(echo "$2" | tr ' ' ,)" $(debian_source) ;;
    esac
}

# download_base DIR PACKAGE,PACKAGE… MIRROR SUITE
download_base() {
    # What a power cut would take is made anew.
    DPKG_FORCE=unsafe-io debootstrap --variant=minbase --include="$2" "$4" "$1" "$3" &&
        rm -rf "$1"/var/cache/apt/archives/*.deb &&
        echo force-unsafe-io >"$1/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

# add_packages DIR 'PACKAGE…': none of them is started.
add_packages() {
    cp /etc/resolv.conf "$1/etc/"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 755 "$1/usr/sbin/policy-rc.d"
    # shellcheck disable=SC2016 # for the inner shell
    in_chroot "$1" env ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} sh -c '
        apt-get update -q && apt-get install -q -y --no-install-recommends $1 && apt-get clean && rm -rf /var/lib/apt/lists/*' sh "$2" &&
        rm "$1/usr/sbin/policy-rc.d"
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
