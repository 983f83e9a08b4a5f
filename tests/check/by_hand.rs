//! `check` as a person types it, without connecting: what it cannot see, and what it can.

use super::set_relay;
use crate::support::site::{NOTICE, Site, owabi};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// The one problem with these words.
#[track_caller]
fn told<'a>(said: &'a Value, words: &str) -> &'a Value {
    let found = said["problems"].as_array().unwrap().iter();
    let found: Vec<&Value> = found.filter(|problem| problem["message"].as_str().unwrap().contains(words)).collect();
    assert_eq!(found.len(), 1, "{words:?}: {said:#}");
    found[0]
}

#[test]
fn a_credential_that_only_the_service_has_is_not_seen_from_here_and_no_mistake() {
    let site = Site::new();
    set_relay(&site, "host: localhost, user: owabi, password_credential: relay-password");
    site.run(&["check"]).exits(0);
    let text = site.read("owabi.yaml");
    let more = "receipts: { imap: { host: localhost, user: owabi, password_credential: imap-password } }\n\
                ledger: { key_credential: ledger-key }\n";
    site.write("owabi.yaml", &format!("{text}{more}"));
    let said = site.run(&["--json", "check"]).exits(0).json();
    for (at, name) in [
        ("smtp.relays[0].password_credential", "relay-password"),
        ("receipts.imap.password_credential", "imap-password"),
        ("ledger.key_credential", "ledger-key"),
    ] {
        let one = told(&said, at);
        let words = one["message"].as_str().unwrap();
        assert!(one["warning"] == json!(true) && words.contains(name) && words.contains("not seen from here"), "{one}");
    }
    // Who connects, or sends, needs them.
    let said = site.run(&["check", "--connect"]).exits(78);
    assert!(said.stdout.contains("$CREDENTIALS_DIRECTORY is not set"), "{}", said.stdout);
    let said = site.run(&["run", "--until-idle"]).exits(78);
    assert!(said.stderr.contains("$CREDENTIALS_DIRECTORY is not set"), "{}", said.stderr);
}

#[test]
fn a_credential_that_was_passed_is_looked_at_and_a_file_that_is_missing_is_a_mistake() {
    let site = Site::new();
    set_relay(&site, "host: localhost, user: owabi, password_credential: relay-password");
    let look = || site.command(&["check"]).env("CREDENTIALS_DIRECTORY", site.path("")).output().unwrap();
    assert_eq!(look().status.code(), Some(78));
    site.write("relay-password", "secret");
    assert_eq!(look().status.code(), Some(0));
    set_relay(&site, "host: localhost, user: owabi, password_file: gone");
    site.run(&["check"]).exits(78);
}

#[test]
fn with_files_alone_a_mistake_is_found_and_no_database_opened() {
    let site = Site::new();
    site.run(&["db", "migrate"]).exits(0);
    std::fs::write(site.path("owabi.db"), "this is no database").unwrap();
    site.run(&["check"]).exits(78);
    let said = site.run(&["--json", "check", "--files"]).exits(0).json();
    assert_eq!(said["database"], Value::Null);
    set_relay(&site, "host: localhost, user: owabi, password_file: gone");
    told(&site.run(&["--json", "check", "--files"]).exits(78).json(), "gone");
    site.run(&["check", "--files", "--connect"]).exits(2);
}

#[test]
fn members_names_that_would_travel_in_the_clear_over_a_network_are_warned_of() {
    let site = Site::new();
    let words = "members' names and mail addresses travel in the clear";
    set_relay(&site, "host: 192.0.2.1, tls: none");
    site.edit("owabi.yaml", "level: error", "level: warn");
    assert_eq!(told(&site.run(&["--json", "check"]).exits(0).json(), words)["warning"], true);
    assert!(site.run(&["run", "--until-idle"]).exits(0).stderr.contains(words));
    site.edit("owabi.yaml", "192.0.2.1", "127.0.0.1");
    assert!(!site.run(&["check"]).exits(0).stdout.contains(words));
    assert!(!site.run(&["run", "--until-idle"]).exits(0).stderr.contains(words));
}

