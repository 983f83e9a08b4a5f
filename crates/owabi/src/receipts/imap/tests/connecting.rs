//! Reaching a server, logging in, and what ends a connection.

use super::super::connection::Deadlines;
use super::super::{Mailbox, check};
use super::server::{Act, Rules, Server};
use super::{ALWAYS, mailbox, pass, say, stocked, three, with};
use crate::config::Tls;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

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
    let mut hanging = JoinSet::new();
    for step in ["CAPABILITY", "LOGIN", "LIST", "SELECT", "NOOP", "FETCH", "UID FETCH", "UID MOVE"] {
        hanging.spawn(async move {
            let server = stocked(Rules { acts: vec![(step, Act::Hang, ALWAYS)], ..Rules::default() }).await;
            let mut mailbox = mailbox(&server);
            let soon = Duration::from_millis(300);
            mailbox.deadlines = Deadlines { connect: soon, step: soon, fetch: soon, ..Deadlines::default() };
            let failed = tokio::time::timeout(Duration::from_secs(20), pass(&mailbox)).await.unwrap().unwrap_err();
            assert!(failed.to_string().contains("no answer in time"), "{step}: {failed}");
        });
    }
    while let Some(left) = hanging.join_next().await {
        left.unwrap();
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
