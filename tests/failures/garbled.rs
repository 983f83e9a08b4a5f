//! Relays that answer strangely, late or not at all: B13 to B18, B20, B26, B28, B30.

use crate::support::audit::Row;
use crate::support::world::{PATIENCE, World, addresses, deadlines};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Extensions, Hangup, Moment, Point, Script, Then};
use owabi_smtp::relay::Deadlines;
use std::time::Duration;
use tokio::task::{JoinSet, LocalSet};

/// Sends to four members through a relay that follows `script`; no deadline passes.
async fn sent(script: Script) -> World {
    sent_within(deadlines(PATIENCE), script).await
}

/// The same, and these are the deadlines of each step.
async fn sent_within(deadlines: Deadlines, script: Script) -> World {
    let mut world = World::careful(&addresses(4), script).await;
    world.relays[0].deadlines = deadlines;
    world.finish().await;
    world.audit().await;
    world
}

/// The one deadline that is waited for: this machine is not that slow anywhere.
const SHORT: Duration = Duration::from_secs(5);

/// A short deadline for this step, and none that passes for the others.
fn short_at(point: Point) -> Deadlines {
    let mut all = deadlines(PATIENCE);
    let step = match point {
        Point::Greeting => &mut all.greeting,
        Point::Ehlo => &mut all.ehlo,
        Point::Mail => &mut all.mail,
        Point::Rcpt => &mut all.rcpt,
        Point::Data => &mut all.data,
        Point::Dot => &mut all.dot,
        _ => panic!("no step of its own: {point:?}"),
    };
    *step = SHORT;
    all
}

/// Each of them waits for a deadline: all do so at the same time.
async fn together(cases: impl IntoIterator<Item = impl Future<Output = ()> + 'static>) {
    let (here, mut all) = (LocalSet::new(), JoinSet::new());
    for case in cases {
        all.spawn_local_on(case, &here);
    }
    here.run_until(all.join_all()).await;
}

async fn flagged(world: &World) -> Vec<Row> {
    world.rows().await.into_iter().filter(|row| row.possible_duplicate).collect()
}

/// Everybody was told once, and no attempt was used beyond the one that told them.
async fn all_once(world: &World) {
    for row in world.rows().await {
        assert_eq!((row.status, row.used, row.possible_duplicate), (Status::Accepted, 1, false), "{row:?}");
    }
    assert_eq!(world.relay.captured().len(), 4);
}

