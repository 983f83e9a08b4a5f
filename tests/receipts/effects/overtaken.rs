//! A bounce that is faster than the relay's own reply (C11).

use super::{HERE, Office, Says, bounce};
use crate::support::program::Running;
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Moment, Point, Script, Then};

/// The first of three mails is with the relay, whose reply waits, and its bounce is read. Only the daemon's own look at what
/// waits can bring the two together: the Maildir is not looked at again for an hour.
async fn overtaken() -> (Office, Running) {
    let script = Script::new().once(Point::Dot, Then::PauseUntil(HERE.into(), Moment::BeforeReply));
    let office = Office::with(3, script, "poll: 1h").await;
    let running = office.start();
    office.relay.wait_reached(HERE).await;
    office.deliver(&bounce(&office.mails(0)[0], Says::Failed));
    let parked = async || office.arrivals("parked") == 1 && office.files("cur") == 1;
    assert!(eventually(&parked).await, "{}", office.program.said());
    assert_eq!(office.row(0).await.status, Status::Sending);
    assert!(office.said_of(0).is_empty());
    (office, running)
}

async fn settled(office: &Office) {
    for (member, status) in [Status::Bounced, Status::Accepted, Status::Accepted].into_iter().enumerate() {
        office.reaches(member, status).await;
    }
    let row = office.row(0).await;
    assert_eq!((row.reason.as_deref(), row.possible_duplicate), (Some("bad_address"), false), "{row:?}");
    assert_eq!((office.mails(0).len(), office.said_of(0).len(), office.arrivals("parked")), (1, 1, 0));
    assert_eq!((office.files("new"), office.files("cur")), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_bounce_before_the_relay_s_own_reply_waits_and_is_matched_after_it() {
    let (office, running) = overtaken().await;
    office.relay.release(HERE);
    settled(&office).await;
    assert!(running.terminate().success());
    let shown = office.shown(0);
    assert_eq!(
        (&shown["receipts"][0]["status_before"], &shown["attempts"][0]["outcome"]),
        (&"accepted".into(), &"accepted".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_bounce_that_waits_when_the_program_is_killed_decides_and_nothing_is_sent_again() {
    let (office, running) = overtaken().await;
    running.kill();
    office.relay.release(HERE);
    // From now on the Maildir is looked at all the time: an empty one must not pass for the whole evidence.
    office.program.configure("poll: 1h", "poll: 50ms");
    let running = office.start();
    settled(&office).await;
    assert!(running.terminate().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_run_that_ends_by_itself_matches_what_waited_too() {
    let (office, running) = overtaken().await;
    running.kill();
    office.relay.release(HERE);
    office.run_once();
    settled(&office).await;
}
