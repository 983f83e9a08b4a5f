//! The test mail: one to ourselves, in the ledger, found again, and nobody's bounce.

use super::{reads_from, relayed};
use crate::support::dovecot::Dovecot;
use crate::support::site::Site;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Point, Script, Then};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const PLAIN: &str = "host: 127.0.0.1, port: PORT, tls: none";

/// A relay that puts what it takes into the Maildir that the site reads.
async fn to_ourselves(script: Script) -> (CaptureRelay, Site, tempfile::TempDir) {
    let mail = tempfile::tempdir().unwrap();
    for name in ["new", "cur", "tmp"] {
        std::fs::create_dir(mail.path().join(name)).unwrap();
    }
    let options = CaptureOptions { maildir: Some(mail.path().to_owned()), script, ..CaptureOptions::default() };
    let (relay, site) = relayed(options, PLAIN).await;
    let text = site.read("owabi.yaml");
    site.write("owabi.yaml", &format!("{text}receipts: {{ maildir: {} }}\n", mail.path().display()));
    (relay, site, mail)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mail_goes_to_our_own_address_is_found_and_is_no_bounce_to_look_at() {
    let (relay, site, mail) = to_ourselves(Script::new()).await;
    let said = site.run(&["--json", "check", "--connect", "--test-mail", "--wait", "20s"]).exits(0).json();
    let one = &said["test_mails"][0];
    assert_eq!((&one["outcome"], &one["arrived"]), (&json!("accepted"), &json!(true)), "{said}");
    assert!(one["steps"].to_string().contains("not signed with DKIM"), "{one}");
    let captured = relay.captured();
    assert_eq!(captured.len(), 1, "one mail, for all that was looked at");
    let (from, to) = (captured[0].mail_from().to_owned(), captured[0].rcpt_to().join(","));
    assert!(from == to && from.starts_with("bounces+") && from.ends_with("@example.jp"), "{from} {to}");
    let text = String::from_utf8_lossy(&captured[0].bytes).into_owned();
    assert!(text.contains("Auto-Submitted: auto-generated\r\n") && text.contains("Subject: =?UTF-8?"), "{text}");
    let kept = site.json(&["ledger", "show", "--kind", "test_send"]).to_string();
    assert!(kept.contains("pending") && kept.contains("accepted") && kept.contains("check"), "{kept}");
    site.run(&["track", "maildir", mail.path().to_str().unwrap()]).exits(0);
    assert_eq!(site.json(&["track", "review"])["total"], 0, "nobody has to look at it");
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    let kept: Vec<(String, String)> = sqlx::query_as("SELECT state, why FROM arrivals").fetch_all(&pool).await.unwrap();
    assert_eq!(kept, [("ignored".to_owned(), "test_mail".to_owned())]);
    site.run(&["ledger", "verify"]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_mail_that_is_refused_or_does_not_come_is_told_and_without_a_mailbox_none_is_sent() {
    let (_relay, site, mail) = to_ourselves(Script::new().always(Point::Dot, Then::reply(550, "5.7.1 no"))).await;
    let said = site.run(&["--json", "check", "--connect", "--test-mail", "--wait", "1s"]).exits(78).json();
    assert!(said["test_mails"][0]["steps"].to_string().contains("refused: 550"), "{said}");
    drop(mail);
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["new", "cur", "tmp"] {
        std::fs::create_dir(elsewhere.path().join(name)).unwrap();
    }
    let (relay, site) = relayed(CaptureOptions::default(), PLAIN).await;
    site.run(&["check", "--connect", "--test-mail"]).exits(78);
    assert_eq!(relay.captured().len(), 0, "nowhere to look for it");
    let text = site.read("owabi.yaml");
    site.write("owabi.yaml", &format!("{text}receipts: {{ maildir: {} }}\n", elsewhere.path().display()));
    let said = site.run(&["--json", "check", "--connect", "--test-mail", "--wait", "1s"]).exits(69).json();
    assert!(said["test_mails"][0]["steps"].to_string().contains("did not come to the mailbox within 1 s"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_send_test_mails_may_not_send_this_one() {
    let (relay, site, _mail) = to_ourselves(Script::new()).await;
    site.run(&["status"]).exits(0);
    let pool = sqlx::SqlitePool::connect(&site.database()).await.unwrap();
    let somebody_else = "INSERT INTO users (name, role, created_at, updated_at) VALUES ('hanako', 'admin', 1, 1)";
    sqlx::query(somebody_else).execute(&pool).await.unwrap();
    site.run(&["check", "--connect"]).exits(0);
    site.run(&["check", "--connect", "--test-mail"]).exits(1);
    assert_eq!(relay.captured().len(), 0);
}

/// As a server does that knows nobody of this address: it returns the first mail that the relay took.
fn bounce(relay: &CaptureRelay) -> String {
    while relay.captured().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let mail = relay.captured()[0].clone();
    let to = mail.rcpt_to().join(",");
    format!(
        "Delivered-To: {to}\nFrom: MAILER-DAEMON@mx.test\nTo: {to}\nSubject: Undelivered Mail\nMessage-ID: <bounce@mx.test>\n\
         MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n\n\
         --x\n\nYour message could not be delivered.\n\n--x\nContent-Type: message/delivery-status\n\n\
         Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; {to}\nAction: failed\nStatus: 5.1.1\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such user here\n\n--x\nContent-Type: message/rfc822\n\n{}\n--x--\n",
        String::from_utf8_lossy(&mail.bytes).replace("\r\n", "\n"),
    )
}

/// What `check` says when such a bounce comes into the mailbox.
fn while_it_bounces(relay: &CaptureRelay, site: &Site, maildir: &Path) -> serde_json::Value {
    std::thread::scope(|scope| {
        scope.spawn(|| std::fs::write(maildir.join("new/1.bounce"), bounce(relay)).unwrap());
        site.run(&["--json", "check", "--connect", "--test-mail", "--wait", "20s"]).exits(78).json()
    })
}

#[track_caller]
fn says_that_it_bounced(said: &serde_json::Value) {
    let one = &said["test_mails"][0];
    assert_eq!((&one["outcome"], &one["arrived"]), (&json!("accepted"), &json!(false)), "{said:#}");
    let steps = one["steps"].to_string();
    assert!(steps.contains("it bounced: bounces+") && steps.contains("550 5.1.1 no such user here"), "{steps}");
    assert!(!steps.contains("dkim"), "{steps}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounce_of_the_test_mail_is_no_test_mail_that_came_in_a_maildir() {
    let (relay, site) = relayed(CaptureOptions::default(), PLAIN).await;
    let mail = tempfile::tempdir().unwrap();
    for name in ["new", "cur", "tmp"] {
        std::fs::create_dir(mail.path().join(name)).unwrap();
    }
    let text = site.read("owabi.yaml");
    site.write("owabi.yaml", &format!("{text}receipts: {{ maildir: {} }}\n", mail.path().display()));
    says_that_it_bounced(&while_it_bounces(&relay, &site, mail.path()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bounce_of_the_test_mail_is_no_test_mail_that_came_over_imap() {
    let Some(dovecot) = Dovecot::start() else { return };
    let (relay, site) = relayed(CaptureOptions::default(), PLAIN).await;
    reads_from(&site, &dovecot);
    says_that_it_bounced(&while_it_bounces(&relay, &site, dovecot.maildir()));
}
