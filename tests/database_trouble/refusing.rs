//! The database is there and takes nothing: it is read-only, or its disk is full (D3).

use super::{BRIEF, Installation, SLOTS, slow};
use crate::support::postgres::Server;

const AWAY: &str = "cannot record, so nothing is sent";
const BACK: &str = "the database takes writes again";

/// Trouble in the middle; `why` is what must be said, once, and nobody is told twice.
async fn takes_nothing_for_a_while(server: &Server, begin: &str, end: &str, why: &str) {
    let it = Installation::with(server, 200, slow(), (BRIEF, "lease: 10m")).await;
    let running = it.run();
    it.arrived(60).await;
    it.database.psql(begin);
    it.says(AWAY, 1).await;
    let before = it.relay.stats().mails;
    // A second of tries, each with everything that is in hand.
    let tried = it.wire.round_trips() + 10;
    let tried_again = async || it.wire.round_trips() >= tried;
    assert!(crate::support::world::eventually(&tried_again).await);
    assert!(it.relay.stats().mails <= before + SLOTS && before < 150, "{before} {:?}", it.relay.stats());
    it.database.psql(end);
    it.says(BACK, 1).await;
    it.finish(running).await;
    it.everybody_was_told_once().await;
    let said = it.program.said();
    let complaints: Vec<_> = said.lines().filter(|line| line.contains(why)).collect();
    let by_whom = |whose: &str| complaints.iter().filter(|line| line.contains(whose)).count();
    assert_eq!(by_whom(AWAY), 1, "{said}");
    assert!(complaints.len() <= 3, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_while_the_database_is_read_only_nothing_is_sent_and_replies_are_kept() {
    let server = Server::start_own(&[]);
    let to = |on: &str| format!("ALTER SYSTEM SET default_transaction_read_only = {on}; SELECT pg_reload_conf()");
    takes_nothing_for_a_while(&server, &to("on"), &to("off"), "read-only transaction").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d03_while_the_databases_disk_is_full_nothing_is_sent_and_replies_are_kept() {
    let begin = "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON intents EXECUTE FUNCTION full_disk();
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON attempts EXECUTE FUNCTION full_disk();
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON affected_members EXECUTE FUNCTION full_disk()";
    let end = "DROP FUNCTION full_disk CASCADE";
    takes_nothing_for_a_while(Server::shared(), begin, end, "No space left on device").await;
}
