//! The capture relay under TLS, from good to hostile, with lettre as a client from outside.

#![expect(clippy::unwrap_used, reason = "a failure here fails the test")]

mod capture_client;

use std::sync::Arc;

use capture_client::{Client, start, take_one};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use owabi_smtp::capture::{Account, CaptureOptions, CaptureRelay, Point, Script, Then, server_config_from_pem};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

struct Identity {
    server: Arc<ServerConfig>,
    pem: String,
}

fn identity() -> Identity {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    Identity { server: server_config_from_pem(pem.as_bytes(), key.as_bytes()).unwrap(), pem }
}

fn connector(identity: &Identity) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(identity.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn secure(identity: &Identity, io: impl capture_client::Io + 'static) -> Client {
    let name = ServerName::try_from("localhost").unwrap();
    Client::over(connector(identity).connect(name, io).await.unwrap())
}

fn lettre_client(relay: &CaptureRelay, identity: &Identity, implicit: bool) -> AsyncSmtpTransport<Tokio1Executor> {
    let root = Certificate::from_pem(identity.pem.as_bytes()).unwrap();
    let parameters = TlsParameters::builder("localhost".into()).add_root_certificate(root).build_rustls().unwrap();
    let tls = if implicit { Tls::Wrapper(parameters) } else { Tls::Required(parameters) };
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost")
        .port(relay.addr().port())
        .tls(tls)
        .credentials(Credentials::new("user".into(), "password".into()))
        .build()
}

fn account() -> Account {
    Account { user: "user".into(), password: "password".into() }
}

#[tokio::test]
async fn starttls_is_offered_once_and_forgets_what_was_said_before() {
    let identity = identity();
    let starttls = Some(Arc::clone(&identity.server));
    let relay = start(CaptureOptions { starttls, tls_required: true, ..CaptureOptions::default() }).await;
    let mut client = Client::connect(&relay).await;
    assert!(client.ask("EHLO me\r\n").await.contains("STARTTLS"));
    client.talk(&[("MAIL FROM:<a@b.jp>", "530 5.7.0"), ("STARTTLS", "220 2.0.0")]).await;
    let mut client = secure(&identity, client.io).await;
    client.talk(&[("MAIL FROM:<a@b.jp>", "503")]).await;
    assert!(!client.ask("EHLO me\r\n").await.contains("STARTTLS"));
    take_one(&mut client).await;
    assert!(relay.captured()[0].tls);
    assert_eq!(relay.stats().tls_handshakes, 1);
}

#[tokio::test]
async fn lettre_delivers_over_starttls_and_over_implicit_tls_with_auth() {
    let identity = identity();
    for implicit in [false, true] {
        let server = Some(Arc::clone(&identity.server));
        let (starttls, implicit_tls) = if implicit { (None, server) } else { (server, None) };
        let options = CaptureOptions { starttls, implicit_tls, tls_required: true, ..CaptureOptions::default() };
        let relay = start(CaptureOptions { account: Some(account()), auth_required: true, ..options }).await;
        let message = Message::builder().from("a@example.jp".parse().unwrap()).to("b@example.jp".parse().unwrap());
        let message = message.subject("Hi").body(".dots\r\n..\r\n".to_owned()).unwrap();
        lettre_client(&relay, &identity, implicit).send(message.clone()).await.unwrap();
        let mail = relay.captured().remove(0);
        // lettre's DATA puts a line end of its own between the message and the dot.
        assert_eq!(mail.bytes, [message.formatted().as_slice(), b"\r\n"].concat());
        assert_eq!((mail.tls, mail.user.as_deref()), (true, Some("user")));
    }
}

#[tokio::test]
async fn starttls_can_be_refused() {
    let script = Script::new().always(Point::StartTls, Then::reply(454, "4.7.0 TLS not available"));
    let starttls = Some(identity().server);
    let relay = start(CaptureOptions { starttls, script, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    client.talk(&[("STARTTLS", "454 4.7.0"), ("NOOP", "250")]).await;
}

#[tokio::test]
async fn octets_can_be_injected_after_the_220_of_starttls() {
    let script = Script::new().always(Point::StartTls, Then::raw("220 2.0.0 go\r\n250 injected\r\n"));
    let starttls = Some(identity().server);
    let relay = start(CaptureOptions { starttls, script, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    assert_eq!(client.ask_lines("STARTTLS\r\n", 2).await, "220 2.0.0 go\r\n250 injected\r\n");
}

#[tokio::test]
async fn commands_sent_along_with_starttls_are_not_taken() {
    let starttls = Some(identity().server);
    let relay = start(CaptureOptions { starttls, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    assert!(client.ask("STARTTLS\r\nMAIL FROM:<a@b.jp>\r\n").await.starts_with("554 5.5.0"));
    client.expect_end().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_counted() {
    let (shown, trusted) = (identity(), identity());
    let relay = start(CaptureOptions { implicit_tls: Some(shown.server), ..CaptureOptions::default() }).await;
    let io = TcpStream::connect(relay.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector(&trusted).connect(name, io).await.is_err());
    relay.wait_closed().await;
    assert_eq!(relay.stats().tls_failures, 1);
}

#[tokio::test]
async fn auth_can_fail_for_a_while() {
    let script = Script::new().once(Point::Auth, Then::reply(454, "4.7.0 Temporary authentication failure"));
    let relay = start(CaptureOptions { account: Some(account()), script, ..CaptureOptions::default() }).await;
    let mut client = Client::hello(&relay).await;
    let auth = "AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=";
    client.talk(&[(auth, "454 4.7.0"), (auth, "235 2.7.0")]).await;
}
