//! A DKIM key in the DNS (RFC 6376 section 3.6.1, RFC 8463).

use super::dns::{Dns, NoAnswer};
use super::{tag, unfolded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

/// RFC 8301 section 3.2.
const LEAST_BITS: usize = 1024;
/// Longer ones are not verified here.
const MOST_BITS: usize = 8192;

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA: the DER of RFC 8017's `RSAPublicKey`, and how many bits its modulus has.
    Rsa(Vec<u8>, usize),
    /// Ed25519: 32 octets.
    Ed25519(Vec<u8>),
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string())
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rsa(_, bits) => write!(f, "rsa {bits}"),
            Self::Ed25519(_) => f.write_str("ed25519"),
        }
    }
}

/// A record that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key.
    pub key: PublicKey,
    /// `t=y`: the domain says that it is only trying; receivers may treat mails as unsigned.
    pub is_test: bool,
    /// `t=s`: it signs for the domain itself, and for none below it.
    pub is_exact: bool,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The DNS has none, or did not say.
    #[error("{0}")]
    Dns(NoAnswer),
    /// An empty `p=`: it was revoked.
    #[error("the key was revoked (p= is empty)")]
    Revoked,
    /// Too short (RFC 8301 section 3.2): receivers do not take it.
    #[error("the RSA key has {0} bits, receivers want 1024 at least")]
    Short(usize),
    /// What stands there is no key.
    #[error("no DKIM key: {0}")]
    Bad(&'static str),
}

/// The key of a selector.
///
/// # Errors
/// Why there is none.
pub async fn look_up(dns: &Dns, selector: &str, domain: &str) -> Result<KeyRecord, Trouble> {
    let texts = dns.txt(&format!("{selector}._domainkey.{domain}")).await.map_err(Trouble::Dns)?;
    // A wildcard record of something else may stand beside it.
    let keys: Vec<&String> = texts.iter().filter(|text| tag(text, "p").is_some()).collect();
    match keys.as_slice() {
        [] => Err(Trouble::Bad("the TXT record has no p=")),
        [one] => parse(one),
        _ => Err(Trouble::Bad("more than one key stands there")),
    }
}

/// Reads a record.
///
/// # Errors
/// Why it is no key.
pub fn parse(text: &str) -> Result<KeyRecord, Trouble> {
    if tag(text, "v").is_some_and(|version| version != "DKIM1") {
        return Err(Trouble::Bad("v= is not DKIM1"));
    }
    if let Some(hashes) = tag(text, "h")
        && !hashes.split(':').any(|hash| hash.trim().eq_ignore_ascii_case("sha256"))
    {
        return Err(Trouble::Bad("h= does not allow sha256"));
    }
    if let Some(services) = tag(text, "s")
        && !services.split(':').any(|service| matches!(service.trim(), "*" | "email"))
    {
        return Err(Trouble::Bad("s= does not allow email"));
    }
    let encoded = unfolded(tag(text, "p").unwrap_or_default());
    if encoded.is_empty() {
        return Err(Trouble::Revoked);
    }
    let octets = STANDARD.decode(encoded).map_err(|_| Trouble::Bad("p= is not base64"))?;
    let key = match tag(text, "k").unwrap_or("rsa").to_ascii_lowercase().as_str() {
        "rsa" => rsa(octets)?,
        "ed25519" if octets.len() == 32 => PublicKey::Ed25519(octets),
        "ed25519" => return Err(Trouble::Bad("p= is no Ed25519 key of 32 octets")),
        _ => return Err(Trouble::Bad("k= is neither rsa nor ed25519")),
    };
    let has_flag = |flag: &str| {
        tag(text, "t").is_some_and(|flags| flags.split(':').any(|one| one.trim().eq_ignore_ascii_case(flag)))
    };
    Ok(KeyRecord { key, is_test: has_flag("y"), is_exact: has_flag("s") })
}

/// Both forms are in use: a `SubjectPublicKeyInfo`, as the RFC means it, and the bare key.
fn rsa(der: Vec<u8>) -> Result<PublicKey, Trouble> {
    let bare = match SubjectPublicKeyInfo::from_der(&der) {
        Ok((_, info)) => info.subject_public_key.data.to_vec(),
        Err(_) => der,
    };
    let bad = |_| Trouble::Bad("p= is no RSA key");
    let (_, key) = x509_parser::public_key::RSAPublicKey::from_der(&bare).map_err(bad)?;
    match bits(key.modulus) {
        bits if bits < LEAST_BITS => Err(Trouble::Short(bits)),
        bits if bits > MOST_BITS => Err(Trouble::Bad("the RSA key has more than 8192 bits")),
        bits => Ok(PublicKey::Rsa(bare, bits)),
    }
}

/// The bits of a number in its octets, the highest first.
fn bits(octets: &[u8]) -> usize {
    let from = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    let zeros = octets.get(from).map_or(0, |octet| octet.leading_zeros() as usize);
    (octets.len() - from) * 8 - zeros
}
