# A second instance beside the first, and its timers. To be sourced after service.sh.
# shellcheck shell=bash

instance_runs_beside_the_first() {
    begins "a second instance, as the guide says, with a relay on another address"
    local line
    in_machine ip address add 192.0.2.1/32 dev lo
    in_machine systemd-run --quiet --unit=other-relay --property=StateDirectory=other-relay \
        capture_relay --address 192.0.2.1 --port 2501 --maildir /var/lib/other-relay
    while read -r line; do
        exits 0 in_machine bash -c "$line" </dev/null
        case $line in "sudo chmod "*) a_relay_of_its_own ;; esac
    done < <(commands docs/administrator.md '### A second instance')
    is "at work" active "$(in_machine systemctl is-active owabi@branch)"
    roster branch.csv 1 5
    in_machine mv /var/lib/owabi/branch.csv /var/lib/owabi-branch/
    local of_branch=(in_machine sudo -u owabi owabi --lang en --config /etc/owabi/branch/owabi.yaml)
    exits 0 "${of_branch[@]}" import /var/lib/owabi-branch/branch.csv --notice $NOTICE --yes
    exits 0 "${of_branch[@]}" preflight --notice $NOTICE
    exits 0 "${of_branch[@]}" approve $NOTICE
    exits 0 "${of_branch[@]}" release $NOTICE --yes
    within 20 "nothing comes out of the sandbox, and it is said" is_said_of_branch 'no relay can be reached (main), nothing is sent: 0 of 5 accepted'
    is "nothing has left" 0 "$(find "$root/var/lib/other-relay/new" -type f | wc -l)"
    a_drop_in owabi@.service network <<<$'[Service]\nIPAddressAllow=192.0.2.1'
    exits 0 in_machine systemctl restart owabi@branch
    within 20 "all come" branch_has 5
    local first
    first=$(property MainPID owabi@branch.service)
    is "the first one's state is hidden from it" "" "$(in_machine ls -A "/proc/$first/root/var/lib/owabi")"
    timers_of_the_instance_do_their_work
    exits 0 in_machine systemctl disable --quiet --now owabi@branch owabi-backup@branch.timer
}
timers_of_the_instance_do_their_work() {
    local name
    is "the guide enables its copies" active "$(in_machine systemctl is-active owabi-backup@branch.timer)"
    in_machine install -d -o owabi -g owabi -m 700 /var/lib/owabi-branch/bounces/{,new,cur,tmp}
    sed -i 's/^  maildir: null /  maildir: \/var\/lib\/owabi-branch\/bounces /' "$root/etc/owabi/branch/owabi.yaml"
    a_drop_in owabi-@.service network <<<$'[Service]\nIPAddressAllow=192.0.2.1'
    for name in backup report track; do
        exits 0 in_machine systemctl start owabi-$name@branch.service
        has "owabi-$name@branch has its network" "$(property IPAddressAllow owabi-$name@branch.service)" '192.0.2.1/32'
        has "owabi-$name@branch.timer starts it" "$(property Triggers owabi-$name@branch.timer)" "owabi-$name@branch.service"
    done
    is "its copies, for owabi alone" "owabi 600" "$(in_machine sh -c 'stat -c "%U %a" /var/lib/owabi-branch/backups/*.db' | sort -u)"
    has "its report" "$(in_machine ls /var/lib/owabi-branch/reports)" $NOTICE
}
a_relay_of_its_own() {
    sed -i 's/host: smtp.example.jp /host: 192.0.2.1 /; s/port: null  .*null: 587 with/port: 2501 # null: 587 with/; s/tls: starttls  /tls: none  /
        s/address: bounces@example.jp /address: return@owabi.example /; s/^    connect: 30s/    connect: 2s/' "$root/etc/owabi/branch/owabi.yaml"
    sed -i 's/^policy: .*/policy: { approvals_required: 1 }/' "$root/etc/owabi/branch/notices/$NOTICE.yaml"
}
is_said_of_branch() { grep -q -- "$1" <<<"$(property StatusText owabi@branch.service)"; }
branch_has() { [ "$(find "$root/var/lib/other-relay/new" -type f | wc -l)" = "$1" ]; }
