//! A daemon that has nothing to do hears from the database when there is something.

use super::Installation;
use crate::support::postgres::Server;
use crate::support::program::Running;
use crate::support::world::{CAREFUL, eventually};
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::CaptureOptions;

/// A paused notice of five, and a daemon that looks at the queue once an hour unless it hears something.
async fn idle(poll: &str) -> (Installation, Running) {
    let it = Installation::with(Server::shared(), 5, CaptureOptions::default(), (CAREFUL, "lease: 10m")).await;
    it.program.configure("poll: 20ms", poll);
    it.program.json(&["pause", "leak"]);
    let running = it.run();
    listens(&it, "").await;
    (it, running)
}

/// Waits until one connection listens, another one than `before`, and gives its process.
async fn listens(it: &Installation, before: &str) -> String {
    let query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let listens = async || {
        let now = it.database.psql(query);
        now != before && now.parse::<u32>().is_ok()
    };
    assert!(eventually(&listens).await, "{}", it.program.said());
    it.database.psql(query)
}

/// A member more, due at once, of whom only the news tells: no notice changes.
fn insert(it: &Installation, member_no: &str) {
    it.database.psql(&format!(
        "INSERT INTO affected_members (notice_id, member_no, name, email, given_email, status, due_at, queued_at)
         VALUES ('leak', '{member_no}', 'x', '{member_no}@example.jp', '{member_no}@example.jp', 'queued', 1, 1)"
    ));
}

/// Waits until everybody in the queue is told.
async fn all_told(it: &Installation) {
    let told = async || it.program.rows().await.iter().all(|row| row.status == Status::Accepted);
    assert!(eventually(&told).await, "{}", it.program.said());
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
async fn a_daemon_that_looks_once_an_hour_is_woken_by_members_that_another_process_inserts() {
    let (it, running) = idle("poll: 1h").await;
    it.program.json(&["resume", "leak"]);
    all_told(&it).await;
    for member_no in ["n1", "n2"] {
        insert(&it, member_no);
        all_told(&it).await;
    }
    it.finish(running).await;
    it.everybody_was_told_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_whose_listening_connection_was_ended_listens_again() {
    let (it, running) = idle("poll: 1h").await;
    it.program.json(&["resume", "leak"]);
    all_told(&it).await;
    let before = listens(&it, "").await;
    it.database.psql(&format!("SELECT pg_terminate_backend({before})"));
    listens(&it, &before).await;
    for member_no in ["n1", "n2"] {
        insert(&it, member_no);
        all_told(&it).await;
    }
    it.finish(running).await;
    it.everybody_was_told_once().await;
}
