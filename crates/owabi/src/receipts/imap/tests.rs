//! Mailboxes against a server that is awkward on purpose.

mod connecting;
mod server;

use super::{Mailbox, Offer, Putting, Session, Wary, check};
use crate::config::{Imap, Tls};
use crate::receipts::counted::{Counted, Failed};
use crate::receipts::{Arrival, LARGEST, Verdict};
use owabi_store::StoreError;
use secrecy::SecretString;
use server::{Act, Rules, Server};
use std::time::Duration;

const ALWAYS: usize = usize::MAX;

fn mailbox(server: &Server) -> Mailbox {
    with(server, |_| {})
}

fn with(server: &Server, change: impl FnOnce(&mut Imap)) -> Mailbox {
    let mut settings = Imap {
        host: Some("127.0.0.1".to_owned()),
        port: Some(server.port),
        tls: Tls::None,
        auth_without_tls: true,
        user: "test".to_owned(),
        ..Imap::default()
    };
    change(&mut settings);
    Mailbox::new(&settings, SecretString::from("secret")).unwrap()
}

fn say(text: &str) -> Act {
    Act::Say(text.to_owned())
}

fn verdicts(arrivals: &[Arrival]) -> Vec<Verdict> {
    let verdict = |arrival: &Arrival| match arrival {
        Arrival::Mail(mail) if mail.raw.starts_with(b"review") => Verdict::Review,
        _ => Verdict::Matched,
    };
    arrivals.iter().map(verdict).collect()
}

async fn pass(mailbox: &Mailbox) -> Result<Counted, Failed> {
    handing_to(mailbox, async |arrivals: Vec<Arrival>| Ok(verdicts(&arrivals))).await
}

/// One connection, one pass.
async fn handing_to<F>(mailbox: &Mailbox, take: impl Fn(Vec<Arrival>) -> F) -> Result<Counted, Failed>
where
    F: Future<Output = Result<Vec<Verdict>, StoreError>>,
{
    knowing(mailbox, take, &mut Wary::default()).await
}

async fn knowing<F>(mailbox: &Mailbox, take: impl Fn(Vec<Arrival>) -> F, wary: &mut Wary) -> Result<Counted, Failed>
where
    F: Future<Output = Result<Vec<Verdict>, StoreError>>,
{
    let passing = async {
        let mut session = Session::open(mailbox, wary).await?;
        let counted = session.pass(&take).await?;
        session.close().await;
        Ok(counted)
    };
    passing.await.map_err(|trouble| mailbox.failed(trouble))
}

/// A server with two bounces, one mail for a person, and one that somebody has deleted already.
async fn stocked(rules: Rules) -> Server {
    let server = Server::start(rules).await;
    for (flags, text) in [(&[][..], "first"), (&["\\Deleted"], "deleted"), (&["\\Seen"], "review"), (&[], "last")] {
        server.state().deliver("INBOX", flags, text);
    }
    server
}

fn three() -> Counted {
    Counted { matched: 2, review: 1, ..Counted::default() }
}

#[tokio::test]
async fn what_was_recorded_is_moved_and_what_others_deleted_is_left_alone() {
    let server = stocked(Rules::default()).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    let state = server.state();
    assert_eq!(state.texts("INBOX"), ["deleted"]);
    assert_eq!(
        (state.texts("owabi/processed"), state.texts("owabi/review")),
        (vec!["first".to_owned(), "last".to_owned()], vec!["review".to_owned()])
    );
}

#[tokio::test]
async fn without_move_exactly_the_copied_mails_are_removed() {
    let rules = Rules { capabilities: "IMAP4rev1 UIDPLUS".to_owned(), ..Rules::default() };
    let server = stocked(rules).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    assert_eq!(server.state().texts("INBOX"), ["deleted"]);
    assert_eq!(server.state().texts("owabi/processed"), ["first", "last"]);
    assert_eq!(server.heard("UID EXPUNGE"), ["UID EXPUNGE 10,40", "UID EXPUNGE 30"]);
    assert!(server.heard("EXPUNGE").is_empty() && server.heard("CLOSE").is_empty());
}

