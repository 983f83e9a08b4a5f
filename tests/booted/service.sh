# The steps of tests/booted/run that look at the service itself, in the order in which they are called. To be sourced.
# shellcheck shell=bash

NOTICE=generic-breach
MEMBERS=400

# How a person becomes the account of the service.
person=(sudo -u owabi)
as_owabi() { in_machine "${person[@]}" owabi --lang en "$@"; }
property() { in_machine systemctl show --value --property="$1" "${2:-owabi.service}"; }
# What owabi has logged since the step began that is at work.
logged() { in_machine journalctl --unit="${1:-owabi.service}" --since="@$step_began" --output=cat --no-pager; }
begins() {
    step "$*"
    step_began=$(date +%s)
}
# Shadows the one of said.sh.
fail() {
    printf '%s: FAILED: %s\n%s\n' "$test_name" "$1" "${2:-}" >&2
    in_machine journalctl --unit='owabi*' --no-pager --output=short-precise --lines=60 >&2
    exit 1
}

# within SECONDS WHAT COMMAND…: waits until the command succeeds.
within() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || fail "$what" "$(in_machine systemctl status --no-pager owabi.service)"
        sleep 0.2
    done
}
says() { grep -q -- "$1" <<<"$(property StatusText)"; }
is_logged() { grep -q -- "$1" <<<"$(logged)"; }
is_logged_times() { [ "$(grep -c -- "$2" <<<"$(logged)")" = "$1" ]; }
mails() { find "$root/var/lib/relay/new" -type f 2>/dev/null | wc -l; }
have_come() { [ "$(mails)" -ge "$1" ]; }
# "STATUS": NUMBER, of every status, a line each, as they are at one moment.
counts() { as_owabi --json status "$NOTICE" | tr -d ' \n' | sed -n 's/.*"counts":{\([^}]*\)}.*/\1/p' | tr ',' '\n'; }
counted() { counts | sed -n "s/\"$1\"://p"; }
counted_is() { [ "$(counted "$1")" = "$2" ]; }
restarts() { property NRestarts; }
pid() { property MainPID; }

configure() { sed -i "$1" "$root/etc/owabi/owabi.yaml"; }

# roster NAME FIRST LAST: members of these numbers.
roster() {
    {
        echo member_no,name,email,cohort
        seq -f '%g' "$2" "$3" | sed 's/.*/&,Member &,m&@members.test,web/'
    } >"$root/var/lib/owabi/$1"
    in_machine chown owabi:owabi "/var/lib/owabi/$1"
}

# release_roster NOTICE FILE: imported, looked at, approved, released.
release_roster() {
    exits 0 as_owabi import "/var/lib/owabi/$2" --notice "$1" --yes
    exits 0 as_owabi preflight --notice "$1"
    exits 0 as_owabi approve "$1"
    exits 0 as_owabi release "$1" --yes
}

# nobody_twice: each mail that came is of another member.
nobody_twice() { is "$1: told twice" "" "$(grep -rhi '^to:' "$root/var/lib/relay/new" | grep -oE 'm[0-9]+@' | sort | uniq -d)"; }

service_is_installed_and_started() {
    begins "installed, and started with a credential that root alone can read"
    exits 0 in_machine apt-get install -q -y --no-install-recommends /root/owabi.deb
    is "nothing is started" "inactive" "$(in_machine systemctl is-active owabi || true)"
    configure "s/host: smtp.example.jp /host: 127.0.0.1 /; s/port: null  .*null: 587 with/port: $relay_port # null: 587 with/; s/tls: starttls  /tls: none  /"
    configure 's/address: bounces@example.jp /address: return@owabi.example /; s/key_credential: null /key_credential: ledger-key /'
    configure 's/^    rate: null .*//; s/rate: null  /rate: 10  /'
    sed -i 's/^policy: .*/policy: { approvals_required: 1 }/' "$root/etc/owabi/notices/$NOTICE.yaml"
    in_machine install -D -m 600 /var/lib/owabi/ledger.key /etc/credstore/owabi.ledger-key
    in_machine rm /var/lib/owabi/ledger.key
    # With this key a queue that is not there yet is made by a person.
    exits 0 as_owabi db migrate
    exits 0 in_machine systemctl start owabi
    is "start returns when it is ready" "active running" "$(property ActiveState) $(property SubState)"
    is "type" "notify" "$(property Type)"
    is "no restart was needed" 0 "$(restarts)"
    lacks "no file stands for the credential" "$(in_machine ls /var/lib/owabi)" 'ledger.key$'
}

