//! `check` as a person types it, without connecting: what it cannot see, and what it can.

use super::set_relay;
use crate::support::site::Site;
use serde_json::{Value, json};

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
    let words = "members' names and addresses travel in the clear";
    set_relay(&site, "host: 192.0.2.1, tls: none");
    site.edit("owabi.yaml", "level: error", "level: warn");
    assert_eq!(told(&site.run(&["--json", "check"]).exits(0).json(), words)["warning"], true);
    assert!(site.run(&["run", "--until-idle"]).exits(0).stderr.contains(words));
    site.edit("owabi.yaml", "192.0.2.1", "127.0.0.1");
    assert!(!site.run(&["check"]).exits(0).stdout.contains(words));
    assert!(!site.run(&["run", "--until-idle"]).exits(0).stderr.contains(words));
}
