//! What kind of relay it is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::script::Script;

/// The extensions that EHLO offers besides STARTTLS and AUTH; what is not offered is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extensions {
    /// PIPELINING, RFC 2920. Without it, a client that does not wait is thrown out.
    pub pipelining: bool,
    /// CHUNKING with BDAT, RFC 3030.
    pub chunking: bool,
    /// 8BITMIME, RFC 6152.
    pub eight_bit_mime: bool,
    /// SIZE with this limit in octets, RFC 1870; 0 offers SIZE without a limit.
    pub size: Option<usize>,
    /// DSN, RFC 3461.
    pub dsn: bool,
    /// SMTPUTF8, RFC 6531.
    pub smtputf8: bool,
    /// ENHANCEDSTATUSCODES, RFC 2034. Without it the normal replies carry none.
    pub enhanced_status_codes: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            pipelining: true,
            chunking: true,
            eight_bit_mime: true,
            size: Some(10_240_000),
            dsn: true,
            smtputf8: true,
            enhanced_status_codes: true,
        }
    }
}

impl Extensions {
    /// A relay of 1995: none at all.
    pub fn none() -> Self {
        Self {
            pipelining: false,
            chunking: false,
            eight_bit_mime: false,
            size: None,
            dsn: false,
            smtputf8: false,
            enhanced_status_codes: false,
        }
    }
}

/// What the relay remembers of each mail. A count for each recipient is kept except with `Nothing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The newest so many mails, whole.
    Mails(usize),
    /// The newest so many mails, without their bytes.
    Hashes(usize),
    /// Only how many mails each recipient got.
    Counts,
    /// Only the statistics.
    Nothing,
}

/// User and password that AUTH PLAIN and LOGIN accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Everything about a relay that does not change while it runs.
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The relay's own name in greeting and EHLO.
    pub name: String,
    /// What follows the name in the greeting.
    pub greeting: String,
    /// Extensions that are offered.
    pub extensions: Extensions,
    /// Offers STARTTLS.
    pub starttls: Option<Arc<ServerConfig>>,
    /// Speaks TLS from the first octet.
    pub implicit_tls: Option<Arc<ServerConfig>>,
    /// Refuses AUTH and MAIL in plain text with 530.
    pub tls_required: bool,
    /// Offers AUTH PLAIN LOGIN.
    pub account: Option<Account>,
    /// Refuses MAIL before AUTH with 530.
    pub auth_required: bool,
    /// Does not know EHLO.
    pub helo_only: bool,
    /// Answers 354 to DATA without a recipient, as RFC 2920 allows, and 554 after the dot.
    pub lenient_data: bool,
    /// Refuses bodies with a bare CR or LF, or with a line over 998 octets.
    pub strict_text: bool,
    /// Where accepted mails are written.
    pub maildir: Option<PathBuf>,
    /// What is kept in memory.
    pub keep: Keep,
    /// How many of the newest command lines are kept in memory, AUTH lines included.
    pub keep_commands: usize,
    /// Network latency to simulate: the time from a command to its reply.
    pub rtt: Duration,
    /// The receive buffer of each connection in octets, so that a large body can be stopped half-way.
    pub receive_buffer: Option<u32>,
    /// What it does wrong.
    pub script: Script,
}

impl Default for CaptureOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            name: "capture.example.jp".into(),
            greeting: "ESMTP capture relay".into(),
            extensions: Extensions::default(),
            starttls: None,
            implicit_tls: None,
            tls_required: false,
            account: None,
            auth_required: false,
            helo_only: false,
            lenient_data: false,
            strict_text: true,
            maildir: None,
            keep: Keep::Mails(100_000),
            keep_commands: 0,
            rtt: Duration::ZERO,
            receive_buffer: None,
            script: Script::new(),
        }
    }
}

/// A TLS configuration from a certificate chain and its key in PEM.
///
/// # Errors
/// When either cannot be read, or they do not belong together.
pub fn server_config_from_pem(chain: &[u8], key: &[u8]) -> io::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(io::Error::other)?;
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map(Arc::new)
        .map_err(io::Error::other)
}
