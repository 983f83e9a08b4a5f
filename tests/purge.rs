//! The end of personal data: it goes, what proves stays.

use crate::evidence::{ADDRESSES, association, export, relay, sql, verify};
use crate::support::postgres::Server;
use crate::support::program::Program;
use crate::support::world::NOTICE;
use std::path::Path;

/// What a purge takes away.
const PERSONAL: [&str; 8] = [
    "山田",
    "before@example.jp",
    "after@example.jp",
    "abc..def@docomo.ne.jp",
    "again@example.jp",
    "telephoned",
    "parents",
    "is busy",
];

/// The words that a file of the database, or its write-ahead log, still holds.
fn held(file: &Path) -> Vec<&'static str> {
    let content = std::fs::read(file).unwrap_or_default();
    let holds = |word: &&str| content.windows(word.len()).any(|part| part == word.as_bytes());
    PERSONAL.into_iter().filter(holds).collect()
}

async fn purged(program: Program) -> Program {
    let relay = relay().await;
    program.configure(&format!("port: {}", 1), &format!("port: {}", relay.addr().port()));
    let program = association(program, &relay).await;
    sql(&program, "INSERT INTO arrivals (sha256, at, source, kind, state, member_id, sender, subject, size, content, updated_at)
        SELECT 'a1', 1, 'maildir:/b', 'bounce', 'matched', id, 'after@example.jp', 'parents', 1, 'telephoned', 1 FROM affected_members
        WHERE member_no = 'M00000'; INSERT INTO findings SELECT id, 2, 'typo', 'M00000', 'before@example.jp' FROM batches WHERE kind = 'import'")
    .await;
    let (earlier, _) = export(&program, "earlier.zip", &["--full"]);
    let log = program.log();
    let said = program.json(&["purge", "--notice", NOTICE, "--dry-run"]);
    assert_eq!((&said["counts"]["members"], &said["purged"]), (&4.into(), &false.into()), "{said}");
    let refused = program.output(&["purge", "--notice", NOTICE, "--yes"]);
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.status.code() == Some(1) && why.contains("sets no retention"), "{why}");
    let said = program.json(&["purge", "--notice", NOTICE, "--early", "--reason", "its time is over", "--yes"]);
    assert_eq!((&said["counts"]["intents"], &said["purged"]), (&6.into(), &true.into()), "{said}");
    let left = program.json(&["purge", "--notice", NOTICE, "--dry-run"]);
    assert!(left["counts"].as_object().unwrap().values().all(|count| *count == 0), "{left}");

    // The proof stays.
    assert!(verify(&program, &earlier, &[]).0);
    assert_eq!(program.json(&["ledger", "verify"])["ok"], true);
    let (after, _) = export(&program, "after.zip", &[]);
    let (good, verdict) = verify(&program, &after, &[]);
    assert!(good, "{verdict}");
    let (after, _) = export(&program, "after-full.zip", &["--full"]);
    let (good, verdict) = verify(&program, &after, &[]);
    assert!(good && verdict["mails_rebuilt"] == 0, "{verdict}");
    for asked in ["before@example.jp", "after@example.jp", "\"abc..def\"@docomo.ne.jp", ADDRESSES[2]] {
        let said = program.json(&["evidence", "asked", "--notice", NOTICE, "--email", asked]);
        assert_eq!(said["told"], true, "{asked}: {said}");
        assert!(said["members"][0]["mails"][0]["text"].is_string(), "{said}");
    }
    let member = program.json(&["evidence", "member", "M00000"]);
    assert!(member["notices"][0]["mails"][0]["proof"].is_object(), "{member}");

    // What people look at goes on.
    assert_eq!(program.log().len(), log.len());
    for arguments in [&["member", "show", "M00001"][..], &["log"], &["unreachable", "--notice", NOTICE], &["status"]] {
        let output = program.output(arguments);
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        assert!(output.status.success() && !text.contains("keyed:"), "{arguments:?}: {text}");
        assert!(PERSONAL.iter().all(|word| !text.contains(word)), "{arguments:?}: {text}");
    }
    assert!(String::from_utf8(program.output(&["member", "show", "M00001"]).stdout).unwrap().contains("(purged)"));
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_the_proof_stands_and_neither_file_nor_write_ahead_log_holds_a_name_or_address_on_sqlite() {
    let program = purged(Program::new(1, "")).await;
    for name in ["owabi.db", "owabi.db-wal"] {
        assert_eq!(held(&program.path(name)), Vec::<&str>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_the_proof_stands_and_no_row_holds_a_name_or_address_on_postgres() {
    let database = Server::shared().database();
    let program = purged(Program::new(1, "").on(&database)).await;
    for table in [
        "affected_members",
        "intents",
        "attempts",
        "receipts",
        "corrections",
        "substitutes",
        "arrivals",
        "findings",
        "batches",
    ] {
        let rows = database.psql(&format!("SELECT COALESCE(string_agg(t::text, ' '), '') FROM {table} t"));
        assert!(PERSONAL.iter().all(|word| !rows.contains(word)), "{table}: {rows}");
    }
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_waits_for_open_rows_for_a_legal_hold_and_for_the_end_of_the_retention() {
    let relay = relay().await;
    let program = Program::new(relay.addr().port(), "");
    let notice = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
    program.write("notices/leak.yaml", &format!("{notice}retention: 365d\n"));
    let program = association(program, &relay).await;
    let refused = |arguments: &[&str]| {
        let output = program.output(&[&["purge", "--notice", NOTICE, "--yes"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&[]).contains("is to be kept until"));
    let early = ["--early", "--reason", "they asked for it"];
    program.json(&["hold", "set", NOTICE, "--reason", "claim 17"]);
    assert!(refused(&early).contains("under a legal hold: claim 17"));
    assert_eq!(program.json(&["status"])["notices"][0]["legal_hold"], "claim 17");
    program.json(&["hold", "lift", NOTICE, "--reason", "settled"]);
    sql(&program, "UPDATE affected_members SET status = 'in_doubt', due_at = NULL WHERE member_no = 'M00003'").await;
    assert!(refused(&early).contains("1 members of leak are held, queued, being sent or in doubt"));
    sql(&program, "UPDATE affected_members SET status = 'accepted' WHERE member_no = 'M00003'").await;
    let said = program.json(&[&["purge", "--notice", NOTICE, "--yes"], &early[..]].concat());
    assert_eq!(said["purged"], true);
    let entries = program.json(&["ledger", "show", "--notice", NOTICE, "--kind", "purge"]);
    assert!(entries.to_string().contains("they asked for it"), "{entries}");
    let again = program.output(&["resend", "--notice", NOTICE, "--status", "failed", "--reason", "again", "--yes"]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1), "{said}");
    assert!(said.contains("was purged"), "{said}");

    // Nothing personal comes to it again.
    let letter = [
        "substitute",
        "add",
        "--notice",
        NOTICE,
        "--member",
        "M00001",
        "--kind",
        "letter",
        "--on",
        "2022-03-03",
        "--yes",
    ];
    for refused in [
        &["import", "roster.csv", "--notice", NOTICE, "--yes"][..],
        &["member", "correct", "M00001", "--email", "new@example.jp", "--reason", "telephone", "--yes"],
        &["release", NOTICE, "--yes"],
        &["resume", NOTICE],
        &[&letter[..], &["--note", "to her parents"]].concat(),
    ] {
        let output = program.output(refused);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("was purged"), "{refused:?}: {said}");
    }
    let finished = program.json(&["purge", "--notice", NOTICE, "--yes"]);
    assert!(finished["purged"] == true && finished["counts"].as_object().unwrap().values().all(|count| *count == 0));
}

/// Why a purge that is not early is refused: until when the notice is kept.
fn kept_until(program: &Program) -> String {
    let output = program.output(&["purge", "--notice", NOTICE, "--yes"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said.split_once("is to be kept until ").unwrap().1.chars().take(10).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_retention_that_was_released_and_the_one_in_the_file_the_longer_one_counts() {
    let relay = relay().await;
    let program = Program::new(relay.addr().port(), "");
    let notice = std::fs::read_to_string(program.path("notices/leak.yaml")).unwrap();
    let retain = |days: &str| drop(program.write("notices/leak.yaml", &format!("{notice}{days}")));
    retain("retention: 365d\n");
    program
        .import(&program.write("roster.csv", &crate::support::program::roster(&crate::support::world::addresses(2))));
    program.release();
    program.json(&["run", "--until-idle"]);
    let released = kept_until(&program);
    retain("retention: 3650d\n");
    let longer = kept_until(&program);
    assert!(longer > released, "{longer} {released}");
    for shorter in ["retention: 1d\n", ""] {
        retain(shorter);
        assert_eq!(kept_until(&program), released, "whoever shortens the file does not shorten what was released");
    }
    std::fs::remove_file(program.path("notices/leak.yaml")).unwrap();
    assert_eq!(kept_until(&program), released, "nor whoever takes it away");
}

#[test]
fn every_notice_that_init_writes_is_kept_for_five_years() {
    let site = crate::support::site::Site::new();
    let notices = std::fs::read_dir(site.path("notices")).unwrap().map(|entry| entry.unwrap().path());
    let kept: Vec<bool> = notices
        .map(|file| std::fs::read_to_string(file).unwrap().lines().any(|line| line == "retention: 1825d"))
        .collect();
    assert!(kept.len() >= 3 && kept.iter().all(|kept| *kept), "{kept:?}");
}
