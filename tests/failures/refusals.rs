//! What a relay says about one member: B2, B3, B4, B5, B8, B11, B12, B27, B29.

use crate::support::audit::Row;
use crate::support::world::{World, addresses};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Extensions, Point, Script, Then, When};
use std::collections::BTreeSet;

/// A script that gives the n-th address the n-th answer at RCPT, every time.
fn refusing_each(answers: &[(u16, &str)]) -> Script {
    let rule = |script: Script, (n, (code, text)): (usize, &(u16, &str))| {
        script.always(When::at(Point::Rcpt).recipient(format!("u{n}@example.jp")), Then::reply(*code, *text))
    };
    answers.iter().enumerate().fold(Script::new(), rule)
}

/// Status, reason and attempts used of every member, once all is over.
async fn ends_of(script: Script, members: &[String]) -> Vec<Row> {
    let world = World::careful(members, script).await;
    world.finish().await;
    world.audit().await;
    world.rows().await
}

fn is(row: &Row, status: Status, reason: Option<&str>, used: i64) -> bool {
    (row.status, row.reason.as_deref(), row.used) == (status, reason, used)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b02_a_temporary_refusal_uses_an_attempt_and_waits_at_least_the_first_interval() {
    let members = addresses(4);
    let at = |point, n: usize| When::at(point).recipient(members[n].clone());
    let script = Script::new()
        .first(1, at(Point::Rcpt, 0), Then::reply(450, "4.2.0 Mailbox busy"))
        .first(1, at(Point::Rcpt, 1), Then::reply(451, "4.7.1 Please try again later"))
        .first(1, at(Point::Rcpt, 2), Then::reply(452, "Too many recipients"))
        .first(1, at(Point::Dot, 3), Then::reply(451, "4.2.0 Local error in processing"));
    let world = World::careful(&members, script).await;
    let first: i64 = std::time::Duration::from(world.config.retry.first).as_millis().try_into().unwrap();
    world.run_until(async || world.log().await.iter().filter(|row| row.outcome.is_some()).count() >= 4).await;
    for entry in world.log().await.iter().filter(|entry| entry.outcome.as_deref() == Some("deferred")) {
        let row = world.rows().await.into_iter().find(|row| Some(&row.email) == entry.email.as_ref()).unwrap();
        let waits_long_enough = row.due_at.is_none_or(|due_at| due_at >= entry.at + first);
        assert!(row.used >= 1 && waits_long_enough, "{row:?} {entry:?}");
    }
    world.finish().await;
    for row in world.rows().await {
        let entries: Vec<_> =
            world.log().await.into_iter().filter(|entry| entry.email.as_ref() == Some(&row.email)).collect();
        assert!(is(&row, Status::Accepted, None, 2) && !row.possible_duplicate, "{row:?}");
        assert!(entries[1].at >= entries[0].at + first, "{entries:?}");
    }
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b02_a_member_refused_for_now_every_time_is_given_up_after_the_last_attempt() {
    let script = Script::new().always(Point::Rcpt, Then::reply(450, "4.2.0 Mailbox busy"));
    let rows = ends_of(script, &addresses(2)).await;
    assert!(rows.iter().all(|row| is(row, Status::Failed, Some("attempts_spent"), 3)), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b02_a_member_refused_for_now_is_given_up_at_the_deadline() {
    let script = Script::new().always(Point::Rcpt, Then::reply(450, "4.2.0 Mailbox busy"));
    let mut world = World::careful(&addresses(1), script).await;
    world.config.retry.deadline = world.config.retry.first;
    world.finish().await;
    let rows = world.rows().await;
    assert!(is(&rows[0], Status::Failed, Some("deadline_spent"), 1), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b03_every_try_has_the_same_sender_and_message_id_and_its_own_envid_so_greylisting_passes() {
    let world = World::careful(&addresses(3), Script::new().greylist(std::time::Duration::from_millis(40))).await;
    world.finish().await;
    assert_eq!(world.count(Status::Accepted).await, 3);
    let said = |start: &str| {
        let lines = world.relay.commands().into_iter().map(|command| command.line);
        lines.filter(|line| line.starts_with(start)).collect::<Vec<_>>()
    };
    let part = |line: &String, n: usize| line.split(' ').nth(n).unwrap().to_owned();
    let senders: BTreeSet<String> = said("MAIL FROM:").iter().map(|line| part(line, 1)).collect();
    let envids: BTreeSet<String> =
        said("MAIL FROM:").iter().map(|line| line.split("ENVID=").nth(1).unwrap().to_owned()).collect();
    let tries = said("MAIL FROM:").len();
    assert!(tries >= 6 && senders.len() == 3, "{tries} tries from {senders:?}");
    assert_eq!(envids.len(), tries);
    let log = world.log().await;
    let ids: BTreeSet<_> = log.iter().map(|entry| (&entry.member_no, entry.message_id.as_ref().unwrap())).collect();
    assert_eq!((ids.len(), log.len()), (3, tries));
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b03_greylisting_that_quotes_an_address_with_rate_in_it_is_no_throttling() {
    let members: Vec<String> = (0..4).map(|n| format!("u{n}@corporate.jp")).collect();
    let grey = |script: Script, member: &String| {
        let text = format!("4.7.1 <{member}>: Recipient address rejected: Greylisted");
        script.first(1, When::at(Point::Rcpt).recipient(member.clone()), Then::reply(450, text))
    };
    let world = World::careful(&members, members.iter().fold(Script::new(), grey)).await;
    world.finish().await;
    // Throttling would have used no attempt, and halved the pace.
    for row in world.rows().await {
        assert!(is(&row, Status::Accepted, None, 2) && row.tries == 2, "{row:?}");
    }
    let log = world.log().await;
    assert_eq!(log.iter().filter(|entry| entry.reason.as_deref() == Some("try_later")).count(), 4, "{log:?}");
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b04_an_address_that_does_not_exist_fails_at_once_and_is_never_tried_again() {
    let answers = [
        (550, "5.1.1 User unknown"),
        (550, "5.1.0 Address rejected"),
        (550, "5.1.2 Bad domain"),
        (550, "5.1.3 Bad address"),
        (550, "5.1.10 Null MX"),
        (553, "5.1.3 Bad syntax"),
        (501, "Bad address syntax"),
        (550, "No such user here"),
    ];
    let rows = ends_of(refusing_each(&answers), &addresses(answers.len() + 1)).await;
    let (told, refused) = rows.split_last().unwrap();
    assert!(refused.iter().all(|row| is(row, Status::Failed, Some("bad_address"), 1) && row.tries == 1), "{refused:?}");
    assert_eq!(told.status, Status::Accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b04_a_carrier_address_refused_in_quotes_is_tried_once_without_them() {
    let members = ["abc..def@docomo.ne.jp".to_owned(), "abc.@ezweb.ne.jp".to_owned()];
    let script = Script::new()
        .always(When::at(Point::Rcpt).recipient("\"abc..def\"@docomo.ne.jp"), Then::reply(550, "5.1.1 User unknown"))
        .always(When::at(Point::Rcpt).domain("ezweb.ne.jp"), Then::reply(550, "5.1.1 User unknown"));
    let world = World::careful(&members, script).await;
    world.finish().await;
    let rows = world.rows().await;
    assert!(is(&rows[0], Status::Accepted, None, 2), "{rows:?}");
    assert!(is(&rows[1], Status::Failed, Some("bad_address"), 2), "{rows:?}");
    let said: Vec<_> = world.log().await.into_iter().map(|entry| entry.rcpt_to.unwrap()).collect();
    assert_eq!(
        said,
        [r#""abc..def"@docomo.ne.jp"#, "abc..def@docomo.ne.jp", r#""abc."@ezweb.ne.jp"#, "abc.@ezweb.ne.jp"]
    );
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b05_a_full_mailbox_is_no_bad_address() {
    let answers = [(552, "5.2.2 Mailbox full"), (452, "4.2.2 Mailbox full"), (552, "Exceeded storage allocation")];
    let rows = ends_of(refusing_each(&answers), &addresses(3)).await;
    assert!(is(&rows[0], Status::Failed, Some("mailbox_full"), 1), "{rows:?}");
    assert!(is(&rows[1], Status::Failed, Some("attempts_spent"), 3), "{rows:?}");
    assert!(is(&rows[2], Status::Failed, Some("mailbox_full"), 1), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b08_a_policy_refusal_of_one_domain_fails_its_members_and_nobody_else() {
    let members: Vec<String> =
        (0..30).map(|n| format!("u{n}@{}", if n % 5 == 4 { "strict.example" } else { "example.jp" })).collect();
    let policy = Then::reply(550, "5.7.1 Not accepted for policy reasons");
    let rows = ends_of(Script::new().always(When::at(Point::Rcpt).domain("strict.example"), policy), &members).await;
    for row in rows {
        let strict = row.email.ends_with("strict.example");
        let right =
            if strict { is(&row, Status::Failed, Some("policy"), 1) } else { is(&row, Status::Accepted, None, 1) };
        assert!(right, "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b08_policy_refusals_of_a_single_domain_pause_the_relay_while_nobody_was_accepted() {
    let policy = Then::reply(550, "5.7.1 Not accepted for policy reasons");
    let mut world = World::careful(&addresses(10), Script::new().always(Point::Rcpt, policy)).await;
    world.lengthen_pauses();
    let summary = world.run().await;
    assert!(summary.relays_down, "{summary:?}");
    let rows = world.rows().await;
    assert!(rows.iter().all(|row| is(row, Status::Queued, row.reason.as_deref(), 0)), "{rows:?}");
    assert!(rows.iter().map(|row| row.tries).sum::<i64>() <= 3 * 3, "{rows:?}");
    world.relay.set_script(Script::new());
    world.finish().await;
    assert_eq!(world.count(Status::Accepted).await, 10);
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b11_the_basic_codes_first_digit_rules_when_the_codes_disagree() {
    let answers = [(550, "4.2.1 Disabled, try later"), (450, "5.1.1 User unknown")];
    let rows = ends_of(refusing_each(&answers), &addresses(2)).await;
    assert!(is(&rows[0], Status::Failed, Some("bad_address"), 1), "{rows:?}");
    assert!(is(&rows[1], Status::Failed, Some("attempts_spent"), 3), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b12_a_code_without_meaning_is_looked_up_in_the_text_behind_it() {
    let answers = [(550, "5.0.0 (550-5.1.1 unknown user)"), (550, "5.0.0 remote said: 552 5.2.2 mailbox full")];
    let rows = ends_of(refusing_each(&answers), &addresses(2)).await;
    assert!(is(&rows[0], Status::Failed, Some("bad_address"), 1), "{rows:?}");
    assert!(is(&rows[1], Status::Failed, Some("mailbox_full"), 1), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b27_a_non_ascii_address_goes_out_only_to_a_relay_that_takes_it_and_is_listed_otherwise() {
    let members = ["花子@example.jp".to_owned(), "taro@xn--wgv71a.example".to_owned()];
    for offered in [true, false] {
        let extensions = Extensions { smtputf8: offered, ..Extensions::default() };
        let world = World::with(&members, CaptureOptions { extensions, ..CaptureOptions::default() }).await;
        world.finish().await;
        let rows = world.rows().await;
        let right = if offered {
            is(&rows[0], Status::Accepted, None, 1)
        } else {
            is(&rows[0], Status::Failed, Some("needs_smtputf8"), 1)
        };
        assert!(right && is(&rows[1], Status::Accepted, None, 1), "{rows:?}");
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b29_a_250_makes_a_mail_accepted_and_never_delivered_or_read() {
    let rows = ends_of(Script::new(), &["nobody@example.jp".to_owned()]).await;
    assert!(is(&rows[0], Status::Accepted, None, 1), "{rows:?}");
    assert!(Status::ALL.iter().all(|status| status.as_str() != "read"));
}
