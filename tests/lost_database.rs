//! A SQLite file that is gone, or older than what was noted: said, and never covered up by an empty one.

use crate::people::account;
use crate::support::program::{Program, roster};
use crate::support::world::{NOTICE, addresses};
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};

const VERBS: &[&[&str]] = &[
    &["run", "--until-idle"],
    &["run", "--migrate", "--until-idle"],
    &["status"],
    &["check"],
    &["log"],
    &["import", "roster.csv", "--notice", NOTICE, "--yes"],
    &["preflight", "--notice", NOTICE],
    &["user", "add", "hanako", "--role", "admin", "--os-user", "hanako"],
    &["track", "review"],
    &["ledger", "verify"],
    &["db", "check"],
    &["db", "backup", "copy.db"],
];

async fn sent() -> (CaptureRelay, Program) {
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(2));
    program.json(&["run", "--until-idle"]);
    (relay, program)
}

/// Takes the file away, with what SQLite wrote beside it.
fn lose(program: &Program) {
    for name in ["owabi.db", "owabi.db-wal", "owabi.db-shm"] {
        let _ = std::fs::remove_file(program.path(name));
    }
}

#[track_caller]
fn refused(program: &Program, arguments: &[&str], trace: &str) {
    let output = program.output(arguments);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(78), "{arguments:?}: {said}");
    assert!(said.contains("owabi.db is not there, but was") && said.contains(trace), "{arguments:?}: {said}");
    assert!(said.contains("owabi db migrate"), "{arguments:?}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_gone_is_missed_by_every_verb_and_not_made_anew() {
    let (relay, program) = sent().await;
    for trace in ["owabi.db.lock", "ledger.key.head"] {
        lose(&program);
        for verb in VERBS {
            refused(&program, verb, trace);
            assert!(!program.path("owabi.db").exists(), "{verb:?}");
        }
        // Without the folder's lock, as after a disk that is not there, the head beside the key is left.
        std::fs::remove_file(program.path("owabi.db.lock")).unwrap_or_default();
    }
    std::fs::write(program.path("owabi.db"), "").unwrap();
    refused(&program, &["run", "--until-idle"], "ledger.key.head");
    assert_eq!(relay.stats().mails, 2);
    // Who really means it says so.
    program.json(&["db", "migrate"]);
    assert_eq!(program.json(&["status"])["total"], 0);
}

#[test]
fn a_first_start_makes_the_database_unless_nobody_could_tell_whether_there_was_one() {
    let program = Program::new(1, "");
    program.json(&["run", "--until-idle"]);
    assert!(program.path("owabi.db").exists());

    let program = Program::new(1, "ledger: { key_credential: seal }\n");
    program.write("seal", &format!("{}\n", "ab".repeat(32)));
    let run = || {
        let mut command = program.command(&["run", "--until-idle"]);
        command.env("CREDENTIALS_DIRECTORY", program.path("")).output().unwrap()
    };
    let output = run();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(78) && said.contains("owabi.db is not there, nor anybody to send to"),
        "{said}"
    );
    program.import(&program.write("roster.csv", &roster(&addresses(1))));
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn with_the_seal_key_as_a_credential_only_what_begins_a_queue_makes_a_lost_file_anew() {
    let program = Program::new(1, "ledger: { key_credential: seal }\n");
    program.write("seal", &format!("{}\n", "ab".repeat(32)));
    program.write("roster.csv", &roster(&addresses(1)));
    let begins = [&["import", "roster.csv", "--notice", NOTICE, "--yes"][..], VERBS[7]];
    let add = ["user", "add", "hanako", "--role", "admin", "--os-user", &account()];
    let run = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        command.env("CREDENTIALS_DIRECTORY", program.path("")).output().unwrap()
    };
    for verb in VERBS.iter().filter(|verb| !begins.contains(verb)).chain([&&["pause", NOTICE][..]]) {
        let output = run(verb);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.contains("owabi.db is not there, nor anybody to send to"), "{verb:?}: {said}");
        assert!(!program.path("owabi.db").exists(), "{verb:?}");
    }
    for verb in [begins[0], &add] {
        let output = run(verb);
        assert!(output.status.success() && program.path("owabi.db").exists(), "{verb:?} {output:?}");
        lose(&program);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_file_behind_a_link_is_missed_by_the_lock_beside_the_file() {
    let (_relay, program) = sent().await;
    std::fs::create_dir(program.path("disk")).unwrap();
    std::fs::rename(program.path("owabi.db"), program.path("disk/queue.db")).unwrap();
    std::fs::remove_file(program.path("owabi.db.lock")).unwrap();
    std::os::unix::fs::symlink("disk/queue.db", program.path("owabi.db")).unwrap();
    program.json(&["run", "--until-idle"]);
    std::fs::remove_file(program.path("ledger.key.head")).unwrap();
    std::fs::remove_file(program.path("disk/queue.db")).unwrap();
    refused(&program, &["status"], "disk/queue.db.lock");
    assert!(!program.path("disk/queue.db").exists());
}

#[test]
fn a_file_that_cannot_be_looked_at_is_not_called_lost() {
    let program = Program::new(1, "");
    // A link that leads to itself is refused to everybody, as a folder without permission is to everybody but root.
    std::os::unix::fs::symlink("owabi.db", program.path("owabi.db")).unwrap();
    let output = program.output(&["status"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("owabi.db cannot be looked at") && said.contains("sudo -u owabi"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_from_a_backup_verify_says_what_is_to_be_done() {
    let (_relay, program) = sent().await;
    program.json(&["db", "backup", "copy.db"]);
    program.import(&program.write("more.csv", &roster(&addresses(3))));
    program.release();
    program.json(&["run", "--until-idle"]);
    lose(&program);
    std::fs::rename(program.path("copy.db"), program.path("owabi.db")).unwrap();
    let output = program.output(&["ledger", "verify"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let steps = [
        "cut off",
        "`owabi pause ID` at once",
        "withdraw --notice ID --file LIST",
        "owabi db accept-restored",
        "owabi log --status in_doubt",
        "owabi resolve NO --as accepted",
        "owabi substitute add",
        "owabi resume ID",
    ];
    assert!(steps.iter().all(|step| said.contains(step)), "{said}");
    std::fs::rename(program.path("ledger.key.head"), program.path("kept.head")).unwrap();
    program.json(&["status"]);
    assert_eq!(program.output(&["ledger", "verify"]).status.code(), Some(0));
}
