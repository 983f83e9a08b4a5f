//! The database is there and does not take something: it is read-only, its disk is full (D3), it refuses an outcome, or
//! somebody holds what every daemon needs.

use super::{CONFIRMED, FOUR, HEALTH, HERE, Installation, SLOTS, slow, slow_and_held};
use crate::database_away::{ask, health_address};
use crate::support::postgres::Server;
use crate::support::world::{CAREFUL, eventually};
use owabi_smtp::capture::CaptureOptions;
use sqlx::{Connection as _, PgConnection};

const AWAY: &str = "cannot record, so nothing is sent";
const BACK: &str = "the database takes writes again";

/// Trouble in the middle; `why` is what must be said, once, and nobody is told twice.
async fn takes_nothing_for_a_while(server: &Server, begin: &str, end: &str, why: &str) {
    let it = Installation::with(server, 200, slow_and_held(), (&[FOUR, HEALTH].concat(), "lease: 10m")).await;
    let running = it.run();
    it.holds(CONFIRMED).await;
    it.database.psql(begin);
    // A setting reaches the server's processes when they come to it.
    let refuses = async || it.database.try_psql("UPDATE intents SET at = at").is_err();
    assert!(eventually(&refuses).await);
    it.relay.release(HERE);
    it.says(AWAY, 1).await;
    it.health(503, |said| said["beating"]["ok"] == false).await;
    let before = it.relay.stats().mails;
    // A second of tries, each with everything that is in hand.
    let tried = it.wire.round_trips() + 10;
    let tried_again = async || it.wire.round_trips() >= tried;
    assert!(eventually(&tried_again).await);
    assert!(it.relay.stats().mails <= before + SLOTS && before < 150, "{before} {:?}", it.relay.stats());
    it.database.psql(end);
    it.says(BACK, 1).await;
    it.health(200, |said| said["beating"]["ok"] == true).await;
    it.finish(running).await;
    it.everybody_was_told_once().await;
    let said = it.program.said();
    let complaints: Vec<_> = said.lines().filter(|line| line.contains(why)).collect();
    let by_whom = |whose: &str| complaints.iter().filter(|line| line.contains(whose)).count();
    assert_eq!(by_whom(AWAY), 1, "{said}");
    // Everybody who writes complains once: who records, who claims, who beats and who seals.
    let parts = ["dispatch::recorder", "dispatch::claimer", "dispatch::fleet", "ledger::sealer"].map(by_whom);
    assert!(parts.iter().all(|times| *times <= 1), "{said}");
    assert_eq!(parts.iter().sum::<usize>(), complaints.len(), "{said}");
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
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON daemons EXECUTE FUNCTION full_disk();
        CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON affected_members EXECUTE FUNCTION full_disk()";
    let end = "DROP FUNCTION full_disk CASCADE";
    takes_nothing_for_a_while(Server::shared(), begin, end, "No space left on device").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_holds_what_a_beat_needs_nothing_new_is_sent_and_health_says_why() {
    let it = Installation::with(Server::shared(), 1_000, slow(), (&[FOUR, HEALTH].concat(), "lease: 10m")).await;
    let mut holder = PgConnection::connect(it.database.url()).await.unwrap();
    let running = it.run();
    it.arrived(60).await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("SELECT value FROM meta WHERE key = 'fleet' FOR UPDATE").execute(&mut *held).await.unwrap();
    let said = it.health(503, |said| said["beating"]["ok"] == false).await;
    assert_eq!((&said["status"], &said["database"]["ok"]), (&"trouble".into(), &false.into()), "{said}");
    assert!(said["beating"]["why"].is_string() && said["beating"]["since"].is_string(), "{said}");
    held.commit().await.unwrap();
    it.health(200, |said| said["beating"]["ok"] == true).await;
    it.finish(running).await;
    it.everybody_was_told_once().await;
    let news = ["this daemon has no beat: it begins", "this daemon has a beat again"];
    assert_eq!(news.map(|news| it.program.said().matches(news).count()), [1, 1], "{}", it.program.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outcomes_that_the_database_refuses_are_kept_in_the_spool_file_and_health_says_so_until_it_takes_some() {
    let with = (&*[CAREFUL, HEALTH].concat(), "lease: 10m");
    let it = Installation::with(Server::shared(), 3, CaptureOptions::default(), with).await;
    it.database.psql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not for taro@example.jp' USING ERRCODE = 'check_violation'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON attempts FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let running = it.run();
    let said = it.health(503, |said| said["database"]["ok"] == false).await;
    assert!(said["database"]["why"].as_str().unwrap().contains("23514"), "{said}");
    let health = health_address(&it.program).await;
    let all_kept = async || {
        assert_eq!(ask(health).0, 503, "an intent that is taken proves nothing");
        !it.program.spooled().is_empty() && std::fs::read_to_string(it.program.spool()).unwrap().lines().count() == 3
    };
    assert!(eventually(&all_kept).await, "{}", it.program.said());
    it.database.psql("DROP FUNCTION refuse CASCADE");
    assert_eq!(running.terminate().code(), Some(69), "{}", it.program.said());
    let log = it.program.said();
    assert_eq!(log.matches("the database refuses what is to be recorded").count(), 1, "{log}");
    assert!(!log.contains("taro"), "the server's words quote a row: {log}");
    it.finish(it.run()).await;
    assert!(it.program.spooled().is_empty(), "{:?}", it.program.spooled());
    it.everybody_was_told_once().await;
}
