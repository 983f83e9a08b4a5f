//! TLS towards a relay, or a mailbox's server: verified always, against the system's roots or a pinned authority.

mod recording;

use crate::relay::Relay;
use owabi_core::outcome::{Fault, FaultKind, Phase};
use owabi_core::text::{Text, say};
use recording::Recording;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection's byte stream.
#[derive(Debug)]
pub enum Stream {
    /// In the clear.
    Plain(TcpStream),
    /// After the handshake.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Acknowledges what was read at once (Linux): a relay that flushes half a reply group waits up to 40 ms for the
    /// acknowledgement before it sends the rest, when we have nothing to write.
    pub(crate) fn acknowledge(&self) {
        let socket = match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        };
        // Only speed depends on it.
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(socket).set_tcp_quickack(true);
    }

    /// Protocol and cipher suite, as in `TLSv1.3 TLS_AES_256_GCM_SHA384`; `None` in plain text.
    pub fn description(&self) -> Option<String> {
        let Self::Tls(stream) = self else { return None };
        let session = stream.get_ref().1;
        let version = session.protocol_version()?.as_str()?.replace('_', ".");
        let suite = session.negotiated_cipher_suite()?.suite().as_str()?.replacen("TLS13_", "TLS_", 1);
        Some(format!("{version} {suite}"))
    }
}

/// Wraps a connection in TLS. The caller sets the deadline.
///
/// # Errors
/// [`FaultKind::Tls`], whose detail names what is wrong with the certificate.
pub(crate) async fn wrap(stream: TcpStream, relay: &Relay) -> Result<Stream, Fault> {
    secure(stream, relay.tls_name(), relay.ca_pem.as_deref(), &the_relay()).await.map_err(fault)
}

/// Wraps a connection to `whom` in TLS: its certificate must bear `name`, and come from an authority of the system or, instead,
/// of `ca_pem`. The caller sets the deadline.
///
/// # Errors
/// What is wrong with the certificate or the handshake, in words an operator can act on.
pub async fn secure(stream: TcpStream, name: &str, ca_pem: Option<&[u8]>, whom: &Text) -> Result<Stream, Text> {
    let name = server_name(name, whom)?;
    let connector = TlsConnector::from(config(ca_pem)?);
    let wrapped = connector.connect(name, stream).await.map_err(|error| describe(&error, whom))?;
    Ok(Stream::Tls(Box::new(wrapped)))
}

/// Whether a PEM file holds a certificate at all, as `ca_pem` of [`secure`] must.
pub fn has_certificate(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).any(|found| found.is_ok())
}

/// As [`wrap`], and the certificates that the relay showed, also when they were not accepted.
pub(crate) async fn inspect(
    stream: TcpStream,
    relay: &Relay,
) -> (Vec<CertificateDer<'static>>, Result<Stream, Refusal>) {
    let (name, recording) = match (server_name(relay.tls_name(), &the_relay()), Recording::of(relay.ca_pem.as_deref()))
    {
        (Ok(name), Ok(recording)) => (name, Arc::new(recording)),
        (Err(why), _) | (_, Err(why)) => return (Vec::new(), Err(Refusal { why, distrust: None })),
    };
    let config = match recording.config() {
        Ok(config) => Arc::new(config),
        Err(why) => return (Vec::new(), Err(Refusal { why, distrust: None })),
    };
    let wrapped = TlsConnector::from(config).connect(name, stream).await;
    let wrapped = wrapped.map(|stream| Stream::Tls(Box::new(stream))).map_err(|error| Refusal::of(&error));
    (recording.seen(), wrapped)
}

fn the_relay() -> Text {
    say!(ja: "中継サーバー", en: "the relay")
}

fn server_name(name: &str, Text { ja, en }: &Text) -> Result<ServerName<'static>, Text> {
    let odd = |_| say!(ja: "{ja}の名前は証明書に使えない形です", en: "{en}'s name cannot stand in a certificate");
    ServerName::try_from(name.to_owned()).map_err(odd)
}

