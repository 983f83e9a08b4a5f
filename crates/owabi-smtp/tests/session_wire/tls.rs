//! TLS that is asked for is had and verified, or nothing is sent.

use crate::support::{Step, greet, hear, relay, say, send, serve};
use owabi_core::outcome::{Fault, FaultKind};
use owabi_smtp::relay::{Relay, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A fresh authority's PEM, and a server that bears its certificate for `name`.
fn certify(name: &str, expired: bool) -> (Vec<u8>, TlsAcceptor) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem().into_bytes();
    let key = KeyPair::generate().unwrap();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        leaf.not_after = date_time_ymd(2001, 1, 1);
        leaf.not_before = date_time_ymd(2000, 1, 1);
    }
    let certificate = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (ca_pem, TlsAcceptor::from(Arc::new(config)))
}

/// A relay that follows `before` in plain text, then `within` inside TLS.
async fn tls_relay(acceptor: TlsAcceptor, before: Vec<Step>, within: Vec<Step>) -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        if !before.is_empty() {
            let mut script = before;
            script.push(Step::Pause(std::time::Duration::MAX));
            serve(&mut stream, script).await;
        }
        if let Ok(stream) = acceptor.accept(stream).await {
            serve(stream, within).await;
        }
    });
    Relay { server_name: Some("relay.test".to_owned()), ..Relay::new("test", "127.0.0.1", port) }
}

fn up_to_starttls() -> Vec<Step> {
    let mut script = greet(&["STARTTLS", "PIPELINING", "CHUNKING"]);
    script.extend([hear("STARTTLS"), say("220 go\r\n")]);
    script
}

async fn fault_of(relay: &Relay) -> Fault {
    owabi_smtp::open(relay).await.expect_err("the connection opened")
}

#[tokio::test]
async fn starttls_and_implicit_tls_carry_a_mail_to_a_verified_relay() {
    for tls in [Tls::StartTls, Tls::Implicit] {
        let (ca, acceptor) = certify("relay.test", false);
        let mut within = greet(&["PIPELINING"]);
        if tls == Tls::StartTls {
            within.remove(0);
        }
        within.extend([hear("MAIL"), hear("RCPT"), hear("DATA"), say("250 a\r\n250 b\r\n354 c\r\n")]);
        within.extend([Step::HearDot, say("250 queued as A1\r\n")]);
        let before = if tls == Tls::StartTls { up_to_starttls() } else { Vec::new() };
        let relay = Relay { tls, ca_pem: Some(ca), ..tls_relay(acceptor, before, within).await };
        let mut session = owabi_smtp::open(&relay).await.unwrap();
        assert!(session.tls().unwrap().starts_with("TLSv1.3 TLS_"), "{:?}", session.tls());
        assert!(!session.capabilities().chunking, "what was offered before TLS is forgotten");
        let (outcomes, closed) = send(&mut session, 1).await;
        assert!(matches!(outcomes[&1], owabi_core::outcome::Outcome::Accepted(_)), "{outcomes:?} {closed:?}");
    }
}

#[tokio::test]
async fn b21_a_relay_without_starttls_hears_nothing_but_ehlo() {
    let mut refused = greet(&["STARTTLS"]);
    refused.extend([hear("STARTTLS"), say("454 not now\r\n")]);
    for script in [greet(&["PIPELINING", "AUTH PLAIN"]), refused] {
        let (mut relay, served) = relay(script).await;
        relay.tls = Tls::StartTls;
        assert_eq!(fault_of(&relay).await.kind, FaultKind::Tls);
        assert_eq!(served.await.unwrap(), "");
    }
}

#[tokio::test]
async fn b22_bytes_injected_behind_the_220_fail_the_connection() {
    let mut script = greet(&["STARTTLS"]);
    script.extend([hear("STARTTLS"), say("220 go\r\n250 injected\r\n")]);
    let (mut relay, served) = relay(script).await;
    relay.tls = Tls::StartTls;
    let fault = fault_of(&relay).await;
    assert!(fault.kind == FaultKind::Tls && fault.detail.en.contains("injection"), "{fault}");
    assert_eq!(served.await.unwrap(), "");
}

#[tokio::test]
async fn b23_a_bad_certificate_is_named_and_refused() {
    for (name, expired, pinned, words) in [
        ("relay.test", true, true, "has expired"),
        ("other.test", false, true, "is for another name"),
        ("relay.test", false, false, "comes from an unknown authority"),
    ] {
        let (ca, acceptor) = certify(name, expired);
        let ca = if pinned { ca } else { certify("relay.test", false).0 };
        let relay = tls_relay(acceptor, Vec::new(), Vec::new()).await;
        let fault = fault_of(&Relay { tls: Tls::Implicit, ca_pem: Some(ca), ..relay }).await;
        assert!(fault.kind == FaultKind::Tls && fault.detail.en.contains(words), "{fault}");
    }
}

#[tokio::test]
async fn a_pinned_file_without_a_certificate_is_an_error_and_not_the_systems_roots() {
    let (_, acceptor) = certify("relay.test", false);
    let relay = tls_relay(acceptor, Vec::new(), Vec::new()).await;
    let fault = fault_of(&Relay { tls: Tls::Implicit, ca_pem: Some(b"nothing".to_vec()), ..relay }).await;
    assert_eq!((fault.kind, fault.detail.en.as_str()), (FaultKind::Tls, "the pinned CA file holds no certificate"));
}
