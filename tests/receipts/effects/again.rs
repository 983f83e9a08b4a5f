//! Evidence on a mail that is being, or was, sent a second time.

use super::{Office, Says, bounce};
use crate::support::world::eventually;
use owabi_core::lifecycle::Status;
use owabi_smtp::capture::{Hangup, Moment, Point, Script, Then};

fn lost() -> Then {
    Then::Drop(Hangup::Rst, Moment::BeforeReply)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_known_to_have_the_first_mail_gets_no_second_one_even_while_it_is_tried() {
    let busy = Then::reply(451, "4.3.0 Try again later");
    let office = Office::with(1, Script::new().once(Point::Dot, lost()).always(Point::Dot, busy), "poll: 50ms").await;
    office.program.configure("attempts: 3", "attempts: 1000");
    let daemon = office.start();
    let tried = async || office.row(0).await.tries >= 3;
    assert!(eventually(&tried).await, "{}", office.program.said());
    assert!(office.row(0).await.possible_duplicate);
    office.deliver(&bounce(&office.mails(0)[0], Says::Delivered));
    office.reaches(0, Status::Delivered).await;
    assert!(daemon.terminate().success());
    office.relay.set_script(Script::new());
    office.run_once();
    let row = office.row(0).await;
    assert_eq!((row.status, row.possible_duplicate), (Status::Delivered, false), "there was one mail only: {row:?}");
    assert_eq!((office.mails(0).len(), office.said_of(0)), (1, vec!["delivered".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_have_two_mails_keeps_the_flag_whatever_comes_back_for_either() {
    let office = Office::with(1, Script::new().first(2, Point::Dot, lost()), "poll: 50ms").await;
    for sent in 1..=2 {
        office.run_once();
        let row = office.row(0).await;
        assert_eq!((row.status, office.mails(0).len()), (Status::InDoubt, sent), "{row:?}");
        assert!(eventually(&async || owabi::clock::now_ms() > row.due_at.unwrap()).await);
    }
    let mails = office.mails(0);
    office.deliver(&bounce(&mails[0], Says::Failed));
    office.run_once();
    office.deliver(&bounce(&mails[1], Says::Delivered));
    office.run_once();
    let row = office.row(0).await;
    assert_eq!((row.status, row.possible_duplicate), (Status::Bounced, true), "{row:?}");
    let shown = office.shown(0);
    let of = |n: usize| (shown["receipts"][n]["says"].as_str().unwrap(), shown["receipts"][n]["attempt"].as_i64());
    assert_eq!((of(0), of(1)), (("failed", Some(1)), ("delivered", Some(2))), "{shown:#}");
    assert_eq!(office.mails(0).len(), 2, "and no third one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_in_doubt_that_waits_for_a_person_is_decided_by_evidence() {
    let office = Office::empty(Script::new().once(Point::Dot, lost()), "poll: 50ms").await;
    let text = std::fs::read_to_string(office.program.path("notices/leak.yaml")).unwrap();
    office.program.write("notices/leak.yaml", &text.replace("in_doubt: { resend_after: 300ms }", "in_doubt: hold"));
    office.fill(1);
    office.run_once();
    let row = office.row(0).await;
    assert_eq!((row.status, row.due_at), (Status::InDoubt, None), "{row:?}");
    office.deliver(&bounce(&office.mails(0)[0], Says::Delayed));
    office.run_once();
    let row = office.row(0).await;
    assert_eq!((row.status, row.reason.as_deref()), (Status::Accepted, Some("evidence")), "{row:?}");
    assert_eq!((office.mails(0).len(), row.possible_duplicate), (1, false));
}