pub(crate) fn fault(detail: Text) -> Fault {
    Fault { phase: Phase::Tls, kind: FaultKind::Tls, reply: None, detail }
}

/// The system's roots are read once: every connection would otherwise parse a hundred certificates.
fn config(pinned: Option<&[u8]>) -> Result<Arc<ClientConfig>, Text> {
    static SYSTEM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    match (pinned, SYSTEM.get()) {
        (Some(pem), _) => Ok(Arc::new(trusting(pinned_roots(pem)?)?)),
        (None, Some(config)) => Ok(Arc::clone(config)),
        (None, None) => {
            let config = Arc::new(trusting(system_roots()?)?);
            Ok(Arc::clone(SYSTEM.get_or_init(|| config)))
        }
    }
}

/// Why a handshake came to nothing.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) why: Text,
    pub(crate) distrust: Option<Distrust>,
}

impl Refusal {
    fn of(error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let distrust = match cause {
            Some(rustls::Error::InvalidCertificate(problem)) => Some(Distrust::of(problem)),
            _ => None,
        };
        Self { why: describe(error, &the_relay()), distrust }
    }
}

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It is for another name.
    OtherName,
    /// No authority that is trusted here stands behind it.
    UnknownAuthority,
    /// Something else.
    Other,
}

impl Distrust {
    fn of(problem: &CertificateError) -> Self {
        match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYet,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            _ => Self::Other,
        }
    }
}

fn trusting(roots: RootCertStore) -> Result<ClientConfig, Text> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(not_set_up)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn not_set_up(error: impl Display) -> Text {
    say!(ja: "TLS を用意できません({error})", en: "TLS cannot be set up: {error}")
}

fn system_roots() -> Result<RootCertStore, Text> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(say!(
            ja: "システムにルート証明書がありません。ca-certificates を入れるか、ca_file を設定してください",
            en: "the system has no root certificates; install ca-certificates or pin a CA file"
        ));
    }
    Ok(roots)
}

fn pinned_roots(pem: &[u8]) -> Result<RootCertStore, Text> {
    let not_pem = |error| say!(ja: "ca_file のファイルは PEM ではありません({error})", en: "the pinned CA file is not PEM: {error}");
    let unusable = |error| {
        say!(
            ja: "ca_file のファイルに使える認証局の証明書がありません({error})",
            en: "the pinned CA file holds no usable CA: {error}"
        )
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(not_pem)?).map_err(unusable)?;
    }
    if roots.is_empty() {
        return Err(say!(
            ja: "ca_file のファイルに証明書がありません",
            en: "the pinned CA file holds no certificate"
        ));
    }
    Ok(roots)
}

/// What is wrong, in words an operator can act on.
fn describe(error: &io::Error, whom: &Text) -> Text {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(problem)) => certificate(problem, whom),
        Some(other) => no_handshake(other),
        None => no_handshake(error),
    }
}

fn no_handshake(error: impl Display) -> Text {
    say!(ja: "TLS の接続を始められません({error})", en: "the TLS handshake failed: {error}")
}

fn certificate(problem: &CertificateError, Text { ja, en }: &Text) -> Text {
    match Distrust::of(problem) {
        Distrust::Expired => say!(ja: "{ja}の証明書は期限が切れています", en: "{en}'s certificate has expired"),
        Distrust::NotYet => say!(ja: "{ja}の証明書はまだ有効ではありません", en: "{en}'s certificate is not valid yet"),
        Distrust::OtherName => {
            say!(ja: "{ja}の証明書は別の名前のものです", en: "{en}'s certificate is for another name")
        }
        // An authority of the trusted one's name but with another key shows as a bad signature.
        Distrust::UnknownAuthority => say!(
            ja: "{ja}の証明書は知らない認証局のものです",
            en: "{en}'s certificate comes from an unknown authority"
        ),
        Distrust::Other => say!(
            ja: "{ja}の証明書を受け入れられません({problem})",
            en: "{en}'s certificate was not accepted: {problem}"
        ),
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
