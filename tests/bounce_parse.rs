//! `bounce parse`: what scripts read from its lines.

use crate::support::site::owabi;
use serde_json::{Value, json};

const TOKEN: &str = "2n9c-abcdefghijklmnopqrst";

fn bounce() -> String {
    format!(
        "From: MAILER-DAEMON@relay.example\r\nTo: bounces+{TOKEN}@example.jp\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\nIt was not delivered.\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\nOriginal-Envelope-Id: e.1\r\n\r\n\
         Final-Recipient: rfc822; taro@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 no\r\n\r\n\
         --b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <ours@example.jp>\r\n--b--\r\n"
    )
}

#[test]
fn each_file_gives_one_line_and_an_unreadable_one_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("bounce.eml"), bounce()).unwrap();
    std::fs::write(path("note.eml"), "From: a@example.com\nSubject: Hello\n\nHello.\n").unwrap();
    let said = owabi(&["bounce", "parse", &path("bounce.eml"), &path("none.eml"), &path("note.eml")]).exits(65);
    assert!(said.stderr.contains("none.eml"), "{}", said.stderr);
    let lines: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let recipient = json!({ "address": "taro@example.com", "original": null, "class": "permanent", "final": true,
        "relayed": false, "status": "5.1.1", "reason": "bad_address", "diagnostic": "550 no" });
    let expected = [
        json!({ "file": path("bounce.eml"), "is_bounce": true, "kind": "bounce", "recipients": [recipient],
            "token": TOKEN, "envid": "e.1", "message_ids": ["ours@example.jp"] }),
        json!({ "file": path("note.eml"), "is_bounce": false, "kind": "other", "recipients": [],
            "token": null, "envid": null, "message_ids": [] }),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_folder_is_no_mail_and_files_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    owabi(&["bounce", "parse", dir.path().to_str().unwrap()]).exits(65);
    owabi(&["bounce", "parse"]).exits(2);
}
