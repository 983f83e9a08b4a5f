//! An IMAP mailbox: what the relay returns lies in a real Dovecot's.

use super::{PROMPT, association, letters, reach, receipts_of};
use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::postfix_returning;
use crate::support::program::Program;
use crate::support::scripted_mx::ScriptedMx;
use crate::support::servers::files_under;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The mailbox in the configuration. The password is in the file `password`.
pub(super) fn over_imap(dovecot: &Dovecot, tls: &str) -> String {
    let port = if tls == "implicit" { dovecot.tls_port() } else { dovecot.port() };
    let authority = dovecot.authority();
    format!(
        "imap: {{ host: localhost, port: {port}, tls: {tls}, ca_file: \"{}\", user: somebody, password_file: password }}",
        authority.display()
    )
}

pub(super) fn write_password(program: &Program, password: &str) {
    let file = program.write("password", &format!("{password}\n"));
    std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

/// How many mails lie in a folder of the mailbox.
fn mails(maildir: &Path, folder: &str) -> usize {
    ["new", "cur"].map(|part| files_under(&maildir.join(folder).join(part)).len()).iter().sum()
}

fn all_receipts(program: &Program) -> Vec<Vec<Value>> {
    (0..PROMPT.len()).map(|n| receipts_of(program, &format!("M{n:05}"))).collect()
}

#[tokio::test]
async fn over_imap_every_notification_finds_its_member_and_no_mail_is_lost() {
    let mx = ScriptedMx::start();
    let Some(relay) = postfix_returning::start(mx.port()) else { return };
    let Some(dovecot) = Dovecot::start_over(&relay.bounces()) else { return };
    let program = association(relay.port(), PROMPT, &over_imap(&dovecot, "implicit"));
    // Nothing but IDLE can tell of a mail in time.
    program.configure("poll: 200ms", "poll: 1h");
    write_password(&program, PASSWORD);
    let said = String::from_utf8(program.output(&["check", "--connect"]).stdout).unwrap();
    let offer = said.lines().find(|line| line.contains("localhost: 0 mails in INBOX")).unwrap_or_default();
    assert!(["TLS", "MOVE", "IDLE"].iter().all(|word| offer.contains(word)), "{said}");
    assert!(said.contains("owabi/processed, owabi/review: made when"), "{said}");

    letters::drop_into(dovecot.maildir(), &letters::ordinary("bounces@sender.test"));
    reach(&program, PROMPT).await;
    // The daemon may have been stopped between recording the last one and moving it.
    program.json(&["track", "imap"]);
    let maildir = dovecot.maildir();
    let lie = ["", ".owabi.processed", ".owabi.review"].map(|folder| mails(maildir, folder));
    assert_eq!(lie, [0, PROMPT.len(), 1], "{}", program.said());
    let waiting = program.json(&["track", "review"]);
    assert_eq!((&waiting["total"], &waiting["rows"][0]["why"]), (&1.into(), &"no_bounce".into()), "{waiting:#}");
    assert_eq!(waiting["rows"][0]["source"], "imap:localhost/INBOX");

    let before = all_receipts(&program);
    assert!(before.iter().flatten().all(|receipt| receipt["matched_by"] == "token"), "{before:#?}");
    let again = program.json(&["track", "imap"]);
    assert_eq!((&again["matched"], &again["review"]), (&0.into(), &0.into()));
    assert_eq!(all_receipts(&program), before);
}

#[tokio::test]
async fn over_imap_with_starttls_a_mail_that_comes_twice_is_taken_once() {
    let Some(dovecot) = Dovecot::start() else { return };
    let program = association(1, &PROMPT[..1], &over_imap(&dovecot, "starttls"));
    write_password(&program, PASSWORD);
    for _ in 0..2 {
        letters::drop_into(dovecot.maildir(), &letters::ordinary("bounces@sender.test"));
        program.json(&["track", "imap"]);
    }
    assert_eq!(program.json(&["track", "review"])["total"], 1);
    assert_eq!(mails(dovecot.maildir(), ""), 0);
}

#[tokio::test]
async fn with_a_wrong_password_the_daemon_goes_on_sending_and_says_so_without_the_password() {
    const WRONG: &str = "OpenSesame-7781";
    let Some(dovecot) = Dovecot::start() else { return };
    let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
    let members = [("u1@example.jp", Status::Accepted, None), ("u2@example.jp", Status::Accepted, None)];
    let program = association(relay.addr().port(), &members, &over_imap(&dovecot, "implicit"));
    write_password(&program, WRONG);
    let running = program.start(&["run"]);
    let trouble = || program.json(&["status"])["sources"][0]["trouble"].as_str().map(str::to_owned);
    let told = eventually(&async || trouble().is_some() && relay.captured().len() == members.len()).await;
    assert!(told, "{}", program.said());
    let said = trouble().unwrap();
    assert!(said.contains("localhost") && said.contains("password"), "{said}");
    assert!(running.terminate().success());
    assert!(program.rows().await.iter().all(|row| row.status == Status::Accepted));
    let failed = program.output(&["track", "imap"]);
    assert_eq!(failed.status.code(), Some(69));
    let all = [program.said(), program.json(&["status"]).to_string(), format!("{failed:?}")].concat();
    assert!(!all.contains(WRONG) && all.contains("password"), "{all}");

    write_password(&program, PASSWORD);
    program.json(&["track", "imap"]);
    assert_eq!(trouble(), None);
}
