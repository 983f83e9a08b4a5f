//! What a TLS layer holds back when the relay does not read: only seen from inside.

use super::{Parcel, Session};
use crate::relay::{Relay, Tls};
use crate::tls::Stream;
use owabi_core::outcome::{FaultKind, Outcome};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const LEASE: Duration = Duration::from_mins(1);
const STOPPED: Duration = Duration::from_mins(10);
const IN_FLIGHT: u64 = 64;

/// A fresh authority's PEM, and a server that bears its certificate.
fn certify() -> (Vec<u8>, TlsAcceptor) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem().into_bytes();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["relay.test".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key).unwrap();
    (ca_pem, TlsAcceptor::from(Arc::new(config)))
}

/// A relay with small buffers that offers CHUNKING and then does not read before it is `woken`.
///
/// Then it reads all that has left the client's machine and, if it is to be `rude`, says something that is not TLS; it
/// tells so, and returns all that it ever heard.
fn relay(rude: bool, woken: Arc<Notify>, told: Arc<Notify>) -> (Relay, JoinHandle<String>) {
    let (ca, acceptor) = certify();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        stream.write_all(b"220 x\r\n").await.unwrap();
        let mut ehlo = [0; 64];
        assert!(stream.read(&mut ehlo).await.unwrap() > 0);
        stream.write_all(b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n").await.unwrap();
        woken.notified().await;
        let mut heard = Vec::new();
        read_all(&mut stream, &mut heard, Duration::from_millis(200)).await;
        if rude {
            stream.get_mut().0.write_all(b"this is not TLS\r\n").await.unwrap();
        }
        told.notify_one();
        read_all(&mut stream, &mut heard, Duration::from_secs(20)).await;
        String::from_utf8(heard).unwrap()
    });
    let tls = Tls::Implicit;
    let in_flight = usize::try_from(IN_FLIGHT).unwrap();
    let name = Some("relay.test".to_owned());
    let relay = Relay { tls, ca_pem: Some(ca), server_name: name, in_flight, ..Relay::new("test", "127.0.0.1", port) };
    (relay, served)
}

/// Reads until the end, or until nothing comes for so long.
async fn read_all(stream: &mut TlsStream<TcpStream>, heard: &mut Vec<u8>, quiet: Duration) {
    let mut octets = [0; 4096];
    while let Ok(Ok(read @ 1..)) = timeout(quiet, stream.read(&mut octets)).await {
        heard.extend_from_slice(&octets[..read]);
    }
}

fn last_line(id: u64) -> String {
    format!("the last line of letter {id}\r\n")
}

fn letter(id: u64) -> Parcel {
    Parcel {
        id,
        mail_from: "b@owabi.test".to_owned(),
        rcpt_to: "m@member.test".to_owned(),
        envid: String::new(),
        orcpt: None,
        notify_success: false,
        smtputf8: false,
        body: format!("{}{}", "a line of the letter\r\n".repeat(40), last_line(id)).into(),
    }
}

/// Sends until the last octet of a mail is with the TLS layer and has not left it; gives that mail's number.
async fn fill(session: &mut Session) -> u64 {
    let Stream::Tls(stream) = &session.stream else { panic!("not TLS") };
    socket2::SockRef::from(stream.get_ref().0).set_send_buffer_size(4096).unwrap();
    for id in 1..=IN_FLIGHT {
        session.push(letter(id));
        session.permit(id, Instant::now() + LEASE);
        tokio::select! {
            biased;
            progress = session.next() => panic!("{progress:?}"),
            () = tokio::task::yield_now() => {}
        }
        if session.needs_flush && session.pipeline.pending().is_empty() {
            return id;
        }
    }
    panic!("the socket took everything");
}

#[tokio::test]
async fn d08_what_the_tls_layer_holds_when_the_lease_ends_never_leaves_it() {
    for rude in [false, true] {
        let (woken, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (relay, heard) = relay(rude, Arc::clone(&woken), Arc::clone(&told));
        let mut session = crate::open(&relay).await.unwrap();
        let held = fill(&mut session).await;
        tokio::time::pause();
        tokio::time::advance(STOPPED).await;
        tokio::time::resume();
        woken.notify_one();
        told.notified().await;
        let progress = session.next().await;
        assert_eq!(progress.closed.map(|fault| fault.kind), Some(FaultKind::Local));
        let last = progress.finished.iter().find(|done| done.id == held).unwrap();
        // The relay did not get it, but that is more than can be known here.
        assert!(matches!(last.outcome, Outcome::Unknown(_)), "{last:?}");
        drop(session);
        let heard = heard.await.unwrap();
        assert!(heard.contains(&last_line(1)), "nothing arrived");
        assert!(!heard.contains(&last_line(held)), "mail {held} arrived");
    }
}
