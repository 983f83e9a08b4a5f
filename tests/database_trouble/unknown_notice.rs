//! A daemon among others that does not have a notice's files.

use super::Installation;
use crate::support::postgres::Server;
use crate::support::world::CAREFUL;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::CaptureOptions;

/// Another daemon was cut off: the first member's mail may have left, the second's has not.
const CUT_OFF: &str = "
    UPDATE affected_members SET status = 'sending', fence = fence + 1, due_at = 1
    WHERE id IN (SELECT id FROM affected_members ORDER BY id LIMIT 2);
    INSERT INTO intents (member_id, number, fence, at, relay, rcpt_to, message_id, envid, mail_sha256, mail_bytes, possible_duplicate)
    SELECT id, tries + 1, fence, 1, 'main', email, 'm@example.jp', 'e', 'ab', 1, FALSE FROM affected_members ORDER BY id LIMIT 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_have_been_told_waits_for_a_daemon_that_has_the_notices_files_and_they_may_come_late() {
    let it = Installation::with(Server::shared(), 3, CaptureOptions::default(), (CAREFUL, "lease: 10m")).await;
    let (files, elsewhere) = (it.program.path("notices/leak.yaml"), it.program.path("leak.yaml"));
    std::fs::rename(&files, &elsewhere).unwrap();
    it.database.psql("UPDATE notices SET state = 'paused'");
    it.database.psql(CUT_OFF);
    let running = it.run();
    it.says("a worker was cut off", 1).await;
    // A daemon does not start while it cannot send what is released.
    it.database.psql("UPDATE notices SET state = 'released'");
    it.says("a released notice is not sent", 1).await;
    let standing: Vec<Status> = it.program.rows().await.iter().map(|row| row.status).collect();
    assert_eq!(
        standing,
        [Status::Sending, Status::Queued, Status::Queued],
        "nobody knows how long the first one waits"
    );
    std::fs::rename(&elsewhere, &files).unwrap();
    it.finish(running).await;
    let flags: Vec<bool> = it.program.rows().await.iter().map(|row| row.possible_duplicate).collect();
    assert_eq!(flags, [true, false, false]);
    it.program.audit(&it.relay).await;
    assert_eq!(it.program.said().matches("a released notice is not sent").count(), 1, "{}", it.program.said());
}
