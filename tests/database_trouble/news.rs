//! A daemon that has nothing to do hears from the database when there is something.

use super::Installation;
use crate::support::postgres::Server;
use crate::support::program::Running;
use crate::support::world::{CAREFUL, eventually};
use owabi_smtp::capture::CaptureOptions;

/// A paused notice of five, and a daemon that looks at the queue once an hour unless it hears something.
async fn idle(poll: &str) -> (Installation, Running) {
    let it = Installation::with(Server::shared(), 5, CaptureOptions::default(), (CAREFUL, "lease: 10m")).await;
    it.program.configure("poll: 20ms", poll);
    it.program.json(&["pause", "leak"]);
    let running = it.run();
    listens(&it, 1).await;
    (it, running)
}

/// Waits until this many connections have listened.
async fn listens(it: &Installation, connections: usize) {
    let query = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let listens = async || it.database.psql(query) == connections.to_string();
    assert!(eventually(&listens).await, "{}", it.program.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_looks_once_an_hour_is_woken_by_a_notice_that_another_process_resumes() {
    let (it, running) = idle("poll: 1h").await;
    assert_eq!(it.relay.stats().mails, 0);
    it.program.json(&["resume", "leak"]);
    it.arrived(5).await;
    it.finish(running).await;
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_listening_connection_was_ended_listens_again() {
    let (it, running) = idle("poll: 1h").await;
    it.database.psql(
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    );
    listens(&it, 1).await;
    it.program.json(&["resume", "leak"]);
    it.arrived(5).await;
    it.finish(running).await;
    it.everybody_was_told_once().await;
}
