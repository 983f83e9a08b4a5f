//! Strangers at the bounce address: forged bounces, answers, complaints, and mails that are made to be too much.

use super::mailbox::{over_imap, write_password};
use super::{Member, association, letters, maildir, receipts_of};
use crate::support::audit::{self, Row};
use crate::support::dovecot::{Dovecot, PASSWORD};
use crate::support::program::Program;
use crate::support::servers::{account, make_maildir};
use crate::support::world::eventually;
use owabi_core::ids::token_of;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay};
use serde_json::{Value, json};
use sqlx::Row as _;
use std::path::{Path, PathBuf};

const TWO: [Member; 2] = [("u1@example.jp", Status::Accepted, None), ("u2@example.jp", Status::Accepted, None)];

/// An installation, the relay that took the mails of its members, the members' return paths, and a Maildir.
struct Past {
    program: Program,
    relay: CaptureRelay,
    senders: Vec<String>,
    maildir: PathBuf,
}

impl Past {
    async fn new(receipts: &str) -> Self {
        let relay = CaptureRelay::start(CaptureOptions::default()).await.unwrap();
        let program = association(relay.addr().port(), &TWO, receipts);
        let maildir = program.path("bounces");
        make_maildir(&maildir, account("root"));
        program.json(&["run", "--until-idle"]);
        let captured = relay.captured();
        let sender = |member: &Member| {
            captured.iter().find(|mail| mail.rcpt_to()[0] == member.0).unwrap().mail_from().to_owned()
        };
        Self { program, relay, senders: TWO.iter().map(sender).collect(), maildir }
    }

    fn drop_all(&self, mails: &[Vec<u8>]) {
        for mail in mails {
            letters::drop_into(&self.maildir, mail);
        }
    }

    fn track(&self) -> Value {
        self.program.json(&["track", "maildir", self.maildir.to_str().unwrap()])
    }

    fn arrivals(&self, key: &str) -> Value {
        self.program.json(&["status"])["arrivals"][key].clone()
    }

    fn review(&self) -> Vec<Value> {
        self.program.json(&["track", "review"])["rows"].as_array().unwrap().clone()
    }

    /// The id of the one that waits for this reason.
    fn waiting(&self, why: &str) -> String {
        let rows = self.review();
        let row = rows.iter().find(|row| row["why"] == why).unwrap_or_else(|| panic!("{why}: {rows:#?}"));
        row["id"].as_str().unwrap().to_owned()
    }

    async fn rows(&self) -> Vec<Row> {
        self.program.rows().await
    }
}

/// `n` in the letters of a token's second half.
fn letters_of(n: usize) -> String {
    (0..20).map(|at| char::from(b'a' + u8::try_from((n >> at) & 1).unwrap())).collect()
}

