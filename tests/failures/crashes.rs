//! kill -9, SIGTERM and panics at exactly chosen points: A1 to A7, A9, A10. A8 is a test of the store.

use crate::support::audit::Row;
use crate::support::program::{Program, roster};
use crate::support::world::{CAREFUL, World, addresses, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Extensions, Moment, Point, Script, Then, When};
use std::path::PathBuf;

/// The point at which the relay holds still.
const HERE: &str = "here";

/// A relay that holds at `point`, and a program that works for it with one mail at a time.
async fn held_at(point: impl Into<When>, moment: Moment, members: usize) -> (CaptureRelay, Program) {
    let extensions = Extensions { chunking: false, ..Extensions::default() };
    let script = Script::new().once(point, Then::PauseUntil(HERE.into(), moment));
    let options = CaptureOptions { extensions, script, ..CaptureOptions::default() };
    let relay = CaptureRelay::start(options).await.unwrap();
    let program = Program::released(relay.addr().port(), CAREFUL, &addresses(members));
    (relay, program)
}

/// Kills the program with the relay held at the point, and lets the relay go on.
async fn killed_at(point: impl Into<When>, moment: Moment) -> (CaptureRelay, Program) {
    let (relay, program) = held_at(point, moment, 5).await;
    let running = program.start(&["run"]);
    relay.wait_reached(HERE).await;
    running.kill();
    relay.release(HERE);
    (relay, program)
}

/// Restarts, sends the rest, and gives the rows and the number of mails that arrived.
async fn restarted(relay: &CaptureRelay, program: &Program) -> (Vec<Row>, usize) {
    program.finish().await;
    program.audit(relay).await;
    (program.rows().await, relay.captured().len())
}

fn flagged(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.possible_duplicate).count()
}