whole_job_is_sent_and_told_of() {
    begins "a whole job"
    roster first.csv 1 $MEMBERS
    release_roster $NOTICE first.csv
    # Slow enough to be looked at.
    within 30 "STATUS has the count and the rate" says "of $MEMBERS accepted, [0-9.]*/s"
    exits 0 rate_from_to 10 100
    within 60 "all mails come" have_come $MEMBERS
    within 10 "STATUS at the end" says "^idle: $MEMBERS of $MEMBERS accepted"
    within 10 "the record of the last" counted_is accepted $MEMBERS
    nobody_twice "a whole job"
    exits 0 as_owabi ledger verify
    local entry
    entry=$(in_machine journalctl --unit=owabi --output=json --no-pager OWABI_RELAYS=main)
    has "entries have fields" "$entry" '"OWABI_DATABASE":"SQLite"'
    lacks "no address is logged" "$(in_machine journalctl --unit=owabi --output=json --no-pager)" 'members.test'
}

# rate_from_to NOW MAILS: of the relay, in mails a second; takes effect at once.
rate_from_to() {
    configure "s/^      rate: $1 /      rate: $2 /"
    in_machine systemctl reload owabi
}

reload_takes_the_good_and_refuses_the_bad() {
    begins "reload"
    local before
    before=$(pid)
    configure 's/^  level: info .*/  level: debug/'
    exits 0 in_machine systemctl reload owabi
    within 10 "the new level is in use" is_logged 'has changed level="debug" before="info"'
    configure 's/^  level: debug/  levle: debug/'
    exits 1 in_machine systemctl reload owabi
    within 10 "check says where" is_logged 'owabi.yaml:[0-9]*.*levle'
    is "and it goes on" "active running" "$(property ActiveState) $(property SubState)"
    configure 's/^  levle: debug/  level: info/'
    # What check finds well, and only a restart can take.
    configure 's/^  readers: 4 /  readers: 5 /'
    exits 0 in_machine systemctl reload owabi
    within 10 "the key is named" is_logged 'database.readers: it cannot change while owabi runs'
    configure 's/^  readers: 5 /  readers: 4 /'
    exits 0 in_machine systemctl reload owabi
    within 10 "the first level is in use again" is_logged 'has changed level="info" before="debug"'
    is "one process all the time" "$before" "$(pid)"
    is "still active" "active running" "$(property ActiveState) $(property SubState)"
}

log_level_is_turned_up_and_down() {
    step "log level"
    in_machine systemctl kill --signal=USR1 owabi
    within 10 "one step more" is_logged_times 2 'has changed level="debug" before="info"'
    in_machine systemctl kill --signal=USR2 owabi
    within 10 "as configured" is_logged_times 2 'has changed level="info" before="debug"'
}

