//! The relay's own log, as a file that is rotated and in the journal, with no mailbox at all.

use super::{Member, PROMPT, association, receipts_of};
use crate::support::program::{Program, roster};
use crate::support::relay::Relay;
use crate::support::scripted_mx::ScriptedMx;
use crate::support::servers::text_of;
use crate::support::world::eventually;
use crate::support::{journal, postfix_returning};
use owabi_core::lifecycle::Status;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// An installation that reads nothing but `receipts`, and whose mails ask for no notification of success.
fn by_log_alone(relay: &Relay, members: &[Member], receipts: &str) -> Program {
    let program = association(relay.port(), members, receipts);
    program.configure("notify_success: true", "notify_success: false");
    program
}

fn maillog(relay: &Relay) -> String {
    format!("maillog: \"{}\"", relay.maillog().display())
}

async fn all_are_where_they_must_be(program: &Program, members: &[Member]) -> bool {
    let wanted = |email: &str| members.iter().find(|member| member.0 == email).unwrap();
    program.rows().await.iter().all(|row| {
        let (_, status, reason) = *wanted(&row.email);
        row.status == status && (reason.is_none() || row.reason.as_deref() == reason)
    })
}

/// What is recorded of these members, and that nothing but the log's own names found them.
fn receipts(program: &Program, members: &[Member]) -> Vec<Vec<Value>> {
    let all: Vec<_> = (0..members.len()).map(|n| receipts_of(program, &format!("M{n:05}"))).collect();
    for receipt in all.iter().flatten() {
        assert!(["message_id", "queue_id"].iter().any(|by| receipt["matched_by"] == *by), "{receipt:#}");
    }
    assert!(all.iter().all(|of_one| !of_one.is_empty()), "{all:#?}");
    all
}

/// Imports further members while the daemon is at work, and releases them.
fn add(program: &Program, from: usize, members: &[Member]) {
    let strangers = (0..from).map(|_| String::new());
    let all: Vec<String> = strangers.chain(members.iter().map(|member| member.0.to_owned())).collect();
    let text = roster(&all);
    let (head, rows) = text.split_once("\r\n").unwrap();
    let rows: Vec<&str> = rows.split_inclusive("\r\n").skip(from).collect();
    program.import(&program.write("further.csv", &format!("{head}\r\n{}", rows.concat())));
    program.release();
}

async fn wait_for(program: &Program, members: &[Member]) {
    let done = eventually(&async || all_are_where_they_must_be(program, members).await).await;
    assert!(done, "{:#?}\n{}", program.rows().await, program.said());
}

#[tokio::test]
async fn the_relay_s_log_alone_tells_of_everybody_and_a_rotation_loses_nobody() {
    let mx = ScriptedMx::start();
    let Some(relay) = postfix_returning::start(mx.port()) else { return };
    let program = by_log_alone(&relay, &PROMPT[..2], &maillog(&relay));
    let running = program.start(&["run"]);
    wait_for(&program, PROMPT).await;
    // As logrotate does it: until the relay is told, it goes on writing into the file that has another name now.
    std::fs::rename(relay.maillog(), relay.maillog().with_extension("1")).unwrap();
    add(&program, 2, &PROMPT[2..4]);
    wait_for(&program, PROMPT).await;
    postfix_returning::reload(&relay);
    add(&program, 4, &PROMPT[4..]);
    wait_for(&program, PROMPT).await;
    let well = || program.json(&["status"])["sources"][0]["trouble"].is_null();
    assert!(eventually(&async || well()).await, "{}", program.json(&["status"]));
    assert!(running.terminate().success());

    let (old, new) = (text_of(&relay.maillog().with_extension("1")), text_of(&relay.maillog()));
    assert!([0, 2, 3].iter().all(|n| old.contains(PROMPT[*n].0)) && new.contains(PROMPT[5].0), "{old}\n{new}");
    let found = receipts(&program, PROMPT);
    assert_eq!(program.json(&["status"])["sources"][0]["bounces"], false);
    // The same lines under another name, as after a restore.
    let again = program.write("again.log", &(old + &new));
    program.json(&["track", "maillog", again.to_str().unwrap()]);
    assert_eq!(receipts(&program, PROMPT), found);
}

#[tokio::test]
async fn a_log_that_is_read_after_the_fact_tells_the_same_once_and_a_smarthost_proves_nothing() {
    let mx = ScriptedMx::start();
    let Some(relay) = postfix_returning::start(mx.port()) else { return };
    let mut members = PROMPT.to_vec();
    members[5].1 = Status::Accepted;
    let program = by_log_alone(&relay, &members, "relayed_is_delivered: false");
    program.json(&["run", "--until-idle"]);
    assert!(program.rows().await.iter().all(|row| row.status == Status::Accepted), "{:#?}", program.rows().await);
    let file = relay.maillog();
    let track = || program.json(&["track", "maillog", file.to_str().unwrap()]);
    let is_read = async || {
        track();
        all_are_where_they_must_be(&program, &members).await && text_of(&file).contains(members[5].0)
    };
    assert!(eventually(&is_read).await, "{:#?}\n{}", program.rows().await, text_of(&file));
    track();
    let found = receipts(&program, &members);
    assert_eq!(found[5].iter().map(|receipt| receipt["says"].as_str().unwrap()).collect::<Vec<_>>(), ["relayed"]);
    assert_eq!((&track()["matched"], receipts(&program, &members)), (&0.into(), found.clone()));
    let mut from_stdin = program.command(&["track", "maillog", "-"]);
    assert!(from_stdin.stdin(std::fs::File::open(&file).unwrap()).output().unwrap().status.success());
    assert_eq!(receipts(&program, &members), found);
}

/// `journalctl` for this program alone: the real one, which looks at another journal.
fn journalctl_over(program: &Program, journal: &Path) {
    let script = format!("#!/bin/sh\nexec /usr/bin/journalctl --directory='{}' \"$@\"\n", journal.display());
    std::fs::create_dir(program.path("bin")).unwrap();
    let file = program.write("bin/journalctl", &script);
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

fn with_journal(program: &Program, arguments: &[&str]) -> Command {
    let mut command = program.command(arguments);
    command.env("PATH", program.path("bin"));
    command
}

#[tokio::test]
async fn the_journal_tells_of_everybody_and_once() {
    let mx = ScriptedMx::start();
    if !journal::is_available() {
        return;
    }
    let Some(relay) = postfix_returning::start(mx.port()) else { return };
    let program = by_log_alone(&relay, PROMPT, "journal: true");
    let folder = program.path("journal");
    std::fs::create_dir(&folder).unwrap();
    journalctl_over(&program, &folder);
    journal::write(&folder, "boot", "Nov 22 09:00:00 relay postfix/master[1]: daemon started\n");
    let running = program.spawn(with_journal(&program, &["run"]));
    let accepted = eventually(&async || program.rows().await.iter().all(|row| row.status == Status::Accepted)).await;
    assert!(accepted, "{:#?}\n{}", program.rows().await, program.said());
    let logged = || PROMPT.iter().all(|member| text_of(&relay.maillog()).contains(&format!("to=<{}>", member.0)));
    assert!(eventually(&async || logged()).await);
    journal::write(&folder, "mail", &text_of(&relay.maillog()));
    wait_for(&program, PROMPT).await;
    assert!(running.terminate().success());
    let found = receipts(&program, PROMPT);
    assert!(found.iter().flatten().all(|receipt| receipt["source"] == "journal"), "{found:#?}");
    let again = with_journal(&program, &["track", "journal"]).output().unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(receipts(&program, PROMPT), found);
}
