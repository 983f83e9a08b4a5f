# The service in its sandbox reaches what is not on the loopback address, as the guides say: PostgreSQL, a relay with TLS and a
# login, a mailbox for bounces. To be sourced after service.sh.
# shellcheck shell=bash

# Stands for another machine, and has the names of the guides.
FAR=192.0.2.2
SECRET=correct-horse-battery
far_mails=

# types DOCUMENT HEADING EDITOR: the commands of a section; EDITOR stands for what the person does in it.
types() {
    local line
    while read -r line; do
        exits 0 in_machine env EDITOR="$3" bash -c "$line" </dev/null
    done < <(commands "$1" "$2")
}
as_postgres() { in_machine setsid --wait runuser -u postgres -- bash -c "cd /; $1"; }

another_machine_is_there() {
    far_mails=$root/var/lib/far-relay/new
    in_machine ip address add $FAR/32 dev lo
    echo "$FAR db.example.jp smtp.example.jp imap.example.jp" >>"$root/etc/hosts"
    echo "$SECRET" >"$root/root/secret"
    # shellcheck disable=SC2016 # for the inner shell
    exits 0 in_machine sh -ec 'cd /etc/ssl/private
        make() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" "${@:2}"; }
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=authority -keyout authority.key -out authority.pem
        openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=far -CA authority.pem -CAkey authority.key -extensions usr_cert \
            -addext subjectAltName=DNS:db.example.jp,DNS:smtp.example.jp,DNS:imap.example.jp -keyout far.key -out far.pem
        cat far.key >>far.pem
        install -m 644 authority.pem /etc/owabi/
        install -o postgres -g postgres -m 600 far.pem /etc/postgresql/'
}

postgresql_on_this_machine_takes_the_queue_over() {
    begins "the queue moves to PostgreSQL on this machine, over its socket"
    another_machine_is_there
    local setup
    setup=$(commands docs/postgresql.md '## Set up' | head -n 2)
    exits 0 as_postgres "$setup" <<<"$SECRET"$'\n'"$SECRET"
    configure 's|^  url: .*|  url: postgres://owabi@%2Frun%2Fpostgresql/owabi|'
    exits 0 in_machine systemctl stop owabi
    exits 0 as_owabi db copy --from sqlite:/var/lib/owabi/owabi.db --to 'postgres://owabi@%2Frun%2Fpostgresql/owabi' --yes
    exits 0 in_machine systemctl start owabi
    a_small_job_is_sent near.csv 8001 "$root/var/lib/relay/new"
}

# a_small_job_is_sent FILE FIRST FOLDER: to ten members, whose mails come into the folder.
a_small_job_is_sent() {
    roster "$1" "$2" $(($2 + 9))
    release_roster $NOTICE "$1"
    within 60 "all mails come" came_to "$3" "$2" 10
    within 60 "all are recorded" nobody_waits
    exits 0 as_owabi ledger verify
}
# came_to FOLDER FIRST COUNT: once each, of the hundred that FIRST belongs to.
came_to() { [ "$(grep -rhio "^delivered-to: m${2%??}[0-9][0-9]@" "$1" | sort | uniq -c | grep -c ' 1 ')" = "$3" ]; }

postgresql_elsewhere_is_reached_once_the_network_is_named() {
    begins "PostgreSQL on another machine, with TLS and a credential, and nothing before the network is named"
    local line cluster
    cluster=$(echo "$root"/etc/postgresql/*/main)
    cat >"$cluster/conf.d/far.conf" <<TEXT
listen_addresses = '$FAR'
ssl_cert_file = '/etc/postgresql/far.pem'
ssl_key_file = '/etc/postgresql/far.pem'
TEXT
    echo "hostssl owabi owabi $FAR/32 scram-sha-256" >>"$cluster/pg_hba.conf"
    exits 0 in_machine systemctl restart postgresql
    configure 's|^  url: .*|  url: postgres://owabi@db.example.jp/owabi|; s|^  ca_file: null|  ca_file: authority.pem|; s/^  connect_timeout: .*/  connect_timeout: 2s/'
    configure 's/^  password_credential: null/  password_credential: database-password/'
    in_machine install -m 600 /root/secret /etc/credstore/owabi.database-password
    exits 1 in_machine systemctl restart owabi
    within 30 "it does not reach it" is_logged 'status=69'
    types docs/administrator.md '## The network' "sed -i s/^#IPAddressAllow=192.0.2.25/IPAddressAllow=$FAR/"
    # What a person types gets credentials in this way alone.
    line=$(commands docs/administrator.md '## Upgrade' | sed -n 's/^sudo \(systemd-run .*\) --pty \(.*\) \/usr\/bin\/owabi .*/\1 --quiet --pipe --wait \2/p')
    read -ra person <<<"$line -p LoadCredential=ledger-key:owabi.ledger-key"
    exits 0 as_owabi check --connect
    has "PostgreSQL is reached with TLS" "$said" '^ok database .*PostgreSQL .*, TLS TLSv1'
}

relay_elsewhere_takes_mails_after_tls_and_a_login() {
    begins "a relay on another machine, with STARTTLS and a login"
    in_machine systemd-run --quiet --unit=far-relay --property=StateDirectory=far-relay \
        capture_relay --address $FAR --port 587 --maildir /var/lib/far-relay --starttls /etc/ssl/private/far.pem --account "bounces@example.jp:$SECRET"
    configure 's/^      host: 127.0.0.1 /      host: smtp.example.jp /; s/^      port: [0-9]* /      port: null /; s/^      tls: none /      tls: starttls /'
    configure 's|^      ca_file: null|      ca_file: authority.pem|; s/^      user: null/      user: bounces@example.jp/'
    configure 's/^      password_credential: null/      password_credential: relay-password/'
    types docs/administrator.md '## Passwords and keys' 'cp /root/secret'
    a_small_job_is_sent far.csv 11001 "$root/var/lib/far-relay/new"
}