/// One mail was in doubt and sent again under the flag; `arrived` of its copies came through. The others came once.
async fn one_in_doubt(world: &World, arrived: usize) {
    let doubted = flagged(world).await;
    assert_eq!(doubted.len(), 1, "{doubted:?}");
    let rows = world.rows().await;
    assert!(rows.iter().all(|row| (row.status, row.used) == (Status::Accepted, 1)), "{rows:?}");
    assert_eq!(world.relay.deliveries()[&doubted[0].email], arrived as u64);
    assert_eq!(world.relay.captured().len(), 3 + arrived);
    let log = world.log().await;
    let own: Vec<_> = log.iter().filter(|entry| entry.email.as_ref() == Some(&doubted[0].email)).collect();
    let outcomes: Vec<_> = own.iter().map(|entry| (entry.outcome.as_deref(), entry.possible_duplicate)).collect();
    assert_eq!(outcomes, [(Some("in_doubt"), false), (Some("accepted"), true)]);
    assert_eq!((&own[0].message_id, &own[0].mail_sha256), (&own[1].message_id, &own[1].mail_sha256));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_a_bare_250_is_an_acceptance() {
    all_once(&sent(Script::new().always(Point::Dot, Then::raw("250\r\n"))).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b13_a_250_that_takes_its_time_is_an_acceptance() {
    all_once(&sent(Script::new().always(Point::Dot, Then::Delay(Duration::from_millis(250)))).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b14_a_250_in_shift_jis_is_an_acceptance_and_its_words_are_kept() {
    let said = b"250 2.0.0 \x8e\xf3\x95t\x82\xaf\x82\xdc\x82\xb5\x82\xbd\r\n".to_vec();
    let world = sent(Script::new().always(Point::Dot, Then::raw(said))).await;
    all_once(&world).await;
    let log = world.log().await;
    assert!(log.iter().all(|entry| entry.reply.as_ref().is_some_and(|reply| reply.starts_with("2.0.0 "))), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b15_an_endless_answer_ends_the_connection_and_is_in_doubt_only_after_the_dot() {
    for endless in [Then::EndlessLine, Then::EndlessReply] {
        all_once(&sent(Script::new().once(Point::Mail, endless.clone())).await).await;
        one_in_doubt(&sent(Script::new().once(Point::Dot, endless)).await, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b16_garbage_costs_nobody_an_attempt_and_is_in_doubt_only_after_the_dot() {
    for garbage in [&b"hello?\r\n"[..], b"\0\0\0\r\n", b"199 what\r\n", b"666 no\r\n", b"354 go on\r\n"] {
        all_once(&sent(Script::new().once(Point::Rcpt, Then::raw(garbage))).await).await;
        one_in_doubt(&sent(Script::new().once(Point::Dot, Then::raw(garbage))).await, 2).await;
        one_in_doubt(&sent(Script::new().once(Point::Dot, Then::raw_refused(garbage))).await, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b17_an_answer_that_trickles_in_past_the_deadline_of_the_whole_is_in_doubt() {
    let script = Script::new().once(Point::Dot, Then::Trickle(SHORT / 5));
    one_in_doubt(&sent_within(short_at(Point::Dot), script).await, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b18_silence_costs_nobody_an_attempt_and_is_in_doubt_only_after_the_dot() {
    let points = [Point::Greeting, Point::Ehlo, Point::Mail, Point::Rcpt, Point::Data];
    let before = points.map(|point| Box::pin(silence_before_the_dot(point)));
    let after = [(Moment::BeforeReply, 2), (Moment::BeforeEffect, 1)];
    let after = after.map(|(moment, arrived)| Box::pin(silence_after_the_dot(moment, arrived)));
    tokio::join!(together(before), together(after));
}

async fn silence_before_the_dot(point: Point) {
    let script = Script::new().once(point, Then::Stall(Moment::BeforeEffect));
    all_once(&sent_within(short_at(point), script).await).await;
}

async fn silence_after_the_dot(moment: Moment, arrived: usize) {
    let script = Script::new().once(Point::Dot, Then::Stall(moment));
    one_in_doubt(&sent_within(short_at(Point::Dot), script).await, arrived).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b20_a_connection_lost_after_the_dot_leaves_its_mail_in_doubt_and_no_other() {
    for how in [Hangup::Rst, Hangup::Fin] {
        let after = |moment| Script::new().once(Point::Dot, Then::Drop(how, moment));
        one_in_doubt(&sent(after(Moment::BeforeReply)).await, 2).await;
        one_in_doubt(&sent(after(Moment::BeforeEffect)).await, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b26_answers_that_do_not_line_up_lose_nobody_and_double_nobody_unflagged() {
    let mut cases = Vec::new();
    for chunking in [true, false] {
        for point in [Point::Mail, Point::Rcpt, Point::Data, Point::Dot] {
            for then in [Then::MissingReply, Then::ExtraReply(250, "2.0.0 Once more".into())] {
                cases.push(Box::pin(not_lined_up(chunking, Script::new().once(point, then))));
            }
        }
    }
    together(cases).await;
}

async fn not_lined_up(chunking: bool, script: Script) {
    let extensions = Extensions { chunking, ..Extensions::default() };
    let options = CaptureOptions { extensions, script, ..CaptureOptions::default() };
    let mut world = World::with(&addresses(12), options).await;
    world.relays[0].deadlines = deadlines(SHORT);
    world.finish().await;
    assert_eq!(world.count(Status::Accepted).await, 12);
    assert!(flagged(&world).await.len() <= 2, "more in doubt than one connection had under way");
    world.audit().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b28_a_relay_without_8bitmime_gets_the_same_seven_bit_mail() {
    for extensions in [Extensions { eight_bit_mime: false, ..Extensions::default() }, Extensions::none()] {
        let world = World::with(&addresses(4), CaptureOptions { extensions, ..CaptureOptions::default() }).await;
        world.finish().await;
        all_once(&world).await;
        assert!(world.relay.captured().iter().all(|mail| mail.bytes.is_ascii()));
        world.audit().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b30_a_relay_that_takes_the_same_message_id_twice_is_not_relied_on() {
    let world = sent(Script::new().once(Point::Dot, Then::Drop(Hangup::Rst, Moment::BeforeReply))).await;
    one_in_doubt(&world, 2).await;
    let twice = flagged(&world).await.remove(0).email;
    let copies: Vec<_> = world.relay.captured().into_iter().filter(|mail| mail.rcpt_to() == [twice.as_str()]).collect();
    assert_eq!((copies[0].sha256, copies[0].mail_from()), (copies[1].sha256, copies[1].mail_from()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_doubt_mails_wait_for_a_person_when_the_notice_says_hold() {
    let script = Script::new().once(Point::Dot, Then::Drop(Hangup::Rst, Moment::BeforeReply));
    let world = World::careful(&addresses(4), script).await;
    let notice = world.file("notices/leak.yaml");
    let text = std::fs::read_to_string(&notice).unwrap();
    std::fs::write(&notice, text.replace("{ resend_after: 300ms }", "hold")).unwrap();
    world.release().await;
    world
        .run_until(async || {
            world.rows().await.iter().all(|row| !matches!(row.status, Status::Queued | Status::Sending))
        })
        .await;
    assert_eq!((world.count(Status::InDoubt).await, world.count(Status::Accepted).await), (1, 3));
    assert!(world.rows().await.iter().all(|row| row.status != Status::InDoubt || row.due_at.is_none()));
    world.audit().await;
}
