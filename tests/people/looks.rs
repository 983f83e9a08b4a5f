//! Looks, exports and the configuration in the ledger.

use super::{Office, account, ends};
use crate::support::world::NOTICE;
use serde_json::json;

#[test]
fn every_look_at_members_and_every_export_is_in_the_ledger_before_it_is_shown() {
    let office = Office::new(1).filled();
    for look in [
        &["log", "--notice", NOTICE, "--status", "held"][..],
        &["--json", "log", "--member", "u0@example.jp"],
        &["log", "--csv"],
        &["member", "show", "M00001"],
        &["unreachable", "--notice", NOTICE],
        &["preview", "--notice", NOTICE, "--member", "M00001"],
        &["preview", "--notice", NOTICE, "--member", "M00001", "--out", "letters"],
        &["track", "review"],
    ] {
        ends(&office.run(look), 0, "");
    }
    // A made-up member is nobody.
    ends(&office.run(&["preview", "--notice", NOTICE]), 0, "");
    let said = |kind| -> Vec<String> {
        let entries = office.entries(kind).into_iter();
        entries.map(|(actor, body)| format!("{} {}", actor == account(), body)).collect()
    };
    let log = |notice, member, status| json!({ "notice": notice, "member": member, "status": status, "since": null });
    let shown = |verb: &str, filter: serde_json::Value, rows: i64| {
        format!("true {}", json!({ "verb": verb, "filter": filter, "rows": rows }))
    };
    let preview = json!({ "notice": NOTICE, "member": "#2" });
    let looks = [
        shown("log", log(Some(NOTICE), None, Some("held")), 2),
        shown("log", log(None, Some("(address)"), None), 0),
        shown("member show", json!({ "notice": null, "member": "#2" }), 1),
        shown("unreachable", json!({ "notice": NOTICE }), 0),
        shown("preview", preview.clone(), 1),
        shown("track review", json!({}), 0),
    ];
    assert_eq!(said("look"), looks);
    assert_eq!(
        said("export"),
        [shown("log", log(None::<&str>, None::<&str>, None::<&str>), 2), shown("preview", preview, 1)]
    );
}

#[test]
fn a_look_that_cannot_be_recorded_shows_nothing() {
    let office = Office::new(1).filled();
    office.sql("CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'full'); END");
    for look in [
        &["log"][..],
        &["log", "--csv"],
        &["member", "show", "M00001"],
        &["unreachable", "--notice", NOTICE],
        &["preview", "--notice", NOTICE, "--member", "M00001", "--out", "letters"],
        &["track", "review"],
    ] {
        let output = office.run(look);
        ends(&output, 69, "nothing is shown");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert!(!office.program.path("letters").exists());
}

#[test]
fn a_change_of_the_configuration_is_noted_when_the_service_starts_and_names_the_key() {
    let office = Office::new(1);
    let run = || ends(&office.run(&["run", "--until-idle"]), 0, "");
    run();
    run();
    office.program.configure("stop_timeout: 3s", "stop_timeout: 4s");
    run();
    let entries = office.entries("configuration");
    let changed: Vec<_> = entries.iter().map(|(_, body)| body["changed"].clone()).collect();
    assert_eq!(changed, [json!(null), json!(["dispatch.stop_timeout"])]);
    assert_ne!(entries[0].1["sha256"], entries[1].1["sha256"]);
}

#[test]
fn what_is_shown_before_a_change_and_what_a_backup_takes_along_is_in_the_ledger() {
    let office = Office::new(1).filled();
    let correct = ["member", "correct", "M00000", "--email", "y@example.jp", "--reason", "test", "--dry-run"];
    ends(&office.run(&correct), 0, "");
    let letter =
        ["substitute", "add", "--notice", NOTICE, "--member", "M00000", "--kind", "letter", "--on", "2022-03-02"];
    ends(&office.run(&[&letter[..], &["--yes"]].concat()), 0, "not among those whom mail did not reach");
    ends(&office.run(&["substitute", "revoke", "1", "--reason", "test"]), 2, "confirmation is needed");
    ends(&office.run(&["db", "backup", "copy.db"]), 0, "");
    let shown = |kind| -> Vec<(String, i64)> {
        let entries = office.entries(kind).into_iter();
        entries.map(|(_, body)| (body["verb"].as_str().unwrap().to_owned(), body["rows"].as_i64().unwrap())).collect()
    };
    let looks = ["member correct", "substitute add", "substitute revoke"].map(|verb| (verb.to_owned(), 1));
    assert_eq!(shown("look"), looks);
    assert_eq!(shown("export"), [("db backup".to_owned(), 2)]);
}

#[test]
fn whoever_tries_member_numbers_leaves_a_trace_for_each_also_where_nobody_has_it() {
    let office = Office::new(1).filled();
    office.program.write("list.txt", "M00000\nX99998\n");
    let member = ["--notice", NOTICE, "--member", "X99999"];
    let list = ["--notice", NOTICE, "--file", "list.txt", "--reason", "test"];
    let on = ["--kind", "letter", "--on", "2022-03-02"];
    let tries = [
        (vec!["resolve", "X99999", "--as", "letter", "--reason", "test"], 1),
        (vec!["member", "correct", "X99999", "--email", "y@example.jp", "--reason", "test"], 1),
        (vec!["member", "show", "X99999"], 1),
        // Nor does the ledger keep what is no number.
        (vec!["member", "show", "(X99997)"], 1),
        ([&["preview"][..], &member].concat(), 1),
        ([&["substitute", "add"][..], &member, &on].concat(), 1),
        ([&["withdraw", "--reason", "test"][..], &member].concat(), 65),
        ([&["withdraw"][..], &list].concat(), 65),
    ];
    for (words, code) in &tries {
        ends(&office.run(words), *code, "X9999");
    }
    let entries = office.entries("look").into_iter().map(|(_, body)| body);
    let seen: Vec<_> =
        entries.map(|body| format!("{} {} {}", body["verb"], body["rows"], body["filter"]["member"])).collect();
    let nobody = ["resolve", "member correct", "member show", "member show", "preview", "substitute add", "withdraw"];
    let wanted: Vec<_> = nobody.iter().map(|verb| format!("\"{verb}\" 0 \"(nobody)\"")).collect();
    assert_eq!(seen, [wanted, vec!["\"withdraw\" 1 null".to_owned()]].concat());
}
