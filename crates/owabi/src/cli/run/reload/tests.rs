use super::*;
use crate::config::{COMMENTED, Environment, commented_keys};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn what_is_open_while_owabi_runs_asks_for_a_restart_with_its_line_and_the_rest_may_change() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("owabi.yaml");
    let relays = "smtp: { relays: [{ name: main, host: r.example.jp }], bounce: { address: b@example.jp } }";
    let read = |more: &str| {
        let text = format!("{relays}\n{more}\n");
        std::fs::write(&file, &text).unwrap();
        Config::read(&file, &text, &Environment::default()).unwrap()
    };
    let in_use = read("");
    let other = read(
        "log: { level: debug }\nalerts: { mail: [o@example.jp], daily: \"09:00\" }\ndispatch: { poll: 2s }\npacing: { presets: none }",
    );
    assert_eq!(fixed(&in_use, &other), Vec::<String>::new());
    let other = read("language: en\nhealth:\n  listen: :8025\ndatabase: { readers: 9 }\nlog: { format: json }");
    let said = fixed(&in_use, &other);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].contains("owabi.yaml:5: database.readers: ") && said[0].contains("restart"), "{said:?}");
    assert!(said[1].contains("owabi.yaml:4: health.listen: "), "{said:?}");
    assert!(said[2].contains("owabi.yaml:6: log.format: "), "{said:?}");
}

/// A key, another value than its default, and what that value needs beside it.
type Other = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const USER: &[(&str, &str)] = &[("smtp.relays[0].user", "u")];

/// The keys that ask for a restart.
const RESTART: &[Other] = &[
    ("database.url", "sqlite:other.db", &[]),
    ("database.busy_timeout", "11s", &[]),
    ("database.readers", "5", &[]),
    ("database.password_file", "p", &[]),
    ("database.password_credential", "p", &[]),
    ("database.tls", "verify-full", &[]),
    ("database.ca_file", "ca.pem", &[]),
    ("database.client_cert", "c.pem", &[("database.client_key", "k.pem")]),
    ("database.client_key", "k.pem", &[("database.client_cert", "c.pem")]),
    ("database.pool", "9", &[]),
    ("database.statement_timeout", "31s", &[]),
    ("database.connect_timeout", "11s", &[]),
    ("keys.file", "other.key", &[]),
    ("ledger.key_file", "other.key", &[]),
    ("ledger.key_credential", "k", &[]),
    ("dispatch.spool", "other.spool", &[]),
    ("health.listen", "127.0.0.1:8025", &[]),
    ("log.format", "json", &[]),
];

