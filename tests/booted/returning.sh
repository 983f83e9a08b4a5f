# What comes back reaches the service in its sandbox by every way of docs/receipts.md, and what a person must know leaves it by a
# program of the person's. To be sourced after reaching.sh.
# shellcheck shell=bash

WAYS='imap maildir maillog journal'

# A Dovecot, on the other machine, whose only mailbox is a Maildir of the account mail.
mailbox_elsewhere_is_there() {
    exits 0 in_machine install -d -o mail -g mail /var/mail/far /var/mail/far/{new,cur,tmp}
    cat >"$root/etc/dovecot/dovecot.conf" <<TEXT
protocols = imap
listen = $FAR
ssl = required
ssl_cert = </etc/ssl/private/far.pem
ssl_key = </etc/ssl/private/far.pem
mail_location = maildir:/var/mail/far
first_valid_uid = 1
passdb {
  driver = static
  args = password=$SECRET
}
userdb {
  driver = static
  args = uid=mail gid=mail home=/var/mail/far allow_all_users=yes
}
TEXT
    exits 0 in_machine systemctl restart dovecot
}

# example NAME FOLDER: a drop-in as it is shipped.
example() { in_machine install -D -m 644 "/usr/share/doc/owabi/examples/$1.conf" "/etc/systemd/system/$2.d/$1.conf"; }

every_way_is_configured() {
    mailbox_elsewhere_is_there
    in_machine install -d -o owabi -g owabi -m 700 /var/mail/bounces{,/new,/cur,/tmp}
    in_machine install -o root -g adm -m 640 /dev/null /var/log/mail.log
    in_machine install -m 600 /root/secret /etc/credstore/owabi.imap-password
    configure 's|^  maildir: [^ ]*|  maildir: /var/mail/bounces|; s|^  maillog: null|  maillog: /var/log/mail.log|; s/^  journal: false/  journal: true/'
    configure 's/^    host: null/    host: imap.example.jp/; s|^    ca_file: null|    ca_file: authority.pem|; s/^    user: ""/    user: bounces/'
    configure 's/^    password_credential: null/    password_credential: imap-password/; s/^  poll: 30s/  poll: 1s/'
}

# mail_of MEMBER: the file of the mail that came for this one.
mail_of() { grep -rli "^delivered-to: m$1@" "$far_mails"; }
# bounce MEMBER: what a server says of it.
bounce() {
    sed -n 's/^Return-Path: <\(.*\)>\r$/To: <\1>/p' "$(mail_of "$1")"
    cat <<TEXT
From: MAILER-DAEMON@members.test
Subject: Returned
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=edge"

--=edge
Content-Type: text/plain

Your mail could not be delivered.
--=edge
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.members.test

Final-Recipient: rfc822; m$1@members.test
Action: failed
Status: 5.1.1

--=edge--
TEXT
}
# lines MEMBER: program and words of a Postfix that delivered the mail.
lines() {
    sed -n "s/^message-id: \(<.*>\)\r$/postfix\/cleanup 4F1B$1: message-id=\1/Ip" "$(mail_of "$1")"
    echo "postfix/smtp 4F1B$1: to=<m$1@members.test>, relay=mx.members.test[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
}

# comes_back WAY MEMBER
comes_back() {
    local program words
    case $1 in
        imap) into_maildir far mail "$2" ;;
        maildir) into_maildir bounces owabi "$2" ;;
        maillog) lines "$2" | sed "s/^\([^ ]*\)/$(date '+%b %e %T') owabi-test \1[1]:/" >>"$root/var/log/mail.log" ;;
        journal)
            while read -r program words; do in_machine logger --tag "$program" --priority mail.info -- "$words" </dev/null; done < <(lines "$2")
            in_machine journalctl --sync
            ;;
    esac
}
# into_maildir FOLDER OWNER MEMBER
into_maildir() {
    bounce "$3" >"$root/var/mail/$1/tmp/$3"
    in_machine chown "$2:$2" "/var/mail/$1/tmp/$3"
    mv "$root/var/mail/$1/tmp/$3" "$root/var/mail/$1/new/$3"
}
stands() { as_owabi log --notice $NOTICE --member "$1" --jsonl | grep -q "\"status\":\"$2\""; }
outcome() { case $1 in imap | maildir) echo bounced ;; *) echo delivered ;; esac; }

what_comes_back_is_read_in_every_way() {
    begins "what comes back: an IMAP server on another machine, a Maildir, the relay's log, the journal"
    local way member=11001
    every_way_is_configured
    example maildir owabi.service
    types docs/receipts.md "### The relay's log" false
    for way in $WAYS; do comes_back "$way" $((member++)); done
    member=11001
    for way in $WAYS; do within 60 "$way is read" stands $((member++)) "$(outcome "$way")"; done
}

what_comes_back_is_read_by_the_timer() {
    begins "the same by the timer's work, while the service does not run"
    local way member=11006 name
    exits 0 in_machine systemctl stop owabi
    for name in network maildir maillog journal; do
        in_machine install -D -m 644 /etc/systemd/system/owabi{.service,-.service}.d/$name.conf
    done
    in_machine systemctl daemon-reload
    for way in $WAYS; do comes_back "$way" $((member++)); done
    exits 0 in_machine systemctl start owabi-track.service
    member=11006
    for way in $WAYS; do
        stands $member "$(outcome "$way")" || fail "$way was not read" "$(logged owabi-track.service)"
        member=$((member + 1))
    done
}

program_is_told_what_a_person_must_know() {
    begins "an alert by a program"
    # shellcheck disable=SC2016 # for the program
    printf '%s\n' '#!/bin/sh' 'read -r text' 'echo "$1 $text" >>/var/lib/owabi/alerted' >"$root/usr/local/bin/owabi-alert"
    chmod 755 "$root/usr/local/bin/owabi-alert"
    example alert-command owabi.service
    in_machine systemctl daemon-reload
    configure 's|^  command: null|  command: /usr/local/bin/owabi-alert|'
    exits 0 in_machine systemctl start owabi
    # What only the running service can refuse.
    configure 's/^  pool: 8/  pool: 9/'
    exits 0 in_machine systemctl reload owabi
    within 60 "the program is told" is_told '^configuration_refused {.*is in use'
    configure 's/^  pool: 9/  pool: 8/'
    exits 0 in_machine systemctl reload owabi
}
is_told() { grep -q -- "$1" "$root/var/lib/owabi/alerted" 2>/dev/null; }
