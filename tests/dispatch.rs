//! The dispatcher against the capture relay: everybody once, every outcome exact.

use crate::support::world::{NOTICE, World, addresses, eventually};
use owabi::dispatch::Options;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Extensions, Point, Script, Then};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_gets_exactly_one_mail_and_the_hash_in_the_log_is_the_mails() {
    let world = World::with(&addresses(200), CaptureOptions::default()).await;
    let summary = world.run().await;
    assert_eq!((summary.accepted, summary.failed, summary.in_doubt), (200, 0, 0));
    assert_eq!(world.count(Status::Accepted).await, 200);
    let captured: BTreeMap<String, String> =
        world.relay.captured().iter().map(|mail| (mail.rcpt_to()[0].to_owned(), mail.sha256_hex())).collect();
    assert_eq!((captured.len(), world.relay.captured().len()), (200, 200));
    for row in world.log().await {
        assert_eq!(captured.get(row.email.as_deref().unwrap()), row.mail_sha256.as_ref());
        assert!(row.queue_id.is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_without_chunking_or_pipelining_get_the_same_mails() {
    for (chunking, pipelining) in [(false, true), (false, false)] {
        let extensions = Extensions { chunking, pipelining, ..Extensions::default() };
        let world = World::with(&addresses(50), CaptureOptions { extensions, ..CaptureOptions::default() }).await;
        assert_eq!(world.run().await.accepted, 50);
        assert_eq!(world.relay.deliveries().len(), 50);
        assert_eq!(world.relay.stats().mails, 50);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_4_a_text_that_is_not_the_released_one_is_not_sent() {
    let world = World::with(&addresses(5), CaptureOptions::default()).await;
    let body = world.file("templates/leak/body.txt.hbs");
    let released = std::fs::read_to_string(&body).unwrap();
    std::fs::write(&body, format!("{released}追伸\n")).unwrap();
    world.run().await;
    assert_eq!((world.relay.stats().connections, world.count(Status::Queued).await), (0, 5));
    std::fs::write(&body, released).unwrap();
    assert_eq!(world.run().await.accepted, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_6_what_is_not_understood_is_tried_again_and_kept_word_for_word() {
    let script = Script::new().first(1, Point::Rcpt, Then::reply(499, "The mail goblin is asleep"));
    let world = World::careful(&addresses(2), script).await;
    world.finish().await;
    assert_eq!(world.count(Status::Accepted).await, 2);
    let log = world.log().await;
    let odd = log.iter().find(|entry| entry.code == Some(499)).unwrap();
    assert_eq!((odd.outcome.as_deref(), odd.reply.as_deref()), (Some("deferred"), Some("The mail goblin is asleep")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_in_the_middle_sends_everybody_home_queued_or_accepted_and_the_relay_knows_the_same() {
    for (chunking, pipelining) in [(true, true), (false, true), (false, false)] {
        let extensions = Extensions { chunking, pipelining, ..Extensions::default() };
        let options = CaptureOptions { extensions, rtt: Duration::from_millis(2), ..CaptureOptions::default() };
        let world = World::with(&addresses(2_000), options).await;
        let stop = CancellationToken::new();
        let pause = async {
            assert!(eventually(&async || world.relay.stats().mails > 50).await);
            let now = owabi::clock::now_ms();
            assert!(world.store.set_state(NOTICE, (&["released"], "paused"), Some("test"), "test", now).await.unwrap());
            let at_home = eventually(&async || world.count(Status::Sending).await == 0).await;
            stop.cancel();
            at_home
        };
        let (_, at_home) = tokio::join!(world.run_with(Options { until_idle: false }, stop.clone()), pause);
        let counts = world.counts().await;
        assert!(at_home, "rows of a paused notice stay with nobody: {counts:?}");
        let accepted = counts.get(&Status::Accepted).copied().unwrap_or(0);
        assert!(accepted < 2_000 && accepted + counts[&Status::Queued] == 2_000, "{counts:?}");
        assert_eq!(u64::try_from(accepted).unwrap(), world.relay.stats().mails);
    }
}