/// The keys that a reload takes: what reads them is made in `Place::work`, from the configuration that it is given. `Place` and
/// what stands beside it outlive a configuration and have only what [`RESTART`] names.
const RELOAD: &[Other] = &[
    ("language", "en", &[]),
    ("notices.dir", "others", &[]),
    ("notices.templates", "others", &[]),
    ("smtp.relays[].name", "other", &[]),
    ("smtp.relays[].host", "other.example.jp", &[]),
    ("smtp.relays[].port", "2525", &[]),
    ("smtp.relays[].tls", "implicit", &[]),
    ("smtp.relays[].ca_file", "ca.pem", &[]),
    ("smtp.relays[].server_name", "other.example.jp", &[]),
    ("smtp.relays[].helo", "other.example.jp", &[]),
    ("smtp.relays[].user", "u", &[("smtp.relays[0].password_file", "p")]),
    ("smtp.relays[].password_file", "p", USER),
    ("smtp.relays[].password_credential", "p", USER),
    ("smtp.relays[].auth_without_tls", "true", &[]),
    ("smtp.relays[].weight", "2", &[]),
    ("smtp.relays[].max_connections", "11", &[]),
    ("smtp.relays[].messages_per_connection", "101", &[]),
    ("smtp.relays[].in_flight", "3", &[]),
    ("smtp.relays[].chunking", "false", &[]),
    ("smtp.relays[].rate", "7", &[]),
    ("smtp.deadlines.connect", "31s", &[]),
    ("smtp.deadlines.greeting", "6m", &[]),
    ("smtp.deadlines.ehlo", "6m", &[]),
    ("smtp.deadlines.tls", "2m", &[]),
    ("smtp.deadlines.auth", "2m", &[]),
    ("smtp.deadlines.mail", "6m", &[]),
    ("smtp.deadlines.rcpt", "6m", &[]),
    ("smtp.deadlines.data", "3m", &[]),
    ("smtp.deadlines.body", "4m", &[]),
    ("smtp.deadlines.dot", "6m", &[]),
    ("smtp.bounce.address", "others@example.jp", &[]),
    ("smtp.notify_success", "true", &[]),
    ("dispatch.claim", "400", &[]),
    ("dispatch.lease", "11m", &[]),
    ("dispatch.stop_timeout", "2m", &[]),
    ("dispatch.backoff_first", "6s", &[]),
    ("dispatch.backoff_max", "6m", &[]),
    ("dispatch.poll", "2s", &[]),
    ("retry.first", "6m", &[]),
    ("retry.max", "5h", &[]),
    ("retry.attempts", "13", &[]),
    ("retry.deadline", "6d", &[]),
    ("retry.jitter", "none", &[]),
    ("pacing.presets", "none", &[]),
    ("pacing.domains", "[{ domain: docomo.ne.jp, rate: 1 }]", &[]),
    ("receipts.maildir", "bounces", &[]),
    ("receipts.imap.host", "h", &[("receipts.imap.user", "u"), ("receipts.imap.password_file", "p")]),
    ("receipts.imap.port", "1143", &[]),
    ("receipts.imap.tls", "starttls", &[]),
    ("receipts.imap.ca_file", "ca.pem", &[]),
    ("receipts.imap.server_name", "other.example.jp", &[]),
    ("receipts.imap.user", "u", &[]),
    ("receipts.imap.password_file", "p", &[]),
    ("receipts.imap.password_credential", "p", &[]),
    ("receipts.imap.auth_without_tls", "true", &[]),
    ("receipts.imap.folder", "Bounces", &[]),
    ("receipts.imap.processed", "done", &[]),
    ("receipts.imap.review", "look", &[]),
    ("receipts.imap.idle", "false", &[]),
    ("receipts.maillog", "mail.log", &[]),
    ("receipts.journal", "true", &[]),
    ("receipts.poll", "31s", &[]),
    ("receipts.quiet", "6d", &[]),
    ("receipts.patience", "2d", &[]),
    ("receipts.relayed_is_delivered", "false", &[]),
    ("alerts.mail", "[operator@example.jp]", &[]),
    ("alerts.from", "others@example.jp", &[]),
    ("alerts.command", "tell.sh", &[]),
    ("alerts.daily", "\"09:00\"", &[("alerts.mail", "[operator@example.jp]")]),
    ("log.level", "debug", &[]),
    ("test_send.allow", "[operator@example.jp]", &[]),
];

/// The configuration with every key, and these values in it.
fn with(values: &[(&str, &str)]) -> Config {
    let variable = |key: &str| format!("OWABI_{}", key.replace("[0]", ".0").replace('.', "__").to_uppercase());
    let environment = Environment::of(values.iter().map(|(key, value)| (variable(key), *value)));
    Config::read(Path::new("/nowhere/owabi.yaml"), COMMENTED, &environment).unwrap()
}

#[test]
fn every_key_is_known_to_ask_for_a_restart_or_to_be_taken_by_a_reload() {
    let known: Vec<_> = RESTART.iter().chain(RELOAD).map(|(key, ..)| (*key).to_owned()).collect();
    let all = commented_keys().into_iter().filter(|key| !key.default.is_empty()).map(|key| key.path);
    let all: BTreeSet<String> = all.collect();
    assert_eq!(known.len(), all.len());
    assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), all, "say of a new key what a reload does with it");
    for (list, restart) in [(RESTART, true), (RELOAD, false)] {
        for (key, value, beside) in list {
            let key = key.replace("[]", "[0]");
            let (before, after) = (with(&[]), with(&[&[(key.as_str(), *value)], *beside].concat()));
            let changed = configuration::changed(&before, &after);
            assert!(changed.iter().any(|name| name.starts_with(&key)), "{key}: {changed:?}");
            let refused = fixed(&before, &after);
            assert_eq!(refused.len(), if restart { changed.len() } else { 0 }, "{key}: {refused:?}");
        }
    }
}
