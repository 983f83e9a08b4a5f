//! What `evidence export` promises of the ledger, and of two exports one after the other.

use super::{ADDRESSES, association, export, relay, sql, unpacked};
use crate::support::program::Program;
use serde_json::Value;
use std::time::Duration;

/// The entries that tell of an export.
fn exports(ledger: &[u8]) -> Vec<Value> {
    let lines = std::str::from_utf8(ledger).unwrap().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|entry| entry["kind"] == "export").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_does_not_verify_is_not_exported_unless_it_is_asked_for_and_then_the_bundle_says_so() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (bundle, said) = export(&program, "good.zip", &[]);
    assert_eq!((&said["ledger"]["ok"], &said["ledger"]["first_bad"]), (&true.into(), &Value::Null), "{said}");
    assert!(said["ledger"]["head"].as_str().unwrap().starts_with("owabi-head "), "{said}");
    assert!(!String::from_utf8(unpacked(&bundle)["README.txt"].clone()).unwrap().contains("!!"));

    let damage = "DROP TRIGGER attempts_stay_u; UPDATE attempts SET outcome = 'failed' WHERE member_id = 2";
    sql(&program, damage).await;
    let out = program.path("bad.zip");
    let asked = ["evidence", "export", "--notice", crate::support::world::NOTICE, "--out", out.to_str().unwrap()];
    let refused = program.output(&asked);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(words.contains("was changed: kind attempt") && words.contains("--even-if-damaged"), "{words}");
    assert!(!out.exists() && !program.path("bad.zip.part").exists());

    let (bundle, said) = export(&program, "bad.zip", &["--even-if-damaged"]);
    let (ledger, files) = (&said["ledger"], unpacked(&bundle));
    assert_eq!((&ledger["ok"], &ledger["first_bad"]["fault"]), (&false.into(), &"changed".into()), "{said}");
    let readme = String::from_utf8(files["README.txt"].clone()).unwrap();
    let number = &ledger["first_bad"]["number"];
    let why = format!("!! what: entry, fault: changed, number: {number}\n!! {}\n", ledger["head"].as_str().unwrap());
    assert!(readme.starts_with("!! 書き出しの前の検証で") && readme.contains(&why), "{readme}");
    assert!(!readme.contains("M0000"), "a member's number is personal: {readme}");
    assert_eq!(exports(&files["ledger.jsonl"]).len(), 2, "what was refused showed nobody anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_exports_of_one_state_differ_only_in_what_tells_of_the_export() {
    let relay = relay().await;
    let program = association(Program::new(relay.addr().port(), ""), &relay).await;
    let (first, _) = export(&program, "first.zip", &["--full"]);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let (second, said) = export(&program, "second.zip", &["--full"]);
    assert_eq!(said["members"], ADDRESSES.len());
    let (first, second) = (unpacked(&first), unpacked(&second));
    let newest = second.keys().rfind(|name| name.starts_with("seals/")).unwrap().trim_end_matches(".txt");
    let of_the_export =
        ["ledger.jsonl", "MANIFEST", "MANIFEST.sig", &format!("{newest}.sig"), &format!("{newest}.txt")];
    let differ: Vec<&String> = second.keys().filter(|name| first.get(*name) != second.get(*name)).collect();
    assert_eq!(
        differ,
        of_the_export.iter().copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    assert!(first.keys().all(|name| second.contains_key(name)));
    let (before, after) = (&first["ledger.jsonl"], &second["ledger.jsonl"]);
    assert!(after.starts_with(before), "the ledger only grows");
    let more = std::str::from_utf8(&after[before.len()..]).unwrap();
    let told = exports(more.as_bytes());
    assert_eq!((told.len(), more.lines().count()), (1, 1));
    assert!(told[0]["at"].is_i64() && !told[0]["actor"].as_str().unwrap().is_empty(), "who and when: {told:?}");
}