#[tokio::test]
async fn with_neither_move_nor_uidplus_a_copied_mail_is_marked_stays_and_is_not_taken_again() {
    let rules = Rules { capabilities: "IMAP4rev1".to_owned(), ..Rules::default() };
    let server = stocked(rules).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    assert_eq!(server.state().texts("INBOX"), ["first", "deleted", "review", "last"]);
    assert_eq!(server.state().folders["INBOX"][0].flags, ["\\Seen", "$owabi"]);
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted::default());
    assert_eq!(server.state().texts("owabi/processed"), ["first", "last"]);
    assert!(server.state().heard.iter().all(|line| !line.contains("EXPUNGE") && !line.contains("Deleted")));
}

#[tokio::test]
async fn a_server_that_keeps_no_keywords_gets_no_copies_and_the_mails_are_taken_and_stay() {
    let permanent = "(\\Deleted \\Seen)".to_owned();
    let server = stocked(Rules { capabilities: "IMAP4rev1".to_owned(), permanent, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted { unmoved: 3, ..three() });
    assert_eq!(server.state().texts("INBOX").len(), 4);
    assert!(server.heard("UID COPY").is_empty() && server.heard("CREATE").is_empty());
    let read_only = stocked(Rules { read_only: true, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&read_only)).await.unwrap(), Counted { unmoved: 3, ..three() });
    assert!(read_only.heard("UID MOVE").is_empty());
}

#[tokio::test]
async fn nothing_is_moved_before_it_is_recorded_and_it_is_handed_over_again() {
    let server = stocked(Rules::default()).await;
    let away = handing_to(&mailbox(&server), async |_| Err(StoreError::ChangedMeanwhile)).await;
    assert!(matches!(away, Err(Failed::Store(_))));
    assert!(server.heard("UID MOVE").is_empty());
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
}

