//! The same on PostgreSQL: several daemons, a database that goes away, and a queue that moves there.

use super::{HERE, Office, Says, bounce};
use crate::support::audit::Row;
use crate::support::postgres::{Database, Server, Stop};
use crate::support::program::Program;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{CaptureOptions, CaptureRelay, Captured, Moment, Point, Script, Then, When};
use std::collections::HashMap;
use std::time::Duration;

const RELAY: &str = "smtp:\n  relays:\n    - { name: main, host: 127.0.0.1, port: PORT, tls: none, max_connections: 4, in_flight: 2 }\n  bounce: { address: bounces@example.jp }\nreceipts: { maildir: bounces, poll: 50ms }\n";

/// An association whose queue is in `database`.
async fn office(database: &Database, members: usize, options: CaptureOptions) -> Office {
    let relay = CaptureRelay::start(options).await.unwrap();
    let keys = format!("url: \"{}\", statement_timeout: 2s, connect_timeout: 1s", database.url());
    Office::of(Program::released_on(database, &keys, &relay, RELAY, members), relay)
}

/// What is said of the mail that came as the `n`th, and what its member is then.
fn fate(n: usize) -> (Says, Status) {
    match n % 4 {
        0 => (Says::Failed, Status::Bounced),
        1 => (Says::Delivered, Status::Delivered),
        2 => (Says::Full, Status::Bounced),
        _ => (Says::Delayed, Status::Accepted),
    }
}

