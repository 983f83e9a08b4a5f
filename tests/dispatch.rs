//! The dispatcher against the capture relay: everybody once, every outcome exact.

use crate::support::world::{World, addresses};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, Extensions};
use std::collections::BTreeMap;

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