#[test]
fn a_file_of_authorities_without_a_certificate_is_refused_before_anything_is_sent() {
    let site = Site::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
    site.write("password", "secret");
    std::fs::set_permissions(site.path("password"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let imap = "receipts: { imap: { host: localhost, user: owabi, password_file: password, ca_file: ca.pem } }\n";
    for (at, relay, more) in [
        ("smtp.relays[0].ca_file", "host: localhost, ca_file: ca.pem", ""),
        ("receipts.imap.ca_file", "host: localhost", imap),
    ] {
        set_relay(&site, relay);
        let text = site.read("owabi.yaml");
        site.write("owabi.yaml", &format!("{text}{more}"));
        for wrong in ["", "no PEM", &key.serialize_pem()] {
            site.write("ca.pem", wrong);
            let said = site.run(&["--json", "check"]).exits(78).json();
            let one = told(&said, "there is no certificate in");
            assert!(one["message"].as_str().unwrap().contains(at), "{one}");
            site.run(&["check", "--files"]).exits(78);
            let said = site.run(&["run", "--until-idle"]).exits(78);
            assert!(said.stderr.contains("(PEM, BEGIN CERTIFICATE)"), "{}", said.stderr);
            let said = site.run(&["--lang", "ja", "check"]).exits(78);
            assert!(said.stdout.contains("ca.pem に証明書がありません。"), "{}", said.stdout);
        }
        site.write("ca.pem", &certificate);
        site.run(&["check"]).exits(0);
    }
    // Of the database's it is found without connecting, too.
    site.write("ca.pem", &key.serialize_pem());
    set_relay(&site, "host: localhost");
    let database = "url: \"postgres://owabi@192.0.2.1/owabi\", tls: verify-full, ca_file: ca.pem";
    site.edit("owabi.yaml", "url: \"sqlite:owabi.db\"", database);
    told(&site.run(&["--json", "check"]).exits(78).json(), "database.ca_file: ");
}

#[test]
fn an_address_that_this_machine_does_not_have_is_told_before_run_ends_with_it() {
    let site = Site::new();
    let text = site.read("owabi.yaml");
    let words = "seems to be no address of this machine";
    site.write("owabi.yaml", &format!("{text}health: {{ listen: \"192.0.2.9:18025\" }}\n"));
    assert_eq!(told(&site.run(&["--json", "check"]).exits(0).json(), words)["warning"], true);
    // An address of its own is no matter, also while the daemon has the port.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = taken.local_addr().unwrap();
    site.write("owabi.yaml", &format!("{text}health: {{ listen: \"{own}\" }}\n"));
    assert!(!site.run(&["check"]).exits(0).stdout.contains(words));
}

#[test]
fn a_roster_named_as_the_configuration_is_not_shown() {
    let site = Site::new();
    let roster = site.path("samples/payments.csv");
    for lang in ["ja", "en"] {
        let said = owabi(&["--lang", lang, "--config", roster.to_str().unwrap(), "check"]).exits(78);
        let shown = format!("{}{}", said.stdout, said.stderr);
        assert!(shown.contains('…') && !shown.contains("example.jp") && shown.chars().count() < 500, "{shown}");
    }
}

#[test]
fn a_damaged_key_is_to_be_put_back_and_an_empty_password_is_called_empty() {
    let site = Site::new();
    site.import("samples/payments.csv", &[]).exits(0);
    let key = site.read("owabi.key");
    site.write("owabi.key", "not a key");
    let said = site.run(&["preview", "--notice", NOTICE]).exits(78);
    assert!(said.stderr.contains("make no new key, but put back the copy"), "{}", said.stderr);
    let said = site.run(&["--lang", "ja", "check"]).exits(78);
    assert!(said.stdout.contains("新しい鍵は作らず"), "{}", said.stdout);
    site.write("owabi.key", &key);
    site.write("password", "");
    std::fs::set_permissions(site.path("password"), std::fs::Permissions::from_mode(0o600)).unwrap();
    set_relay(&site, "host: localhost, user: owabi, password_file: password");
    for (lang, words) in [("ja", "password: 空です。"), ("en", "password: is empty")] {
        let said = site.run(&["--lang", lang, "check"]).exits(78);
        assert!(said.stdout.contains(words), "{}", said.stdout);
    }
}
