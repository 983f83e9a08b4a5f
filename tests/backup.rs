//! `db backup` while the daemon sends, and what happens when an older backup is put back.

use crate::support::audit;
use crate::support::program::{Program, roster};
use crate::support::site::mode;
use crate::support::world::{addresses, eventually, holds_after};
use owabi::config::load_or_create_key;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::json;
use std::process::{Command, Output};
use std::time::Duration;

/// The point at which the relay holds still.
const HALF: &str = "half";

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[track_caller]
fn ends(output: &Output, code: i32, words: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?}: {said}");
}

fn names(program: &Program, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(program.path(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Puts a backup in the place of the queue's file.
fn restore(program: &Program, backup: &str) {
    for name in ["owabi.db", "owabi.db-wal", "owabi.db-shm"] {
        let _ = std::fs::remove_file(program.path(name));
    }
    std::fs::copy(program.path(backup), program.path("owabi.db")).unwrap();
}

/// A relay that confirms half of two hundred mails, and the others only when it is released.
async fn slow_relay() -> CaptureRelay {
    let (rtt, script) = (Duration::from_millis(10), holds_after(100, HALF));
    CaptureRelay::start(CaptureOptions { rtt, script, ..CaptureOptions::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_mails_leave_is_one_whole_private_state_and_overwrites_nothing() {
    let relay = slow_relay().await;
    let program = Program::released(relay.addr().port(), "", &addresses(200));
    let running = program.start(&["run"]);
    let told = async || program.rows().await.iter().any(|row| row.status == Status::Accepted);
    assert!(eventually(&told).await, "{}", program.said());
    let backup = program.json(&["db", "backup", "copy.db"]);
    assert!(relay.stats().mails < 200, "it sends meanwhile");
    assert_eq!(
        (&backup["members"], &backup["file"], mode(&program.path("copy.db"))),
        (&json!(200), &json!("copy.db"), 0o600)
    );
    assert!(backup["seal"]["number"].as_i64() >= Some(1) && backup["bytes"].as_u64() > Some(10_000), "{backup}");
    let beside: Vec<_> = backup["not_in_it"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    assert!(beside[0].ends_with("owabi.key") && beside[1].ends_with("ledger.key"), "{backup}");
    let url = format!("sqlite:{}", program.path("copy.db").display());
    let rows = audit::rows(&url).await;
    let accepted = rows.iter().filter(|row| row.status == Status::Accepted).count();
    assert!(rows.len() == 200 && (1..200).contains(&accepted), "{accepted}");
    let before = std::fs::read(program.path("copy.db")).unwrap();
    ends(&program.output(&["db", "backup", "copy.db"]), 1, &["copy.db exists already"]);
    assert!(std::fs::read(program.path("copy.db")).unwrap() == before);
    relay.release(HALF);
    assert!(running.terminate().success());
    let kinds = program.json(&["ledger", "show"]).to_string();
    assert!(kinds.contains("\"backup\"") && kinds.contains("\"export\""), "{kinds}");
}

#[test]
fn keep_removes_older_backups_of_this_queue_alone() {
    let program = Program::released(1, "", &addresses(1));
    std::fs::create_dir(program.path("kept")).unwrap();
    let first = program.json(&["db", "backup", "kept"]);
    let name = names(&program, "kept").remove(0);
    assert_eq!((&first["file"], &first["removed"]), (&json!(format!("kept/{name}")), &json!([])));
    // owabi-QUEUE-DAY-TIME.db
    let queue = &name[.."-20220302-090000.db".len().abs_diff(name.len())];
    let mine = [20_190_101, 20_200_101, 20_210_101].map(|day| format!("{queue}-{day}-000000.db"));
    let others = ["owabi-other-20200101-000000.db", "notes.txt", &format!("{queue}-mine.db")].map(str::to_owned);
    for name in mine.iter().chain(&others) {
        program.write(&format!("kept/{name}"), "x");
    }
    std::thread::sleep(Duration::from_millis(1_100));
    let removed = program.json(&["db", "backup", "kept", "--keep", "3"])["removed"].clone();
    assert_eq!(removed, json!([format!("kept/{}", mine[0]), format!("kept/{}", mine[1])]));
    let left = names(&program, "kept");
    assert!(others.iter().chain([&mine[2], &name]).all(|name| left.contains(name)) && left.len() == 6, "{left:?}");
    ends(&program.output(&["db", "backup", "copy.db", "--keep", "3"]), 2, &["--keep needs a folder"]);
    ends(&program.output(&["db", "backup", "kept", "--keep", "0"]), 2, &[]);
}

#[test]
fn a_backup_that_cannot_be_written_is_not_there_at_all() {
    let program = Program::released(1, "", &addresses(300));
    ends(
        &program.output(&["db", "backup", "nowhere/copy.db"]),
        1,
        &["nowhere/copy.db cannot be written", "its folder"],
    );
    let command = program.command(&["db", "backup", "copy.db"]);
    let mut shell = Command::new("/bin/sh");
    // No file may become longer than 64 KiB.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear().current_dir(program.path(""));
    ends(&shell.output().unwrap(), 1, &["no copy was made at copy.db", "doctor --deep"]);
    assert!(names(&program, "").iter().all(|name| !name.contains("copy")), "{:?}", names(&program, ""));
}

/// What makes members due, or adds some, waits until a person has said that the older copy was meant; what looks does not.
fn refuses_what_would_send(program: &Program) {
    for arguments in [
        &["import", "roster.csv", "--notice", "leak", "--yes"][..],
        &["import", "roster.csv", "--notice", "leak", "--dry-run"],
        &["release", "leak", "--yes"],
        &["resume", "leak"],
        &["resend", "--notice", "leak", "--status", "failed", "--reason", "again", "--yes"],
    ] {
        ends(&program.output(arguments), 78, &["older than what was sealed last", "accept-restored"]);
    }
    for arguments in [&["status"][..], &["log"], &["pause", "leak"]] {
        ends(&program.output(arguments), 0, &[]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_twice_after_an_older_backup_was_put_back_until_a_person_says_that_it_was_meant() {
    for sealed in [false, true] {
        an_older_backup_put_back(sealed).await;
    }
}

/// Whether the copy has a seal already.
async fn an_older_backup_put_back(sealed: bool) {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::new(relay.addr().port(), "");
    if sealed {
        let _as_init_does = load_or_create_key(&program.path("ledger.key"), true).unwrap();
    }
    program.import(&program.write("roster.csv", &roster(&addresses(2))));
    program.release();
    program.json(&["db", "backup", "copy.db"]);
    program.json(&["run", "--until-idle"]);
    let noted = std::fs::read_to_string(program.path("ledger.key.head")).unwrap();
    restore(&program, "copy.db");
    for arguments in [&["run", "--until-idle"][..], &["run"], &["run", "--migrate", "--until-idle"]] {
        let words = ["older than what was sealed last", "ledger.key.head", "owabi pause ID", "accept-restored"];
        ends(&program.output(arguments), 78, &words);
    }
    ends(&program.output(&["check"]), 78, &["older than what was sealed last"]);
    refuses_what_would_send(&program);
    assert_eq!(relay.stats().mails, 2, "nobody was told twice");
    ends(&program.output(&["db", "accept-restored"]), 2, &["Is everybody withdrawn", "nothing was changed"]);
    // Whoever was sent to since the backup is left out first.
    program.json(&["pause", "leak", "--reason", "restored"]);
    let list = roster(&addresses(2));
    program.write("list.csv", &list);
    program.json(&["withdraw", "--notice", "leak", "--file", "list.csv", "--reason", "sent after the backup", "--yes"]);
    let accepted = program.json(&["db", "accept-restored", "--yes"]);
    assert_eq!(accepted["accepted"], json!(true), "{accepted}");
    assert_eq!(std::fs::read_to_string(program.path("ledger.key.head.before-restore")).unwrap(), noted);
    program.json(&["resume", "leak"]);
    program.json(&["run", "--until-idle"]);
    assert_eq!(relay.stats().mails, 2);
    ends(&program.output(&["ledger", "verify"]), 0, &[]);
    ends(&program.output(&["ledger", "verify", "--head", "ledger.key.head.before-restore"]), 1, &["seal"]);
    let restored = program.json(&["ledger", "show", "--kind", "restored"]).to_string();
    assert!(restored.contains("missing"), "{restored}");
    assert_eq!(program.json(&["db", "accept-restored", "--yes"])["accepted"], json!(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_twice_by_a_copy_that_came_to_another_machine_with_its_keys_until_a_person_says_that_it_was_meant()
 {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::new(relay.addr().port(), "");
    let _as_init_does = load_or_create_key(&program.path("ledger.key"), true).unwrap();
    program.import(&program.write("roster.csv", &roster(&addresses(2))));
    program.release();
    program.json(&["db", "backup", "copy.db"]);
    program.json(&["run", "--until-idle"]);
    let machine = Program::new(relay.addr().port(), "");
    for (from, to) in [("copy.db", "owabi.db"), ("owabi.key", "owabi.key"), ("ledger.key", "ledger.key")] {
        std::fs::copy(program.path(from), machine.path(to)).unwrap();
    }
    let words = ["none of them is noted in", "ledger.key.head", "owabi pause ID", "accept-restored"];
    ends(&machine.output(&["run", "--until-idle"]), 78, &words);
    ends(&machine.output(&["check"]), 78, &words[..2]);
    ends(&machine.output(&["doctor"]), 1, &words[..2]);
    ends(&machine.output(&["status"]), 0, &words[..2]);
    // No verb that seals at its end notes a head by the way.
    ends(&machine.output(&["pause", "leak", "--reason", "another machine"]), 0, &[]);
    ends(&machine.output(&["resume", "leak"]), 78, &words[..2]);
    assert!(!machine.path("ledger.key.head").exists());
    machine.write("list.csv", &roster(&addresses(1)));
    machine.json(&["withdraw", "--notice", "leak", "--file", "list.csv", "--reason", "sent after the copy", "--yes"]);
    let accepted = machine.json(&["db", "accept-restored", "--yes"]);
    assert_eq!((&accepted["accepted"], &accepted["missing"]), (&json!(true), &json!(null)), "{accepted}");
    assert_eq!(mode(&machine.path("ledger.key.head")), 0o600);
    assert_eq!(machine.json(&["db", "accept-restored", "--yes"])["accepted"], json!(false));
    machine.json(&["resume", "leak"]);
    machine.json(&["run", "--until-idle"]);
    assert_eq!(relay.stats().mails, 3, "the one who was not left out, and nobody else");
    ends(&machine.output(&["ledger", "verify"]), 0, &[]);
}

#[test]
fn a_run_whose_seals_cannot_be_noted_does_not_begin_and_nothing_is_sealed() {
    let program = Program::new(1, "ledger: { key_file: keys/ledger.key }\n");
    let note = program.path("keys/ledger.key.head");
    std::fs::create_dir_all(program.path("keys")).unwrap();
    let _as_init_does = load_or_create_key(&program.path("keys/ledger.key"), true).unwrap();
    program.json(&["db", "migrate"]);
    std::fs::create_dir(&note).unwrap();
    // Without a note nothing is sealed, or the queue would look like one of another machine.
    program.import(&program.write("roster.csv", &roster(&addresses(1))));
    ends(
        &program.output(&["run", "--until-idle"]),
        78,
        &["cannot be noted in", "keys/ledger.key.head", "ledger.key_file"],
    );
    std::fs::remove_dir(&note).unwrap();
    program.json(&["run", "--until-idle"]);
    std::fs::remove_file(&note).unwrap();
    std::fs::create_dir(&note).unwrap();
    for verb in [&["run", "--until-idle"][..], &["db", "accept-restored", "--yes"]] {
        ends(&program.output(verb), 78, &["keys/ledger.key.head", "cannot be read", "owner"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_is_told_also_where_the_seals_key_is_a_credential() {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "ledger: { key_credential: seal }\n", &addresses(2));
    program.write("seal", &format!("{}\n", "ab".repeat(32)));
    let run = |arguments: &[&str]| {
        program.command(arguments).env("CREDENTIALS_DIRECTORY", program.path("")).output().unwrap()
    };
    program.json(&["db", "backup", "copy.db"]);
    ends(&run(&["run", "--until-idle"]), 0, &[]);
    assert_eq!((relay.stats().mails, mode(&program.path("owabi.head"))), (2, 0o600));
    restore(&program, "copy.db");
    let words = ["older than what was sealed last", "owabi.head", "accept-restored"];
    ends(&run(&["run", "--until-idle"]), 78, &words);
    ends(&run(&["doctor"]), 1, &["older than what was sealed", "owabi.head"]);
    assert_eq!(relay.stats().mails, 2, "nobody was told twice");
    // What a person types gets no credentials.
    assert_eq!(program.json(&["db", "accept-restored", "--yes"])["accepted"], json!(true));
    assert!(program.path("owabi.head.before-restore").exists());
}