# of_process KEY: of /proc/PID/status.
of_process() { in_machine sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status"; }

sandbox_is_what_the_unit_says() {
    begins "the sandbox, of the process at work"
    is "a filter of system calls" 2 "$(of_process Seccomp)"
    is "no new privileges" 1 "$(of_process NoNewPrivs)"
    is "no capabilities" "0000000000000000" "$(of_process CapBnd)"
    is "no memory image" "0" "$(in_machine awk '/^Max core file size/ { print $5 }' "/proc/$(pid)/limits")"
    is "nobody but itself and root" "2" "$(in_machine awk 'END { print NR }' "/proc/$(pid)/uid_map")"
}

# a_drop_in UNIT NAME: its lines are those of standard input.
a_drop_in() {
    mkdir -p "$root/etc/systemd/system/$1.d"
    cat >"$root/etc/systemd/system/$1.d/$2.conf"
    in_machine systemctl daemon-reload
}

crash_is_survived_and_nobody_told_twice() {
    begins "kill -9 in the midst of sending"
    a_drop_in owabi.service soon <<<$'[Service]\nRestartSec=1s'
    roster second.csv 1001 1400
    exits 0 rate_from_to 100 20
    release_roster $NOTICE second.csv
    within 30 "some of them have come" have_come $((MEMBERS + 50))
    in_machine systemctl kill --signal=KILL owabi
    [ "$(mails)" -lt $((MEMBERS + 400)) ] || fail "all of them had come"
    configure 's/^      rate: 20 /      rate: 100 /'
    within 20 "it is started again" is_logged 'Scheduled restart job, restart counter is at 1'
    within 120 "all are sent, or in doubt" nobody_waits
    is "everybody is accounted for" $((MEMBERS + 400)) $(($(counted accepted) + $(counted in_doubt)))
    [ "$(mails)" -ge "$(counted accepted)" ] || fail "fewer mails came than are recorded"
    nobody_twice "after a crash"
}
# In one look: a row of a cut off worker goes from "sending" back to "queued".
nobody_waits() { [ "$(counts | grep -cE '^"(queued|sending)":0$')" = 2 ]; }

standstill_is_found_by_the_watchdog() {
    begins "a process that stands still"
    local before
    a_drop_in owabi.service soon <<<$'[Service]\nRestartSec=1s\nWatchdogSec=3s'
    exits 0 in_machine systemctl restart owabi
    before=$(pid)
    in_machine systemctl kill --kill-who=main --signal=STOP owabi
    within 20 "systemd finds it" is_logged 'Watchdog timeout (limit 3s)'
    within 20 "it is started again" is_another "$before"
    within 20 "it is ready" is_active owabi.service
    is "nothing of its memory is on disk" "" "$(in_machine find /var/lib/owabi /tmp /var/tmp -name 'core*')"
    rm "$root/etc/systemd/system/owabi.service.d/soon.conf"
    in_machine systemctl daemon-reload
}
is_another() { [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ]; }
is_active() { [ "$(property ActiveState "$1")" = active ]; }

bad_configuration_stays_down() {
    begins "a configuration that cannot be used, at the start"
    a_drop_in owabi.service soon <<<$'[Service]\nRestartSec=1s'
    configure 's/^database:/databasse:/'
    exits 1 in_machine systemctl restart owabi
    within 30 "the key is named" is_logged 'owabi.yaml:[0-9]*.*databasse'
    sleep 3
    is "it stays down" "failed 78 0" "$(property ActiveState) $(property ExecMainStatus) $(restarts)"
    configure 's/^databasse:/database:/'
    exits 0 in_machine systemctl restart owabi
}

timers_do_their_work() {
    begins "the timers' work"
    local name
    in_machine install -d -o owabi -g owabi -m 700 /var/lib/owabi/bounces/{,new,cur,tmp}
    configure 's/^  maildir: null /  maildir: \/var\/lib\/owabi\/bounces /'
    for name in backup report track; do
        exits 0 in_machine systemctl start owabi-$name.service
        exits 0 in_machine systemctl enable --quiet --now owabi-$name.timer
        is "owabi-$name.timer" active "$(in_machine systemctl is-active owabi-$name.timer)"
        lacks "owabi-$name.timer has a next time" "$(property NextElapseUSecRealtime owabi-$name.timer)" '^$'
        # Nothing happens by itself while other steps look.
        exits 0 in_machine systemctl disable --quiet --now owabi-$name.timer
    done
    is "one copy, for owabi alone" "owabi 600" "$(in_machine sh -c 'stat -c "%U %a" /var/lib/owabi/backups/*.db')"
    has "a report" "$(in_machine ls /var/lib/owabi/reports)" $NOTICE
}

upgrade_restarts_and_removal_stops() {
    begins "an upgrade restarts it"
    local before
    before=$(pid)
    newer_package "$package" "$root/root/newer" "$root/root/newer.deb"
    exits 0 in_machine dpkg --force-confold -i /root/newer.deb
    is_another "$before" || fail "the old program is still at work"
    is "at work" active "$(in_machine systemctl is-active owabi)"
    begins "a removal stops it"
    exits 0 in_machine dpkg -r owabi
    is "stopped" inactive "$(in_machine systemctl is-active owabi || true)"
    within 30 "as a stop should be" is_logged 'owabi.service: Deactivated successfully'
    is "nothing is at work" "" "$(in_machine systemctl list-units --state=active --plain --no-legend 'owabi*')"
}
