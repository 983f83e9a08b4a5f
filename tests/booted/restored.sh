# A backup is put back as docs/administrator.md says, after more was sent. To be sourced after service.sh.
# shellcheck shell=bash

AGAIN=generic-breach-ja
COUNT=200

recipients() { grep -rhi '^to:' "$root/var/lib/relay/new" | grep -oE 'm7[0-9]{3}@' | tr -dc '0-9\n' | sort; }
# standing STATUS: the numbers of the members who stand there.
standing() {
    as_owabi log --notice $AGAIN --jsonl | grep "\"status\":\"$1\"" | sed 's/.*"member_no":"\([0-9]*\)".*/\1/' | sort -u
}

restored_backup_tells_nobody_twice() {
    begins "a backup is put back after more was sent"
    local shown line
    sed -i '/^policy:/,/^[^ ]/{/^  window:/d}; s/^policy: .*/policy: { approvals_required: 1 }/' "$root/etc/owabi/notices/$AGAIN.yaml"
    roster third.csv 7001 $((7000 + COUNT))
    # Slow enough for a copy to be made meanwhile.
    exits 0 rate_from_to 100 10
    release_roster $AGAIN third.csv
    within 30 "some of them have come" some_have_come 30
    exits 0 as_owabi db backup /var/lib/owabi/backup.db
    [ "$(recipients | wc -l)" -lt $COUNT ] || fail "all were sent before the copy was made"
    exits 0 rate_from_to 10 100
    within 30 "some more have come" some_have_come $((COUNT * 2 / 3))
    exits 0 in_machine systemctl stop owabi
    shown=$(recipients)
    in_machine sh -c 'mkdir -p /root/aside && mv /var/lib/owabi/owabi.db* /root/aside/ && cp -p /var/lib/owabi/backup.db /var/lib/owabi/owabi.db'
    exits 0 as_owabi db check
    exits 1 as_owabi ledger verify
    has "what to do is said" "$said" 'accept-restored'
    exits 1 in_machine systemctl start owabi
    is "it refuses" 78 "$(property ExecMainStatus)"

    exits 0 as_owabi pause $AGAIN --reason 'a backup was put back'
    comm -13 <(standing accepted) <(echo "$shown") >"$root/var/lib/owabi/shown"
    in_machine chown owabi:owabi /var/lib/owabi/shown
    exits 0 as_owabi withdraw --notice $AGAIN --file /var/lib/owabi/shown --reason 'told since the copy' --yes
    exits 0 as_owabi db accept-restored --yes
    exits 0 in_machine systemctl start owabi
    within 20 "who was sending is in doubt" nobody_is_sending
    for line in $(comm -12 <(standing in_doubt) <(echo "$shown")); do
        exits 0 as_owabi resolve "$line" --as accepted --reason 'relay log'
    done
    is "nothing has left meanwhile" "$shown" "$(recipients)"
    exits 0 as_owabi resume $AGAIN
    within 30 "all have come" some_have_come $COUNT
    is "each member's mail came once" "$(seq 7001 $((7000 + COUNT)))" "$(recipients)"
    exits 0 as_owabi substitute add --notice $AGAIN --file /var/lib/owabi/shown --kind other --on "$(date +%F)" --yes
    exits 0 as_owabi ledger verify
}
some_have_come() { [ "$(recipients | wc -l)" -ge "$1" ]; }
nobody_is_sending() { [ -z "$(standing sending)" ]; }
