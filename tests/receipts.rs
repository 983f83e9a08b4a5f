//! What comes back finds its member: real notifications of real servers, through each of the ways in.

mod effects;

use crate::support::audit::Row;
use crate::support::program::Program;
use crate::support::relay::Relay;
use crate::support::scripted_mx::ScriptedMx;
use crate::support::world::eventually;
use crate::support::{exim, opensmtpd, postfix_returning};
use owabi_core::lifecycle::Status;
use serde_json::Value;
use std::path::Path;

mod forgery;
pub(crate) mod letters;
mod mailbox;
mod pipe;
mod relay_log;

/// An address, and what must become of it.
type Member = (&'static str, Status, Option<&'static str>);

/// Whom each private relay can and cannot reach, and what must become of them in the end.
const MEMBERS: [Member; 7] = [
    ("ok1@member.test", Status::Delivered, None),
    ("unknown@member.test", Status::Bounced, Some("bad_address")),
    ("full@full.test", Status::Bounced, Some("mailbox_full")),
    ("r550-5.1.1@mx.test", Status::Bounced, Some("bad_address")),
    ("d554-5.7.1@mx.test", Status::Bounced, Some("policy")),
    ("ok2@mx.test", Status::Delivered, None),
    ("somebody@later.test", Status::Bounced, None),
];

/// Those of them whose end comes at once.
const PROMPT: &[Member] = MEMBERS.split_at(6).0;

/// An installation whose members are these, whose relay asks for all notifications, and which reads `receipts`.
fn association(port: u16, members: &[Member], receipts: &str) -> Program {
    let more = format!(
        "smtp:\n  notify_success: true\n  relays:\n    - {{ name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 2 }}\n  \
         bounce: {{ address: bounces@sender.test }}\nreceipts: {{ poll: 200ms, {receipts} }}"
    );
    let addresses: Vec<String> = members.iter().map(|member| member.0.to_owned()).collect();
    Program::released(port, &more, &addresses)
}

fn maildir(folder: &Path) -> String {
    format!("maildir: \"{}\"", folder.display())
}

/// Runs until every member is where it must be.
async fn reach(program: &Program, members: &[Member]) {
    let running = program.start(&["run"]);
    let is_done = |row: &Row| {
        let wanted = members.iter().find(|member| member.0 == row.email).unwrap();
        row.status == wanted.1 && (wanted.2.is_none() || row.reason.as_deref() == wanted.2)
    };
    let done = eventually(&async || program.rows().await.iter().all(is_done)).await;
    assert!(done, "{:#?}\n{}", program.rows().await, program.said());
    assert!(running.terminate().success());
    assert!(!program.said().contains('@'), "an address in the log: {}", program.said());
}

fn receipts_of(program: &Program, member_no: &str) -> Vec<Value> {
    program.json(&["member", "show", member_no])["receipts"].as_array().unwrap().clone()
}

/// All that a relay can say of a mail comes back to its member by the token alone.
async fn every_notification_finds_its_member(start: fn(u16) -> Option<Relay>) {
    let mx = ScriptedMx::start();
    let Some(relay) = start(mx.port()) else { return };
    let program = association(relay.port(), &MEMBERS, &maildir(&relay.bounces()));
    reach(&program, &MEMBERS).await;
    let late = receipts_of(&program, "M00006");
    let said: Vec<&str> = late.iter().map(|receipt| receipt["says"].as_str().unwrap()).collect();
    assert!(said.len() > 1 && said[0] == "delayed" && said.last() == Some(&"failed"), "{late:#?}");
    for n in 0..MEMBERS.len() {
        for receipt in receipts_of(&program, &format!("M{n:05}")) {
            assert_eq!(receipt["matched_by"], "token", "{receipt:#?}");
        }
    }
    let status = program.json(&["status"]);
    assert_eq!((&status["arrivals"]["review"], &status["arrivals"]["forged"]), (&0.into(), &0.into()), "{status:#}");
    // The daemon may have been stopped between recording the last one and moving it.
    program.json(&["track", "maildir", relay.bounces().to_str().unwrap()]);
    let left = std::fs::read_dir(relay.bounces().join("new")).unwrap().count();
    assert_eq!(left, 0, "what was recorded was moved");
}

#[tokio::test]
async fn postfix_s_notifications_find_their_members() {
    every_notification_finds_its_member(postfix_returning::start).await;
}

#[tokio::test]
async fn exim_s_notifications_find_their_members() {
    every_notification_finds_its_member(exim::start).await;
}

#[tokio::test]
async fn opensmtpd_s_notifications_find_their_members() {
    every_notification_finds_its_member(opensmtpd::start).await;
}
