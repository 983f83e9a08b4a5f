# A Debian with systemd at work, in a folder and in namespaces of its own: processes, mounts, network, control groups. To be
# sourced by scripts that run as root, after tests/package/chroot.sh.
# shellcheck shell=bash
#
#   make_machine DIR [+ PACKAGE…]
#                            a fresh one, with these packages, and a capture relay that is not started
#   boot DIR                 starts systemd in it; returns when the machine is up. One at a time
#   start_relay PORT         starts the relay; its mails lie in DIR/var/lib/relay
#   in_machine COMMAND…      runs a command in it, as root, with the terminal that there is
#   machine_way              prints how: for whoever needs the command line
#   halt                     ends everything in it
#
# The network has a loopback interface only: what is installed must lie in the folder before.

machine_control=
machine_keeper=
machine_init=

make_machine() {
    local dir=$1
    shift
    make_chroot "$dir" adduser man-db procps sqlite3 + systemd-sysv sudo iproute2 "$@"
    install -m 755 "${CARGO_TARGET_DIR:-target}/debug/examples/capture_relay" "$dir/usr/local/bin/"
}

start_relay() {
    in_machine systemd-run --quiet --unit=relay --property=StateDirectory=relay capture_relay --port "$1" --maildir /var/lib/relay
}

# The folder of a new control group of the unified hierarchy, which systemd takes for its root.
machine_group() {
    local mounted
    mounted=$(findmnt --noheadings --output TARGET --types cgroup2 | head -n 1)
    [ -n "$mounted" ] || { echo "no cgroup2 is mounted here" >&2; return 1; }
    mktemp -d "$mounted/owabi-test.XXXXXX"
}

boot() {
    local dir=$1
    machine_control=$(machine_group)
    # shellcheck disable=SC2016 # for the inner shell
    sh -c 'echo $$ >"$0/cgroup.procs"
        exec setpriv --pdeathsig KILL unshare --fork --kill-child --pid --mount --uts --ipc --cgroup --net --propagation private sh tests/booted/init "$1"' \
        "$machine_control" "$dir" >"$dir/root/console" 2>&1 </dev/null &
    machine_keeper=$!
    local until=$((SECONDS + 60))
    until machine_is_up; do
        if [ "$SECONDS" -gt "$until" ] || ! kill -0 "$machine_keeper" 2>/dev/null; then
            echo "the machine does not come up" >&2
            cat "$dir/root/console" >&2
            return 1
        fi
        sleep 0.1
    done
}

# "degraded": a unit that has nothing to do with what is tested may not like to be in a container.
machine_is_up() {
    machine_init=$(cat "/proc/$machine_keeper/task/$machine_keeper/children" 2>/dev/null) || return
    machine_init=${machine_init% }
    [ "$(cat "/proc/$machine_init/comm" 2>/dev/null)" = systemd ] || return
    case $(in_machine systemctl is-system-running 2>/dev/null) in running | degraded) ;; *) return 1 ;; esac
}

# The words that go before a command.
machine_way() {
    echo nsenter --target "$machine_init" --all env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        TERM=dumb LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
}

# shellcheck disable=SC2046 # they are words
in_machine() { $(machine_way) "$@"; }

halt() {
    # The keeper's child, which is all there is in the machine, goes with it.
    if [ -n "$machine_keeper" ]; then
        kill -KILL "$machine_keeper" 2>/dev/null || true
        wait "$machine_keeper" 2>/dev/null || true
    fi
    if [ -n "$machine_control" ]; then
        # What was killed leaves its group a moment later.
        for _ in $(seq 100); do
            find "$machine_control" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$machine_control" ] || break
            sleep 0.1
        done
    fi
    machine_control='' machine_keeper='' machine_init=''
}