// The relay is in this process, and the program is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_forged_bounces_are_counted_and_change_nothing() {
    let past = Past::new("").await;
    let before = past.rows().await;
    let forged = (0..1_000).map(|n| {
        let sender = &past.senders[n % 2];
        let row = token_of(sender).unwrap().split('-').next().unwrap();
        let to = format!("bounces+{row}-{}@sender.test", letters_of(n));
        let fields = format!("Original-Envelope-Id: {row}.1.1.{}\n", letters_of(n + 7));
        let returned = format!("Message-ID: <{row}.1.{}@sender.test>\nSubject: words\n", letters_of(n + 9));
        let told = if n % 3 == 0 { (fields.as_str(), returned.as_str()) } else { ("", "Subject: words\n") };
        letters::failure(&to, TWO[n % 2].0, told.0, told.1)
    });
    past.drop_all(&forged.collect::<Vec<_>>());
    let said = past.track();
    assert_eq!((&said["ignored"], &said["matched"], &said["review"]), (&json!(1_000), &json!(0), &json!(0)));
    assert_eq!((past.arrivals("forged"), past.arrivals("matched")), (json!(1_000), json!(0)));
    assert_eq!(past.rows().await, before);
    assert!((0..2).all(|n| receipts_of(&past.program, &format!("M{n:05}")).is_empty()));
    assert_eq!(std::fs::read_dir(past.maildir.join("new")).unwrap().count(), 0);
    // The right one among them still counts.
    past.drop_all(&[letters::failure(&past.senders[0], TWO[0].0, "", "Subject: words\n")]);
    assert_eq!(past.track()["matched"], 1);
    assert_eq!(past.rows().await[0].status, Status::Bounced);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_change_nothing_and_what_a_person_must_see_waits_until_somebody_says_what_it_is() {
    let past = Past::new("").await;
    let (before, to) = (past.rows().await, &past.senders);
    let ordinary = letters::ordinary(&to[1]);
    past.drop_all(&[
        letters::auto_reply(&to[0]),
        letters::vacation(&to[1]),
        letters::complaint(&to[0], TWO[0].0),
        ordinary.clone(),
        letters::failure("bounces@sender.test", "later@example.jp", "", "Subject: words\n"),
    ]);
    past.track();
    assert_eq!((past.arrivals("auto_reply"), past.arrivals("review")), (json!(2), json!(3)));
    assert_eq!(past.rows().await, before);

    let answer = past.waiting("no_bounce");
    let file = past.program.path("answer.eml");
    past.program.json(&["track", "review", &answer[..12], "--out", file.to_str().unwrap()]);
    assert_eq!(std::fs::read(&file).unwrap(), ordinary);
    past.program.json(&["track", "review", &answer[..12], "--dismiss", "--reason", "answered by phone"]);
    assert_eq!((past.review().len(), past.arrivals("dismissed")), (2, json!(1)));
    let twice = past.program.output(&["track", "review", &answer, "--dismiss", "--reason", "again"]);
    assert_eq!(twice.status.code(), Some(1), "{twice:?}");

    let complaint = past.waiting("complaint");
    let by_hand = ["--member", "M00000", "--notice", "leak", "--says", "failed", "--reason", "wants no mail"];
    let said = past.program.json(&[&["track", "review", &complaint], &by_hand[..]].concat());
    assert_eq!(said["status"], "bounced");
    let receipt = &receipts_of(&past.program, "M00000")[0];
    assert_eq!((&receipt["matched_by"], &receipt["says"]), (&json!("person"), &json!("failed")));

    // Nobody has that address yet.
    assert_eq!(past.program.json(&["track", "review", "--again"])["matched_later"], 0);
    past.program
        .import(&past.program.write("later.csv", "会員番号,氏名,メールアドレス\r\nL1,遅れ 来太,later@example.jp\r\n"));
    past.program.release();
    past.program.json(&["run", "--until-idle"]);
    assert_eq!(past.relay.captured().len(), 3);
    assert_eq!(past.program.json(&["track", "review", "--again"])["matched_later"], 1);
    assert_eq!(past.rows().await[2].status, Status::Bounced);
    assert_eq!((past.review(), past.rows().await[1].clone()), (vec![], before[1].clone()));
    let text = "SELECT kind, body FROM ledger WHERE kind IN ('dismiss', 'receipt_by_hand') ORDER BY seq";
    let ledger = sqlx::query(text).fetch_all(&mut audit::connect(&past.program.url()).await).await.unwrap();
    let ledger: Vec<(String, String)> = ledger.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert!(
        matches!(&ledger[..], [(first, why), (second, what)] if first == "dismiss" && why.contains("answered by phone")
        && second == "receipt_by_hand" && what.contains("\"member\":\"#1\"") && !what.contains("wants no mail")),
        "{ledger:?}"
    );
    // The person's words are about a person: they stand where a purge can take them.
    let detail = sqlx::query("SELECT detail FROM receipts WHERE matched_by = 'person'");
    let detail: String = detail.fetch_one(&mut audit::connect(&past.program.url()).await).await.unwrap().get(0);
    assert!(detail.contains("wants no mail"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mail_may_be_said_to_speak_of_several_members_but_of_each_only_once() {
    let past = Past::new("").await;
    past.drop_all(&[letters::failure("bounces@sender.test", "family@example.jp", "", "Subject: words\n")]);
    past.track();
    let mail = past.waiting("unmatched");
    let say = |member: &str| {
        let of = ["--member", member, "--notice", "leak", "--says", "failed", "--reason", "their old address"];
        past.program.output(&[&["track", "review", &mail], &of[..]].concat())
    };
    for (member, code) in [("M00000", 0), ("M00001", 0), ("M00001", 1)] {
        let said = say(member);
        assert_eq!(said.status.code(), Some(code), "{member}: {said:?}");
    }
    let dismiss = ["track", "review", &mail, "--dismiss", "--reason", "too late"];
    assert_eq!(past.program.output(&dismiss).status.code(), Some(1));
    assert!(past.rows().await.iter().all(|row| row.status == Status::Bounced) && past.review().is_empty());
    for member in ["M00000", "M00001"] {
        let receipts = receipts_of(&past.program, member);
        assert_eq!((receipts.len(), &receipts[0]["matched_by"]), (1, &json!("person")), "{member}");
    }
    let text = "SELECT COUNT(*) FROM ledger WHERE kind IN ('receipt_by_hand', 'dismiss')";
    let entries = sqlx::query(text).fetch_one(&mut audit::connect(&past.program.url()).await).await.unwrap();
    assert_eq!(entries.get::<i64, _>(0), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_waits_for_its_mails_outcome_it_is_said_what_happens_next() {
    let past = Past::new("").await;
    let mut connection = audit::connect(&past.program.url()).await;
    let sending = "UPDATE affected_members SET status = 'sending', due_at = 9000000000000 WHERE member_no = 'M00000'";
    sqlx::raw_sql(sending).execute(&mut connection).await.unwrap();
    past.drop_all(&[letters::failure(&past.senders[0], TWO[0].0, "", "Subject: words\n")]);
    let said = past.program.output(&["track", "maildir", past.maildir.to_str().unwrap()]);
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.contains("1 waiting for") && said.contains("matched by `owabi run`"), "{said}");
    assert_eq!(past.arrivals("parked"), 1);
}

/// Megabytes that a process has held at most.
fn most_held(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

/// Mails that are made to be too much come first; the others are read all the same, and in little memory.
async fn giants_do_no_harm(past: &Past, maildir: &Path) {
    let words = "0123456789 abcdefghijklmnopqrstuvwxyz 0123456789 abcdefghijklmnopqrs\n".repeat(430_000);
    // As it goes over the wire, so that IMAP changes nothing in it.
    let head = String::from_utf8(letters::ordinary(&past.senders[0])).unwrap();
    let giant = format!("{head}{words}").replace('\n', "\r\n").into_bytes();
    assert!(giant.len() > 28 << 20);
    letters::drop_into(maildir, &giant);
    letters::drop_into(
        maildir,
        &letters::failure(&past.senders[0], TWO[0].0, "", &format!("Subject: words\n\n{words}")),
    );
    letters::drop_into(maildir, &letters::nested(&past.senders[1], 20_000));
    letters::drop_into(maildir, &letters::failure(&past.senders[1], TWO[1].0, "", "Subject: words\n"));
    let running = past.program.start(&["run"]);
    let done = eventually(&async || past.rows().await.iter().all(|row| row.status == Status::Bounced)).await;
    assert!(done, "{:#?}\n{}", past.rows().await, past.program.said());
    let held = most_held(running.number());
    assert!(running.terminate().success());
    assert!(held < 200, "{held} MB");

    let rows = past.review();
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let kept = rows.iter().find(|row| row["size"] == giant.len()).unwrap_or_else(|| panic!("{rows:#?}"));
    let file = past.program.path("giant.eml");
    let shown =
        past.program.output(&["track", "review", kept["id"].as_str().unwrap(), "--out", file.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&shown.stderr).contains("only the first 10485760 of"), "{shown:?}");
    assert!(std::fs::read(&file).unwrap() == giant[..10 << 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn giants_in_a_maildir_are_kept_in_part_and_hinder_nobody() {
    let past = Past::new("").await;
    past.program.configure("poll: 200ms", &format!("poll: 200ms, {}", maildir(&past.maildir)));
    giants_do_no_harm(&past, &past.maildir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn giants_in_an_imap_mailbox_are_kept_in_part_and_hinder_nobody() {
    let Some(dovecot) = Dovecot::start() else { return };
    let past = Past::new("").await;
    past.program.configure("poll: 200ms", &format!("poll: 200ms, {}", over_imap(&dovecot, "implicit")));
    write_password(&past.program, PASSWORD);
    giants_do_no_harm(&past, dovecot.maildir()).await;
}
