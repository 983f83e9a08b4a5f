//! Mailboxes against a server that is awkward on purpose.

mod server;

use super::connection::Deadlines;
use super::{Mailbox, Offer, Putting, Session, check};
use crate::config::{Imap, Tls};
use crate::receipts::counted::{Counted, Failed};
use crate::receipts::{Arrival, LARGEST, Verdict};
use owabi_store::StoreError;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use server::{Act, Rules, Server};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

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
    let passing = async {
        let mut session = Session::open(mailbox).await?;
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
async fn a_goodbye_in_the_middle_is_said_and_nothing_is_moved_after_it() {
    let acts = vec![("UID FETCH", Act::Close("* BYE [UNAVAILABLE] going down\r\n".to_owned()), 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
    assert!(failed.contains("it ended the connection (UNAVAILABLE)"), "{failed}");
    assert!(server.heard("UID MOVE").is_empty());
}

#[tokio::test]
async fn new_uids_in_the_middle_end_the_connection_before_anything_is_moved() {
    let acts = vec![("UID FETCH", Act::First("* OK [UIDVALIDITY 2] renumbered".to_owned()), 1)];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
    assert!(failed.contains("new numbers"), "{failed}");
    assert!(server.heard("UID MOVE").is_empty());
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
}

#[tokio::test]
async fn a_server_that_hangs_is_left_at_every_step() {
    for step in ["CAPABILITY", "LOGIN", "LIST", "SELECT", "NOOP", "FETCH", "UID FETCH", "UID MOVE"] {
        let server = stocked(Rules { acts: vec![(step, Act::Hang, ALWAYS)], ..Rules::default() }).await;
        let mut mailbox = mailbox(&server);
        let soon = Duration::from_millis(300);
        mailbox.deadlines = Deadlines { connect: soon, step: soon, fetch: soon, ..Deadlines::default() };
        let failed = tokio::time::timeout(Duration::from_secs(20), pass(&mailbox)).await.unwrap().unwrap_err();
        assert!(failed.to_string().contains("no answer in time"), "{step}: {failed}");
    }
}

#[tokio::test]
async fn a_refused_login_is_tried_once_and_told_without_the_user_and_the_password() {
    let server = stocked(Rules::default()).await;
    let wrong = with(&server, |imap| imap.user = "taro@example.jp".to_owned());
    let failed = pass(&wrong).await.unwrap_err().to_string();
    assert!(failed.contains("127.0.0.1") && failed.contains("(AUTHENTICATIONFAILED)"), "{failed}");
    assert!(failed.contains("receipts.imap.user"), "{failed}");
    assert!(!failed.contains("taro") && !failed.contains("secret") && !wrong.source().contains("taro"), "{failed}");
    assert_eq!(server.heard("LOGIN").len(), 1);
    assert!(!format!("{wrong:?}").contains("secret"));
}

#[tokio::test]
async fn where_login_is_disabled_plain_is_used_or_the_password_does_not_leave() {
    let rules = |capabilities: &str| Rules { capabilities: capabilities.to_owned(), ..Rules::default() };
    let server = stocked(rules("IMAP4rev1 LOGINDISABLED AUTH=PLAIN MOVE")).await;
    assert_eq!(pass(&mailbox(&server)).await.unwrap(), three());
    assert!(server.heard("LOGIN").is_empty());
    let server = stocked(rules("IMAP4rev1 LOGINDISABLED AUTH=GSSAPI")).await;
    let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
    assert!(failed.contains("receipts.imap.tls"), "{failed}");
    assert_eq!(server.state().heard, ["CAPABILITY"]);
    let no_tls = with(&server, |imap| imap.auth_without_tls = false);
    assert!(pass(&no_tls).await.unwrap_err().to_string().contains("receipts.imap.tls"));
}

#[tokio::test]
async fn a_password_that_cannot_be_quoted_needs_plain() {
    let server = stocked(Rules::default()).await;
    let mut odd = mailbox(&server);
    odd.password = SecretString::from("パスワード");
    let failed = pass(&odd).await.unwrap_err().to_string();
    assert!(failed.contains("AUTH=PLAIN") && server.heard("LOGIN").is_empty(), "{failed}");
    let mut quoted = mailbox(&server);
    quoted.password = SecretString::from("a\"b\\c");
    assert!(pass(&quoted).await.is_err());
    assert_eq!(server.heard("LOGIN"), ["LOGIN \"test\" \"a\\\"b\\\\c\""]);
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
        ("UID FETCH 10 ", say("{tag} NO broken"), ALWAYS),
    ];
    let server = stocked(Rules { acts, ..Rules::default() }).await;
    let counted = pass(&mailbox(&server)).await.unwrap();
    assert_eq!(counted, Counted { matched: 1, review: 1, unreadable: 1, ..Counted::default() });
    assert_eq!(server.state().texts("INBOX"), ["first", "deleted"]);
}

#[tokio::test]
async fn more_than_was_asked_for_is_refused_before_it_is_held() {
    for answer in ["* 1 FETCH (UID 10 BODY[]<0> {400000000}", "* 1 FETCH (UID 10 BODY[]<0> {99999999999999999999}"] {
        let server = stocked(Rules { acts: vec![("UID FETCH", say(answer), 1)], ..Rules::default() }).await;
        let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
        assert!(failed.contains("more than was asked for"), "{failed}");
    }
    let endless = "x".repeat(300_000);
    let server = stocked(Rules { acts: vec![("NOOP", say(&endless), 1)], ..Rules::default() }).await;
    let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
    assert!(failed.contains("more than was asked for"), "{failed}");
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
async fn a_folder_that_is_not_there_and_a_server_that_is_none_are_said() {
    let server = stocked(Rules::default()).await;
    let failed = pass(&with(&server, |imap| imap.folder = "Bounces".to_owned())).await.unwrap_err().to_string();
    assert!(failed.contains("there is no folder Bounces: see receipts.imap.folder"), "{failed}");
    for (greeting, said) in [
        ("220 mail.example.jp ESMTP", "no IMAP server"),
        ("* BYE [UNAVAILABLE] too many", "ended the connection (UNAVAILABLE)"),
        ("* NO x", "refused, the connection"),
    ] {
        let server = Server::start(Rules { greeting: greeting.to_owned(), ..Rules::default() }).await;
        let failed = pass(&mailbox(&server)).await.unwrap_err().to_string();
        assert!(failed.contains(said), "{failed}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failed = pass(&with(&server, |imap| imap.port = Some(port))).await.unwrap_err().to_string();
    assert!(failed.contains("IMAP server 127.0.0.1: cannot be reached"), "{failed}");
}

#[tokio::test]
async fn news_end_the_waiting_at_once_and_a_connection_goes_on_where_it_was() {
    let server = stocked(Rules::default()).await;
    let mailbox = mailbox(&server);
    let mut session = Session::open(&mailbox).await.unwrap();
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
async fn a_check_says_what_the_server_offers_and_changes_nothing() {
    let server = stocked(Rules { capabilities: "IMAP4rev1 UIDPLUS IDLE".to_owned(), ..Rules::default() }).await;
    server.state().folders.insert("owabi/review".to_owned(), Vec::new());
    let offer = check(&mailbox(&server)).await.unwrap();
    let missing = vec!["owabi/processed".to_owned()];
    assert_eq!(offer, Offer { tls: None, mails: 4, putting: Putting::CopiedAndRemoved, idle: true, missing });
    assert!(server.heard("CREATE").is_empty() && server.heard("UID").is_empty());
}

/// A fresh authority's PEM in a file, and a server that bears its certificate for `name`.
fn certify(name: &str) -> (TempDir, TlsAcceptor) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (home, TlsAcceptor::from(Arc::new(config)))
}

fn tls_mailbox(server: &Server, home: &TempDir, tls: Tls, name: &str) -> Mailbox {
    with(server, |imap| {
        imap.tls = tls;
        imap.auth_without_tls = false;
        imap.ca_file = Some(home.path().join("ca.pem"));
        imap.server_name = Some(name.to_owned());
    })
}

#[tokio::test]
async fn both_kinds_of_tls_are_verified_and_the_password_travels_only_inside() {
    let (home, acceptor) = certify("imap.test");
    let starttls = Rules { capabilities: "IMAP4rev1 STARTTLS MOVE".to_owned(), ..Rules::default() };
    for (tls, implicit) in [(Tls::Implicit, true), (Tls::Starttls, false)] {
        let server = Server::secured(starttls.clone(), Some(acceptor.clone()), implicit).await;
        server.state().deliver("INBOX", &[], "bounce");
        let offer = check(&tls_mailbox(&server, &home, tls, "imap.test")).await.unwrap();
        assert!(offer.tls.unwrap().starts_with("TLSv1.3 "));
        assert_eq!(pass(&tls_mailbox(&server, &home, tls, "imap.test")).await.unwrap().matched, 1);
        let failed = pass(&tls_mailbox(&server, &home, tls, "other.test")).await.unwrap_err().to_string();
        assert!(failed.contains("certificate is for another name"), "{failed}");
        let (stranger, _) = certify("imap.test");
        let failed = pass(&tls_mailbox(&server, &stranger, tls, "imap.test")).await.unwrap_err().to_string();
        assert!(failed.contains("unknown authority"), "{failed}");
        assert_eq!(server.heard("LOGIN").len(), 2, "only to the server that could prove its name");
    }
}

#[tokio::test]
async fn what_comes_before_the_handshake_or_instead_of_starttls_ends_the_connection() {
    let (home, acceptor) = certify("imap.test");
    let rules = |capabilities: &str| Rules { capabilities: capabilities.to_owned(), ..Rules::default() };
    let injected = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n".to_owned();
    let preauth = "* PREAUTH hello".to_owned();
    for (rules, said) in [
        (Rules { injected, ..rules("IMAP4rev1 STARTTLS") }, "before the TLS handshake"),
        (rules("IMAP4rev1"), "does not offer STARTTLS"),
        (Rules { greeting: preauth, ..rules("IMAP4rev1 STARTTLS") }, "STARTTLS cannot protect"),
    ] {
        let server = Server::secured(rules, Some(acceptor.clone()), false).await;
        let failed = pass(&tls_mailbox(&server, &home, Tls::Starttls, "imap.test")).await.unwrap_err().to_string();
        assert!(failed.contains(said), "{failed}");
        assert!(server.heard("LOGIN").is_empty());
    }
}

#[test]
fn the_daemon_can_run_it_beside_its_work() {
    use super::{CancellationToken, Intake, follow};
    fn is_send<T: Send>(_: impl FnOnce(Mailbox, Intake, Duration, CancellationToken) -> T) {}
    is_send(follow);
}
