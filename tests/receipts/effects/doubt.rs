//! A mail whose reply was lost: evidence decides before anything is sent again.

use super::{HERE, Office, Says, bounce};
use crate::support::postgres::{Database, Server};
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Hangup, Moment, Point, Script, Then};

/// How the reply to the dot is lost.
#[derive(Clone, Copy, Debug)]
enum Lost {
    /// The connection ends.
    OnTheWay,
    /// kill -9 before it came.
    WithTheProgram,
}

/// One member, whose mail the relay has, and nobody knows.
async fn in_doubt(lost: Lost) -> Office {
    in_doubt_on(None, lost).await
}

/// The same with the queue in a database.
async fn in_doubt_on(database: Option<&Database>, lost: Lost) -> Office {
    let then = match lost {
        Lost::OnTheWay => Then::Drop(Hangup::Rst, Moment::BeforeReply),
        Lost::WithTheProgram => Then::PauseUntil(HERE.into(), Moment::BeforeReply),
    };
    let script = Script::new().once(Point::Dot, then);
    let office = match database {
        Some(database) => Office::on(database, 1, script, "poll: 200ms").await,
        None => Office::with(1, script, "poll: 200ms").await,
    };
    match lost {
        Lost::OnTheWay => office.run_once(),
        Lost::WithTheProgram => {
            let running = office.start();
            office.relay.wait_reached(HERE).await;
            running.kill();
            office.relay.release(HERE);
            // What the killed daemon held waits for its lease there; nobody waits for that here.
            database.inspect(|queue| _ = queue.psql("UPDATE affected_members SET due_at = 1 WHERE status = 'sending'"));
        }
    }
    let row = office.row(0).await;
    assert!(matches!(row.status, Status::InDoubt | Status::Sending), "{row:?}");
    if row.status == Status::InDoubt {
        let due_at = row.due_at.unwrap();
        assert!(eventually(&async || owabi::clock::now_ms() > due_at).await);
    }
    assert_eq!(office.mails(0).len(), 1);
    office
}

/// The verbs that may find the evidence.
#[derive(Clone, Copy, Debug)]
enum Run {
    AllTheTime,
    UntilIdle,
}

async fn decides(lost: Lost, run: Run) {
    for (says, status) in WORDS {
        decides_on(&in_doubt(lost).await, says, status, run).await;
    }
}

/// What is said of the mail, and what its member is then.
const WORDS: [(Says, Status); 3] =
    [(Says::Failed, Status::Bounced), (Says::Delayed, Status::Accepted), (Says::Delivered, Status::Delivered)];

async fn decides_on(office: &Office, says: Says, status: Status, run: Run) {
    office.deliver(&bounce(&office.mails(0)[0], says));
    match run {
        Run::AllTheTime => {
            let running = office.start();
            office.reaches(0, status).await;
            assert!(running.terminate().success());
        }
        Run::UntilIdle => office.run_once(),
    }
    // Whatever were still to be sent would be sent now.
    office.run_once();
    let row = office.row(0).await;
    assert_eq!((row.status, row.possible_duplicate, row.tries), (status, false, 1), "{says:?} {row:?}");
    assert_eq!((office.mails(0).len(), office.said_of(0).len()), (1, 1), "{says:?}");
    assert_eq!((office.files("new"), office.files("cur")), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_back_for_a_mail_whose_reply_was_lost_decides_before_it_is_sent_again() {
    decides(Lost::OnTheWay, Run::AllTheTime).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_back_for_a_mail_that_a_kill_put_in_doubt_decides_before_it_is_sent_again() {
    decides(Lost::WithTheProgram, Run::AllTheTime).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_by_itself_lets_evidence_decide_too() {
    decides(Lost::OnTheWay, Run::UntilIdle).await;
    decides(Lost::WithTheProgram, Run::UntilIdle).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_evidence_decides_before_a_second_mail_too() {
    for lost in [Lost::OnTheWay, Lost::WithTheProgram] {
        for (says, status) in WORDS {
            let database = Server::shared().database();
            decides_on(&in_doubt_on(Some(&database), lost).await, says, status, Run::AllTheTime).await;
        }
    }
}

/// The second mail came, and both the row and the log say that there may be two.
async fn was_sent_again(office: &Office) {
    let again = async || office.mails(0).len() == 2;
    assert!(eventually(&again).await, "{:?}\n{}", office.row(0).await, office.program.said());
    office.reaches(0, Status::Accepted).await;
    let row = office.row(0).await;
    assert!(row.possible_duplicate, "{row:?}");
    let log = office.program.log();
    assert_eq!(log.last().unwrap()["possible_duplicate"], true, "{log:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_any_evidence_the_mail_is_sent_again_and_flagged() {
    for lost in [Lost::OnTheWay, Lost::WithTheProgram] {
        let office = in_doubt(lost).await;
        let running = office.start();
        was_sent_again(&office).await;
        assert!(running.terminate().success());
    }
}

/// When the second mail's intent was written, counted from the start of what may have brought evidence.
const WAITED: &str = "SELECT (SELECT MAX(at) FROM intents) - (SELECT MAX(since) FROM sources)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_maildir_that_cannot_be_read_holds_the_second_mail_up_for_the_patience_and_no_longer() {
    let office = in_doubt(Lost::OnTheWay).await;
    std::fs::remove_dir_all(office.maildir()).unwrap();
    office.program.configure("poll: 200ms", "poll: 200ms, patience: 2s");
    let running = office.start();
    was_sent_again(&office).await;
    assert!(office.number(WAITED).await >= 2_000, "sent again before the patience was spent");
    let source = office.program.json(&["status"])["sources"][0].clone();
    assert!(source["trouble"].as_str().is_some_and(|trouble| trouble.contains("does not exist")), "{source:#}");
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_end_by_themselves_have_patience_with_such_a_maildir_from_one_to_the_next() {
    let office = in_doubt(Lost::OnTheWay).await;
    std::fs::remove_dir_all(office.maildir()).unwrap();
    office.program.configure("poll: 200ms", "poll: 200ms, patience: 2s");
    let again = async || {
        office.run_once();
        office.mails(0).len() == 2
    };
    assert!(eventually(&again).await, "{:?}", office.row(0).await);
    assert!(office.number(WAITED).await >= 2_000, "sent again before the patience was spent");
    // What was there all the time counts as soon as it can be read.
    office.make_maildir();
    office.run_once();
    let source = office.program.json(&["status"])["sources"][0].clone();
    assert!(source["trouble"].is_null() && !source["looked_at"].is_null(), "{source:#}");
}
