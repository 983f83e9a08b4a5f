//! DKIM signatures (RFC 6376, RFC 8463): read from a mail, and verified for real.

mod canonical;
mod signature;
#[cfg(test)]
mod tests;

pub use signature::{Bad, Signature};

use super::key::{KeyRecord, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use canonical::Form;
use ring::signature::{ED25519, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use sha2::{Digest, Sha256};

/// So many signatures of one mail are looked at: each costs a question to the DNS (RFC 6376 section 6.1).
pub const MOST_SIGNATURES: usize = 10;

/// A mail taken apart: its header fields as they are, and its body.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// Each field with its name and its value, folding and all, without the last line end.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
    /// What follows the empty line.
    pub body: &'a [u8],
}

/// What verifying came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Body and header are as they were signed.
    Valid,
    /// So they are, but `l=` leaves so many octets at the body's end unsigned: anybody may have written them.
    ValidInPart(usize),
    /// `l=` is longer than the body (section 6.1.3).
    BodyTooShort,
    /// The key is for the domain itself (`t=s`), and the signature for one below it.
    NotBelow,
    /// The body was changed after signing, or its hash was computed of something else.
    BodyChanged,
    /// The body's hash is right; the signature over the header does not fit the key in the DNS.
    HeaderBroken,
    /// The signature and the key are of different kinds.
    OtherKind,
}

impl<'a> Parts<'a> {
    /// Takes a mail with CRLF line ends apart.
    pub fn of(mail: &'a [u8]) -> Self {
        let (mut fields, mut rest) = (Vec::new(), mail);
        while !rest.is_empty() {
            if let Some(body) = rest.strip_prefix(b"\r\n") {
                return Self { fields, body };
            }
            let end = field_end(rest);
            let field = rest[..end].strip_suffix(b"\r\n").unwrap_or(&rest[..end]);
            if let Some(colon) = memchr::memchr(b':', field) {
                fields.push((&field[..colon], &field[colon + 1..]));
            }
            rest = &rest[end..];
        }
        Self { fields, body: b"" }
    }

    /// The values of the fields of this name, from the top.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let is_it = move |field: &&(&[u8], &[u8])| field.0.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is_it).map(|field| field.1)
    }

    /// The DKIM signatures, from the top, at most [`MOST_SIGNATURES`]; those that cannot be read with their reason.
    pub fn signatures(&self) -> Vec<Result<Signature, Bad>> {
        self.values("DKIM-Signature").take(MOST_SIGNATURES).map(Signature::parse).collect()
    }
}

/// Where the field that begins here ends, with its folded lines.
fn field_end(rest: &[u8]) -> usize {
    let mut from = 0;
    while let Some(line) = memchr::memmem::find(&rest[from..], b"\r\n") {
        from += line + 2;
        if !matches!(rest.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    rest.len()
}

/// Verifies a signature of this mail with the key of its selector: first the body's hash, then the header's signature. Whether
/// it has expired is not looked at.
pub fn verify(parts: &Parts<'_>, signature: &Signature, record: &KeyRecord) -> Verified {
    if record.is_exact && signature.identity != signature.domain {
        return Verified::NotBelow;
    }
    let mut body = canonical::body(parts.body, signature.body_form);
    let signed = signature.body_length.unwrap_or(body.len());
    let Some(unsigned) = body.len().checked_sub(signed) else { return Verified::BodyTooShort };
    body.truncate(signed);
    if STANDARD.encode(Sha256::digest(&body)) != signature.body_hash {
        return Verified::BodyChanged;
    }
    let signed = signed_header(parts, signature);
    let (is_rsa, verified) = match &record.key {
        PublicKey::Rsa(der, _) => {
            let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, der);
            (true, key.verify(&signed, &signature.octets))
        }
        // RFC 8463 section 3: what is signed is the hash.
        PublicKey::Ed25519(octets) => {
            (false, UnparsedPublicKey::new(&ED25519, octets).verify(&Sha256::digest(&signed), &signature.octets))
        }
    };
    match verified {
        _ if is_rsa != signature.is_rsa => Verified::OtherKind,
        Ok(()) if unsigned > 0 => Verified::ValidInPart(unsigned),
        Ok(()) => Verified::Valid,
        Err(_) => Verified::HeaderBroken,
    }
}

/// The signed fields, each name from the bottom up, then the signature itself without its `b=` (section 3.7).
fn signed_header(parts: &Parts<'_>, signature: &Signature) -> Vec<u8> {
    let mut signed = Vec::new();
    let mut used = vec![false; parts.fields.len()];
    for name in &signature.fields {
        let found = (0..parts.fields.len())
            .rev()
            .find(|at| !used[*at] && parts.fields[*at].0.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()));
        if let Some(at) = found {
            used[at] = true;
            let (name, value) = parts.fields[at];
            signed.extend(canonical::field(name, value, signature.header_form));
            signed.extend(b"\r\n");
        }
    }
    let (name, value) = (signature_name(parts, signature), signature.without_value());
    signed.extend(canonical::field(name, &value, signature.header_form));
    signed
}

/// The field's name as it is written: in the simple form its case counts.
fn signature_name<'a>(parts: &Parts<'a>, signature: &Signature) -> &'a [u8] {
    let found = parts.fields.iter().find(|field| field.1 == signature.raw.as_slice());
    found.map_or(b"DKIM-Signature", |field| field.0)
}

/// As [`Form`] is named in `c=`.
fn form(word: &str) -> Option<Form> {
    match word.trim() {
        "simple" => Some(Form::Simple),
        "relaxed" => Some(Form::Relaxed),
        _ => None,
    }
}