/// Each with one receipt and the status that it makes.
async fn judge(office: &Office, database: &Database, mails: &[Captured]) {
    let counts = "SELECT COUNT(*), COUNT(DISTINCT member_id), COUNT(DISTINCT evidence) FROM receipts";
    let (rows, n) = (office.program.rows().await, mails.len());
    assert_eq!(database.psql(counts).trim(), format!("{n}|{n}|{n}"));
    let wanted: HashMap<&str, Status> =
        mails.iter().enumerate().map(|(n, mail)| (mail.rcpt_to()[0], fate(n).1)).collect();
    let wrong: Vec<&Row> =
        rows.iter().filter(|row| wanted[row.email.as_str()] != row.status || row.possible_duplicate).collect();
    assert!(rows.len() == n && wrong.is_empty(), "{wrong:#?}");
    assert_eq!((office.files("new"), office.files("cur"), office.arrivals("parked")), (0, n, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_that_read_one_maildir_and_send_meanwhile_record_every_bounce_once() {
    const MEMBERS: usize = 400;
    let database = Server::shared().database();
    let options = CaptureOptions { rtt: Duration::from_millis(2), ..CaptureOptions::default() };
    let office = office(&database, MEMBERS, options).await;
    let daemons = [office.start(), office.start()];
    // Whatever the relay takes comes back at once, and often before its 250 is recorded.
    let mut answered = 0;
    while answered < MEMBERS {
        let arrived = async || office.relay.stats().mails > answered as u64;
        assert!(eventually(&arrived).await, "{}", office.program.said());
        for (n, mail) in office.relay.captured().iter().enumerate().skip(answered) {
            office.deliver(&bounce(mail, fate(n).0));
            answered = n + 1;
        }
    }
    let receipts = async || database.psql("SELECT COUNT(*) FROM receipts").trim() == MEMBERS.to_string();
    assert!(eventually(&receipts).await, "{}", office.program.said());
    let put_away = async || office.files("new") == 0 && office.arrivals("parked") == 0;
    assert!(eventually(&put_away).await, "{}", office.program.said());
    assert!(daemons.into_iter().all(|daemon| daemon.terminate().success()), "{}", office.program.said());
    judge(&office, &database, &office.relay.captured()).await;
    let said = office.program.said();
    // The tests' server says openly that it forgets in a power cut.
    let is_bad =
        |line: &&str| ["ERROR", "WARN"].iter().any(|word| line.contains(word)) && !line.contains("a power cut");
    let bad: Vec<&str> = said.lines().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_bounces_stay_where_they_lie_until_it_has_them() {
    const ROUNDS: usize = 3;
    const EACH: usize = 40;
    let server = Server::start_own(&[]);
    let database = server.database();
    let office = office(&database, ROUNDS * EACH, CaptureOptions::default()).await;
    office.run_once();
    let mails = office.relay.captured();
    let daemon = office.start_logging("debug", &["run"]);
    let at_work = async || database.psql("SELECT COUNT(*) FROM daemons").trim() == "1";
    assert!(eventually(&at_work).await, "{}", office.program.said());
    for round in 0..ROUNDS {
        let some: Vec<String> = (round * EACH..(round + 1) * EACH).map(|n| bounce(&mails[n], fate(n).0)).collect();
        // The first half meets a database that is about to go, the other half none.
        some[..EACH / 2].iter().for_each(|text| office.deliver(text));
        server.stop(Stop::Immediate);
        some[EACH / 2..].iter().for_each(|text| office.deliver(text));
        let refused = || office.program.said().matches("nothing can be recorded").count();
        let before = refused();
        let noticed = async || refused() > before;
        assert!(eventually(&noticed).await, "{}", office.program.said());
        let (waiting, moved) = (office.files("new"), office.files("cur"));
        assert!(waiting >= EACH / 2 && waiting + moved == (round + 1) * EACH, "{waiting} wait, {moved} were moved");
        server.start();
        let recorded: usize =
            database.psql("SELECT COUNT(*) FROM arrivals WHERE state = 'matched'").trim().parse().unwrap();
        assert!(recorded >= moved, "{moved} were moved, {recorded} are recorded");
        let taken = async || office.files("new") == 0;
        assert!(eventually(&taken).await, "{}", office.program.said());
    }
    assert!(daemon.terminate().success(), "{}", office.program.said());
    judge(&office, &database, &mails).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_moves_to_postgresql_takes_its_receipts_and_what_waits_along() {
    let script = Script::new().once(When::at(Point::Dot).nth(2), Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let office = Office::with(3, script, "poll: 50ms").await;
    let daemon = office.start();
    office.relay.wait_reached(HERE).await;
    let first = bounce(&office.mails(0)[0], Says::Failed);
    office.deliver(&first);
    office.reaches(0, Status::Bounced).await;
    office.deliver(&bounce(&office.mails(1)[0], Says::Delivered));
    let parked = async || office.arrivals("parked") == 1 && office.files("new") == 0;
    assert!(eventually(&parked).await, "{}", office.program.said());
    daemon.kill();
    office.relay.release(HERE);

    let database = Server::shared().database();
    let (old, new) = (office.program.url(), database.url().to_owned());
    office.program.json(&["db", "copy", "--from", &old, "--to", &new, "--yes"]);
    office.program.configure("sqlite:owabi.db", &new);
    let office = Office { program: office.program.moved_to(new), relay: office.relay };
    // What the killed daemon held waits for its lease; nobody waits for that here.
    database.psql("UPDATE affected_members SET due_at = 1 WHERE status = 'sending'");
    let daemon = office.start();
    office.reaches(1, Status::Delivered).await;
    office.reaches(2, Status::Accepted).await;
    // A copy of what was taken before the move is known, and what comes now is taken.
    office.deliver(&first);
    office.deliver(&bounce(&office.mails(2)[0], Says::Delivered));
    office.reaches(2, Status::Delivered).await;
    let put_away = async || office.files("new") == 0;
    assert!(eventually(&put_away).await, "{}", office.program.said());
    assert!(daemon.terminate().success());
    let rows = office.program.rows().await;
    let statuses: Vec<_> = rows.iter().map(|row| (row.status, row.possible_duplicate)).collect();
    assert_eq!(statuses, [(Status::Bounced, false), (Status::Delivered, false), (Status::Delivered, false)]);
    assert_eq!((0..3).map(|n| (office.mails(n).len(), office.said_of(n).len())).collect::<Vec<_>>(), [(1, 1); 3]);
    assert_eq!(office.arrivals("parked"), 0);
}