fn all_told_with_one_attempt(rows: &[Row]) -> bool {
    rows.iter().all(|row| (row.status, row.used) == (Status::Accepted, 1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a01_a_kill_before_the_first_mail_costs_nobody_anything() {
    let (relay, program) = killed_at(Point::Greeting, Moment::BeforeReply).await;
    let (rows, arrived) = restarted(&relay, &program).await;
    assert!(all_told_with_one_attempt(&rows), "{rows:?}");
    assert_eq!((arrived, flagged(&rows)), (5, 0));
    assert!(rows.iter().all(|row| row.tries == 1), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a02_a_kill_after_the_recipient_was_taken_tells_nobody_twice() {
    for point in [Point::Mail, Point::Rcpt] {
        let (relay, program) = killed_at(point, Moment::AfterReply).await;
        let (rows, arrived) = restarted(&relay, &program).await;
        assert!(all_told_with_one_attempt(&rows), "{rows:?}");
        assert!(arrived == 5 && flagged(&rows) <= 1, "{arrived} mails, {rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a03_a_kill_inside_data_before_the_dot_tells_nobody_twice() {
    let (relay, program) = killed_at(Point::Data, Moment::BeforeReply).await;
    let (rows, arrived) = restarted(&relay, &program).await;
    assert!(all_told_with_one_attempt(&rows), "{rows:?}");
    assert!(arrived == 5 && flagged(&rows) <= 1, "{arrived} mails, {rows:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a04_a_kill_with_the_dot_out_and_no_reply_read_is_in_doubt_and_sent_again_under_the_flag() {
    let (relay, program) = killed_at(Point::Dot, Moment::BeforeReply).await;
    let (rows, arrived) = restarted(&relay, &program).await;
    assert!(all_told_with_one_attempt(&rows), "{rows:?}");
    assert_eq!((arrived, flagged(&rows)), (6, 1));
    let log = program.log();
    let doubted = rows.iter().find(|row| row.possible_duplicate).unwrap();
    let own: Vec<_> = log.iter().filter(|entry| entry["member_no"] == doubted.member_no.as_str()).collect();
    assert_eq!((own.len(), &own[0]["outcome"], &own[0]["reason"]), (2, &"in_doubt".into(), &"lease_ended".into()));
    assert_eq!((&own[1]["outcome"], &own[1]["possible_duplicate"]), (&"accepted".into(), &true.into()));
    assert_eq!(own[0]["message_id"], own[1]["message_id"]);
    assert_ne!(own[0]["envid"], own[1]["envid"]);
    let copies: Vec<_> =
        relay.captured().into_iter().filter(|mail| mail.rcpt_to() == [doubted.email.as_str()]).collect();
    assert_eq!(copies[0].mail_from(), copies[1].mail_from());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a05_a_kill_puts_in_doubt_no_more_than_the_mails_in_flight() {
    let script = Script::new().always(Point::Dot, Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let relay = CaptureRelay::start(CaptureOptions { script, ..CaptureOptions::default() }).await.unwrap();
    let program = Program::released(relay.addr().port(), "", &addresses(100));
    let running = program.start(&["run"]);
    // Four connections hold at the reply to their first mail; each has at most a second one under way.
    assert!(eventually(&async || relay.stats().mails >= 4).await);
    running.kill();
    relay.set_script(Script::new());
    relay.release(HERE);
    let (rows, arrived) = restarted(&relay, &program).await;
    assert!(all_told_with_one_attempt(&rows), "{rows:?}");
    assert!((4..=8).contains(&flagged(&rows)), "{} in doubt", flagged(&rows));
    assert!((104..=108).contains(&arrived), "{arrived} mails");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a06_the_log_and_the_state_are_one_even_right_after_a_kill() {
    let (relay, program) = killed_at(When::at(Point::Dot).nth(3), Moment::AfterReply).await;
    let (rows, log) = (program.rows().await, program.log());
    for row in &rows {
        let own: Vec<_> = log.iter().filter(|entry| entry["member_no"] == row.member_no.as_str()).collect();
        let accepted = own.iter().filter(|entry| entry["outcome"] == "accepted").count();
        assert_eq!(accepted, usize::from(row.status == Status::Accepted), "{row:?} {own:?}");
    }
    let told = rows.iter().filter(|row| row.status == Status::Accepted).count();
    assert!((2..=3).contains(&told), "{told} of three replies were recorded");
    restarted(&relay, &program).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a07_sigterm_lets_mails_in_flight_finish_and_leaves_nothing_in_doubt() {
    let (relay, program) = held_at(When::at(Point::Dot).nth(3), Moment::BeforeReply, 50).await;
    let running = program.start(&["run"]);
    relay.wait_reached(HERE).await;
    running.ask_to_stop();
    assert!(eventually(&async || stderr(&program).contains("stopping")).await, "{}", stderr(&program));
    relay.release(HERE);
    assert!(running.wait().success());
    let rows = program.rows().await;
    let told = rows.iter().filter(|row| (row.status, row.used) == (Status::Accepted, 1)).count();
    let left = rows.iter().filter(|row| (row.status, row.tries) == (Status::Queued, 0)).count();
    assert_eq!((told + left, relay.captured().len()), (50, told), "{rows:?}");
    assert!(told >= 3 && left > 0, "{told} told, {left} left");
    assert_eq!(flagged(&restarted(&relay, &program).await.0), 0);
}

fn stderr(program: &Program) -> String {
    std::fs::read_to_string(program.path("stderr.log")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a07_a_relay_that_never_answers_does_not_hold_up_the_stop_and_its_mail_is_in_doubt() {
    let (relay, program) = held_at(Point::Dot, Moment::BeforeReply, 5).await;
    let running = program.start(&["run"]);
    relay.wait_reached(HERE).await;
    assert!(running.terminate().success());
    relay.release(HERE);
    let statuses: Vec<_> = program.rows().await.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [vec![Status::InDoubt], vec![Status::Queued; 4]].concat());
    assert_eq!(flagged(&restarted(&relay, &program).await.0), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a09_a_row_that_cannot_be_read_or_rendered_fails_alone_and_visibly() {
    let world = World::with(&addresses(20), CaptureOptions::default()).await;
    world.sql("UPDATE affected_members SET payments = '{' WHERE id = 3").await;
    world.sql("UPDATE affected_members SET email = 'no address' WHERE id = 7").await;
    world
        .sql("UPDATE affected_members SET name = 'Taro' || char(13) || char(10) || 'Bcc: x@example.jp' WHERE id = 11")
        .await;
    world.finish().await;
    let rows = world.rows().await;
    for (n, why) in [(3, "unreadable_row"), (7, "bad_address"), (11, "render_failed")] {
        let row = &rows[n - 1];
        let reason = row.reason.as_deref().unwrap_or_default();
        assert!(row.status == Status::Failed && row.used == 0 && reason.starts_with(why), "{row:?}");
    }
    assert_eq!(world.count(Status::Accepted).await, 17);
    let log = world.log().await;
    assert!(log.iter().any(|entry| entry.member_id == 3 && entry.attempt == 0 && entry.status == "failed"), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_kill_during_an_import_leaves_nothing_of_it_and_the_import_can_be_repeated() {
    let members: Vec<String> = (0..60_000).map(|n| format!("member{n}@example.jp")).collect();
    let (program, file) = killed_while_writing(&roster(&members), 60_000).await;
    let report = program.import(&file);
    assert_eq!((report["lines"].as_u64(), report["imported"].as_u64()), (Some(60_000), Some(60_000)));
    assert_eq!(program.rows().await.len(), 60_000);
}

/// Kills an import once it has written far more than a schema. One that was over before the signal came is none: again.
async fn killed_while_writing(roster: &str, members: usize) -> (Program, PathBuf) {
    for _ in 0..10 {
        let program = Program::new(2525, "");
        let file = program.write("roster.csv", roster);
        let importing = program.start(&["import", file.to_str().unwrap(), "--notice", "leak", "--yes"]);
        let written =
            || ["owabi.db", "owabi.db-wal"].map(|name| std::fs::metadata(program.path(name)).map_or(0, |of| of.len()));
        assert!(eventually(&async || written().iter().sum::<u64>() > 3_000_000).await, "the import wrote nothing");
        importing.kill();
        let rows = program.rows().await.len();
        if rows < members {
            assert_eq!(rows, 0, "a part of the import is left");
            return (program, file);
        }
    }
    panic!("the import was over each time before it could be killed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_2_while_no_intent_can_be_made_durable_no_body_leaves() {
    let script = Script::new().once(Point::Greeting, Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let world = World::careful(&addresses(5), script).await;
    let sending = world.finish();
    let watching = async {
        world.relay.wait_reached(HERE).await;
        let mut lock = crate::support::audit::connect(&world.config.database.url).await;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
        world.relay.release(HERE);
        let said_data = async || world.relay.commands().iter().any(|command| command.line == "DATA");
        assert!(eventually(&said_data).await);
        // The go-ahead is given: a body that did not wait for its intent would leave now.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(world.relay.stats().mails, 0);
        sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    };
    tokio::join!(sending, watching);
    let rows = world.rows().await;
    assert!(all_told_with_one_attempt(&rows) && flagged(&rows) == 0, "{rows:?}");
    world.audit().await;
}
