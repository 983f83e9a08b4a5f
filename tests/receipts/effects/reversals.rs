//! Evidence after evidence, mailboxes that are full, what is asked of the relay, and a second round.

use super::{Office, Says, bounce};
use crate::support::audit::connect;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::Script;

/// One member to whom these things happen one after the other, and what is known in the end.
const HISTORIES: [(&[Says], Status, Option<&str>); 5] = [
    (&[Says::Delivered, Says::Failed], Status::Bounced, Some("bad_address")),
    (&[Says::Failed, Says::Delivered], Status::Bounced, Some("bad_address")),
    (&[Says::Delayed, Says::Delayed], Status::Accepted, None),
    (&[Says::Delivered, Says::Delayed], Status::Delivered, None),
    (&[Says::Delayed, Says::Full], Status::Bounced, Some("mailbox_full")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worst_that_is_known_of_a_mail_stands_and_everything_that_was_said_is_kept() {
    let office = Office::with(HISTORIES.len(), Script::new(), "poll: 200ms").await;
    office.run_once();
    for step in 0..2 {
        for (member, (said, ..)) in HISTORIES.iter().enumerate() {
            office.deliver(&bounce(&office.mails(member)[0], said[step]));
        }
        office.run_once();
    }
    for (member, (said, status, reason)) in HISTORIES.into_iter().enumerate() {
        let row = office.row(member).await;
        assert_eq!((row.status, row.reason.as_deref()), (status, reason), "{said:?} {row:?}");
        let words: Vec<&str> = said.iter().map(|says| says.fields().0).collect();
        assert_eq!(office.said_of(member), words, "{said:?}");
    }
    assert_eq!(office.relay.captured().len(), HISTORIES.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_mailbox_is_written_to_later_and_an_unknown_address_gets_a_letter() {
    let office = Office::with(2, Script::new(), "poll: 200ms").await;
    office.run_once();
    office.deliver(&bounce(&office.mails(0)[0], Says::Full));
    office.deliver(&bounce(&office.mails(1)[0], Says::Failed));
    office.run_once();
    let list = office.program.json(&["unreachable", "--notice", "leak"]);
    let rows: Vec<_> =
        list["rows"].as_array().unwrap().iter().map(|row| [&row["reason"], &row["suggestion"]]).collect();
    assert_eq!(rows, [["mailbox_full", "later"], ["bad_address", "letter"]]);
    assert_eq!(list["rows"][0]["detail"], "552 5.2.2 the mailbox is full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_may_ask_for_word_of_deliveries_or_not_whatever_the_installation_says() {
    const ALL: &str = "SUCCESS,FAILURE,DELAY";
    const BAD_NEWS: &str = "FAILURE,DELAY";
    for (installation, notice, asked) in
        [(false, None, BAD_NEWS), (true, None, ALL), (false, Some(true), ALL), (true, Some(false), BAD_NEWS)]
    {
        let office = Office::empty(Script::new(), "poll: 200ms").await;
        office.program.configure("smtp:\n", &format!("smtp:\n  notify_success: {installation}\n"));
        if let Some(notice) = notice {
            let text = std::fs::read_to_string(office.program.path("notices/leak.yaml")).unwrap();
            let says = format!("policy: {{ notify_success: {notice}, ");
            office.program.write("notices/leak.yaml", &text.replace("policy: {", &says));
        }
        office.fill(1);
        office.run_once();
        let mail = &office.mails(0)[0];
        assert_eq!(mail.envelope.recipients[0].param("NOTIFY"), Some(asked), "{installation} {notice:?}");
        assert_eq!(mail.envelope.recipients[0].param("ORCPT"), Some("rfc822;u0@example.jp"));
    }
}

/// What a later batch does to members who are written to again.
const SECOND_ROUND: &str =
    "UPDATE affected_members SET status = 'queued', reason = NULL, round = 2, due_at = 1, attempts = 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_evidence_of_the_first_round_is_kept_and_changes_nothing_of_the_second() {
    let office = Office::with(3, Script::new(), "poll: 200ms").await;
    office.run_once();
    sqlx::query(SECOND_ROUND).execute(&mut connect(&office.program.url()).await).await.unwrap();
    // The first member's comes while the second mail waits, the others' after it was sent.
    office.deliver(&bounce(&office.mails(0)[0], Says::Failed));
    office.run_once();
    for member in 0..3 {
        let mails = office.mails(member);
        assert_eq!(mails.len(), 2, "everybody is written to again");
        assert_eq!(mails[0].mail_from(), mails[1].mail_from());
        assert_ne!(mails[0].envelope.envid(), mails[1].envelope.envid());
    }
    office.deliver(&bounce(&office.mails(1)[0], Says::Delivered));
    office.deliver(&bounce(&office.mails(2)[0], Says::Failed));
    office.run_once();
    for (member, said) in ["failed", "delivered", "failed"].into_iter().enumerate() {
        let row = office.row(member).await;
        assert_eq!((row.status, row.possible_duplicate), (Status::Accepted, false), "{row:?}");
        let receipt = office.shown(member)["receipts"][0].clone();
        assert_eq!((&receipt["says"], &receipt["round"]), (&said.into(), &1.into()), "{receipt:#}");
    }
    // The second round's own evidence counts.
    office.deliver(&bounce(&office.mails(2)[1], Says::Failed));
    office.run_once();
    assert_eq!(office.row(2).await.status, Status::Bounced);
    assert_eq!(office.said_of(2), ["failed", "failed"]);
}
