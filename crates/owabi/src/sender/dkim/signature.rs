//! One DKIM-Signature field, read (RFC 6376 section 3.5).

use super::canonical::Form;
use super::form;
use crate::sender::{tag, unfolded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A signature as the field says it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `d=`: the domain that signs.
    pub domain: String,
    /// `s=`: where its key is.
    pub selector: String,
    /// `rsa-sha256`, else `ed25519-sha256`.
    pub is_rsa: bool,
    /// `h=`: the fields that are signed, as they are listed.
    pub fields: Vec<String>,
    /// `x=`: when it ends, seconds of the epoch.
    pub expires: Option<i64>,
    pub(super) header_form: Form,
    pub(super) body_form: Form,
    pub(super) body_hash: String,
    pub(super) body_length: Option<usize>,
    pub(super) octets: Vec<u8>,
    pub(super) raw: Vec<u8>,
}

/// Why a field is no signature that can be verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// A tag is missing or cannot be read.
    #[error("{0}= is missing or cannot be read")]
    Tag(&'static str),
    /// Neither rsa-sha256 nor ed25519-sha256; rsa-sha1 must not be used any more (RFC 8301).
    #[error("a={0} is not rsa-sha256 or ed25519-sha256")]
    Algorithm(String),
    /// The From field is not signed (section 5.4).
    #[error("h= does not sign From")]
    FromUnsigned,
}

impl Signature {
    /// Reads a field's value.
    ///
    /// # Errors
    /// Why it cannot be verified.
    pub fn parse(raw: &[u8]) -> Result<Self, Bad> {
        let text = String::from_utf8_lossy(raw).into_owned();
        let of = |name: &'static str| tag(&text, name).map(unfolded).filter(|value| !value.is_empty()).ok_or(Bad::Tag(name));
        let algorithm = of("a")?;
        let is_rsa = match algorithm.as_str() {
            "rsa-sha256" => true,
            "ed25519-sha256" => false,
            _ => return Err(Bad::Algorithm(algorithm)),
        };
        let forms = tag(&text, "c").unwrap_or("simple/simple");
        let (header, body) = forms.split_once('/').unwrap_or((forms, "simple"));
        let fields: Vec<String> = of("h")?.split(':').map(str::to_ascii_lowercase).collect();
        if !fields.iter().any(|name| name == "from") {
            return Err(Bad::FromUnsigned);
        }
        Ok(Self {
            domain: of("d")?.to_ascii_lowercase(),
            selector: of("s")?,
            is_rsa,
            fields,
            expires: tag(&text, "x").and_then(|at| at.parse().ok()),
            header_form: form(header).ok_or(Bad::Tag("c"))?,
            body_form: form(body).ok_or(Bad::Tag("c"))?,
            body_hash: of("bh")?,
            body_length: tag(&text, "l").and_then(|length| length.parse().ok()),
            octets: STANDARD.decode(of("b")?).map_err(|_| Bad::Tag("b"))?,
            raw: raw.to_vec(),
        })
    }

    /// The field's value with an empty `b=`, all else as it is.
    pub(super) fn without_value(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.raw.len());
        for (n, part) in self.raw.split(|byte| *byte == b';').enumerate() {
            if n > 0 {
                out.push(b';');
            }
            let equals = memchr::memchr(b'=', part);
            match equals {
                Some(at) if part[..at].trim_ascii() == b"b" => out.extend_from_slice(&part[..=at]),
                _ => out.extend_from_slice(part),
            }
        }
        out
    }
}