#[tokio::test]
async fn a_connection_that_ends_between_recording_and_moving_loses_nothing() {
    let acts = vec![("UID MOVE", Act::Close(String::new()), 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
    assert!(failed.contains("127.0.0.1") && failed.contains("connection was lost"), "{failed}");
    assert_eq!(server.state().texts("INBOX").len(), 4);
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    assert_eq!(server.state().texts("INBOX"), ["deleted"]);
}

#[tokio::test]
async fn folders_are_made_where_the_server_wants_them() {
    let rules = Rules { delimiter: ".".to_owned(), prefix: "INBOX.".to_owned(), ..Rules::default() };
    let server = stocked(rules.clone()).await;
    let japanese = with(&server, |imap| imap.review = "お詫び/確認".to_owned());
    assert_eq!(pass(&japanese).await.unwrap(), three());
    let folders: Vec<_> = server.state().folders.keys().cloned().collect();
    assert_eq!(folders, ["INBOX", "INBOX.&MEqKazBz-.&eLqKjQ-", "INBOX.owabi.processed"]);
    // One that does not tell of its namespace refuses the first name.
    let silent = stocked(Rules { capabilities: "IMAP4rev1 MOVE".to_owned(), ..rules }).await;
    assert_eq!(pass(&mailbox(&silent)).await.unwrap(), three());
    assert_eq!(silent.state().texts("INBOX.owabi.review"), ["review"]);
}

#[tokio::test]
async fn a_folder_that_was_tidied_away_is_made_again() {
    let acts = vec![("UID MOVE", say("{tag} NO [TRYCREATE] no such folder"), 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    assert_eq!(server.heard("UID MOVE 10,40").len(), 2);
}

#[tokio::test]
async fn two_readers_of_one_mailbox_do_no_harm() {
    let gone = say("{tag} NO [EXPUNGEISSUED] some are gone");
    let acts = vec![("UID MOVE 10", gone.clone(), 1), ("UID MOVE 30", gone, 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let other_was_here = async |arrivals: Vec<Arrival>| {
        server.state().folders.get_mut("INBOX").unwrap().retain(|mail| mail.text != b"first" && mail.text != b"review");
        Ok(verdicts(&arrivals))
    };
    assert_eq!(handing_to(&mailbox(&server), other_was_here).await.unwrap(), three());
    let moves = ["10,40 \"owabi/processed\"", "40 \"owabi/processed\"", "30 \"owabi/review\""];
    assert_eq!(server.heard("UID MOVE"), moves.map(|mails| format!("UID MOVE {mails}")));
}

#[tokio::test]
async fn mails_that_cannot_be_moved_are_counted_and_the_others_go_on() {
    let acts = vec![("UID MOVE 10,40", say("{tag} NO [OVERQUOTA] full"), ALWAYS)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted { unmoved: 2, ..three() });
    assert_eq!(server.state().texts("owabi/review"), ["review"]);
}

#[tokio::test]
async fn one_mail_that_the_server_cannot_give_does_not_keep_the_others() {
    let acts = vec![
        ("UID FETCH 10,30,40", say("* 4 FETCH (UID 40 BODY[]<0> \"last\")\r\n{tag} NO some failed"), 1),
        ("UID FETCH 10 (UID BODY", say("{tag} NO broken"), ALWAYS),
        ("UID FETCH 30 (UID BODY", say("{tag} NO gone"), ALWAYS),
    ];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let counted = pass(&mailbox(&server)).await.unwrap();
    assert_eq!(counted, Counted { matched: 1, unreadable: 2, ..Counted::default() });
    assert_eq!(server.state().texts("INBOX"), ["first", "deleted", "review"]);
    // What another reader took away meanwhile is not unreadable.
    let acts = vec![
        ("UID FETCH 10,30,40", say("{tag} NO [EXPUNGEISSUED] gone"), 1),
        ("UID FETCH 30 (UID BODY", say("{tag} NO gone"), ALWAYS),
        ("UID FETCH 30 (UID FLAGS", say("{tag} OK nothing"), ALWAYS),
    ];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted { matched: 2, ..Counted::default() });
}

#[tokio::test]
async fn a_mail_that_the_server_calls_a_bad_command_does_not_keep_the_others() {
    let acts = vec![
        ("UID FETCH 10,30,40", say("{tag} BAD Command Error. 12"), 1),
        ("UID FETCH 30 (UID", say("{tag} BAD Command Error. 12"), ALWAYS),
    ];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted { matched: 2, unreadable: 1, ..Counted::default() });
    assert_eq!(server.state().texts("INBOX"), ["deleted", "review"]);
}

#[tokio::test]
async fn a_mail_at_which_the_connection_ends_twice_is_passed_over_and_counted() {
    let acts = vec![
        ("UID FETCH 10,30,40", Act::Close(String::new()), 1),
        ("UID FETCH 30 (UID", Act::Close("* 3 FETCH (UID 30 BODY[]<0> {9}\r\nre".to_owned()), ALWAYS),
    ];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let (mailbox, mut wary) = (mailbox(&server), Wary::default());
    let take = async |arrivals: Vec<Arrival>| Ok(verdicts(&arrivals));
    for _ in 0..3 {
        assert!(matches!(knowing(&mailbox, take, &mut wary).await, Err(Failed::Source(_))));
    }
    let counted = knowing(&mailbox, take, &mut wary).await.unwrap();
    assert_eq!(counted, Counted { matched: 2, unreadable: 1, ..Counted::default() }, "with what the lost ones took");
    assert_eq!(server.state().texts("INBOX"), ["deleted", "review"]);
    assert_eq!(server.heard("UID FETCH 30 (UID BODY").len(), 2);
    // After a while it is tried again.
    wary.forgive();
    assert!(knowing(&mailbox, take, &mut wary).await.is_err());
}

#[tokio::test]
async fn a_huge_mail_is_read_up_to_the_limit_and_many_mails_in_parts() {
    let server = Server::start(Rules::default()).await;
    let size = usize::try_from(LARGEST).unwrap();
    server.state().deliver("INBOX", &[], vec![b'x'; size + 5]);
    for n in 0..1234 {
        server.state().deliver("INBOX", &[], format!("bounce {n}"));
    }
    let sizes = std::cell::RefCell::new(Vec::new());
    let take = async |arrivals: Vec<Arrival>| {
        if let Arrival::Mail(mail) = &arrivals[0] {
            sizes.borrow_mut().push((arrivals.len(), mail.raw.len(), mail.whole_size));
        }
        Ok(verdicts(&arrivals))
    };
    assert_eq!(handing_to(&mailbox(&server), take).await.unwrap().matched, 1235);
    assert_eq!(sizes.borrow()[0], (100, size, LARGEST + 5));
    assert_eq!(server.state().texts("INBOX"), Vec::<String>::new());
    assert_eq!(server.state().texts("owabi/processed").len(), 1235);
    assert!(server.heard("UID FETCH")[0].contains(&format!("BODY.PEEK[]<0.{LARGEST}>")));
}

#[tokio::test]
async fn news_end_the_waiting_at_once_and_a_connection_goes_on_where_it_was() {
    let server = stocked(Rules::default()).await;
    let mailbox = mailbox(&server);
    let mut wary = Wary::default();
    let mut session = Session::open(&mailbox, &mut wary).await.unwrap();
    let take = async |arrivals: Vec<Arrival>| Ok(verdicts(&arrivals));
    assert_eq!(session.pass(&take).await.unwrap(), three());
    let hour = Duration::from_hours(1);
    let arriving = async {
        server.idling.notified().await;
        server.state().deliver("INBOX", &[], "new");
        server.tell();
    };
    let waiting = tokio::time::timeout(Duration::from_secs(20), session.wait(true, hour));
    let (waited, ()) = tokio::join!(waiting, arriving);
    waited.unwrap().unwrap();
    assert_eq!(session.pass(&take).await.unwrap().matched, 1);
    assert_eq!(server.heard("FETCH").last().unwrap(), "FETCH 2:2 (UID RFC822.SIZE FLAGS)");
    // Without news it is said again after a while.
    session.connection.deadlines.idle = Duration::from_millis(50);
    session.wait(true, hour).await.unwrap();
    assert_eq!(server.heard("DONE").len(), 2);
    session.wait(false, Duration::from_millis(120)).await.unwrap();
    assert_eq!(server.heard("IDLE").len(), 2);
    session.close().await;
    assert_eq!(server.heard("LOGOUT").len(), 1);
}

#[tokio::test]
async fn a_mail_of_which_the_server_says_nothing_is_not_passed_over_in_silence() {
    let about = |number: u32, uid: u32| format!("* {number} FETCH (UID {uid} RFC822.SIZE 5 FLAGS (\u{fe}))\r\n");
    let listed = [about(1, 10), "* 2 FETCH garbled\r\n".to_owned(), about(3, 30), about(4, 40)].concat();
    let garbled = ("FETCH", say(&format!("{listed}{{tag}} OK done")), 1);
    let server = stocked(Rules { acts: vec![garbled.clone()], ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), Counted { unreadable: 1, ..three() });
    // Unless it is gone, as the server says a little later.
    let news = say("* 2 EXPUNGE\r\n* 3 EXISTS\r\n{tag} OK done");
    let acts = vec![garbled, ("NOOP", Act::First("* OK nothing yet".to_owned()), 1), ("NOOP", news, 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
}

#[tokio::test]
async fn a_server_that_refuses_idle_is_asked_now_and_then_instead() {
    let acts = vec![("IDLE", say("{tag} NO not now"), ALWAYS)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let mut wary = Wary::default();
    let mut session = Session::open(&mailbox(&server), &mut wary).await.unwrap();
    session.wait(true, Duration::from_millis(20)).await.unwrap();
    assert_eq!(session.pass(&async |arrivals: Vec<Arrival>| Ok(verdicts(&arrivals))).await.unwrap(), three());
}

#[tokio::test]
async fn a_check_says_what_the_server_offers_and_changes_nothing() {
    let server = stocked(Rules { capabilities: "IMAP4rev1 UIDPLUS IDLE".to_owned(), ..Rules::default() }).await;
    server.state().folders.insert("owabi/review".to_owned(), Vec::new());
    let offer = check(&mailbox(&server)).await.unwrap();
    let missing = vec!["owabi/processed".to_owned()];
    assert_eq!(offer, Offer { tls: None, mails: 4, putting: Putting::CopiedAndRemoved, idle: true, missing });
    assert!(server.heard("CREATE").is_empty() && server.heard("UID").is_empty());
}

#[test]
fn the_daemon_can_run_it_beside_its_work() {
    use super::{CancellationToken, Intake, follow};
    fn is_send<T: Send>(_: impl FnOnce(Mailbox, Intake, Duration, CancellationToken) -> T) {}
    is_send(follow);
}
