//! One DKIM-Signature field, read (RFC 6376 section 3.5).

use super::canonical::Form;
use super::form;
use crate::sender::{is_within, tag, unfolded};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The most names that `h=` may list: nobody has a reason for more, and each is looked for.
const MOST_FIELDS: usize = 200;
/// The most digits of `x=` and `t=`.
const TIME_DIGITS: usize = 12;
/// The most digits of `l=`.
const LENGTH_DIGITS: usize = 76;

/// A signature as the field says it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// `d=`: the domain that signs.
    pub domain: String,
    /// The domain of `i=`, for whom it signs: the same, or one below it.
    pub identity: String,
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
    /// Not of version 1.
    #[error("v= is not 1")]
    Version,
    /// A tag stands there twice (section 3.2).
    #[error("{0}= stands there twice")]
    Twice(String),
    /// `i=` is not of the domain that signs.
    #[error("i= ({0}) does not lie in d=")]
    Identity(String),
    /// More fields than anybody signs.
    #[error("h= lists more than {MOST_FIELDS} fields")]
    TooManyFields,
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
        refuse_doubles(&text)?;
        let of =
            |name: &'static str| tag(&text, name).map(unfolded).filter(|value| !value.is_empty()).ok_or(Bad::Tag(name));
        if of("v")? != "1" {
            return Err(Bad::Version);
        }
        let is_rsa = is_rsa(of("a")?)?;
        let forms = tag(&text, "c").unwrap_or("simple/simple");
        let (header, body) = forms.split_once('/').unwrap_or((forms, "simple"));
        let domain = of("d")?.to_ascii_lowercase();
        Ok(Self {
            identity: identity(&text, &domain)?,
            domain,
            selector: of("s")?,
            is_rsa,
            fields: fields(&of("h")?)?,
            expires: expiry(&text)?,
            header_form: form(header).ok_or(Bad::Tag("c"))?,
            body_form: form(body).ok_or(Bad::Tag("c"))?,
            body_hash: of("bh")?,
            body_length: number(&text, "l", LENGTH_DIGITS)?.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
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

fn refuse_doubles(text: &str) -> Result<(), Bad> {
    let mut names: Vec<&str> = text.split(';').filter_map(|part| Some(part.split_once('=')?.0.trim())).collect();
    names.sort_unstable();
    let double = names.windows(2).find(|pair| pair[0] == pair[1]);
    double.map_or(Ok(()), |pair| Err(Bad::Twice(pair[0].to_owned())))
}

fn is_rsa(algorithm: String) -> Result<bool, Bad> {
    match algorithm.as_str() {
        "rsa-sha256" => Ok(true),
        "ed25519-sha256" => Ok(false),
        _ => Err(Bad::Algorithm(algorithm)),
    }
}

fn fields(list: &str) -> Result<Vec<String>, Bad> {
    let fields: Vec<String> = list.split(':').take(MOST_FIELDS + 1).map(str::to_ascii_lowercase).collect();
    if fields.len() > MOST_FIELDS {
        return Err(Bad::TooManyFields);
    }
    if fields.iter().any(|name| name == "from") { Ok(fields) } else { Err(Bad::FromUnsigned) }
}

/// Without `i=` it is for `d=` itself.
fn identity(text: &str, domain: &str) -> Result<String, Bad> {
    let Some(identity) = tag(text, "i").map(unfolded) else { return Ok(domain.to_owned()) };
    let of = identity.rsplit_once('@').ok_or(Bad::Tag("i"))?.1.to_ascii_lowercase();
    if is_within(&of, domain) { Ok(of) } else { Err(Bad::Identity(identity)) }
}

/// `x=`, which must be later than `t=`.
fn expiry(text: &str) -> Result<Option<i64>, Bad> {
    let [made, ends] = ["t", "x"].map(|name| number(text, name, TIME_DIGITS));
    let (made, ends) = (made?, ends?);
    if let (Some(made), Some(ends)) = (made, ends)
        && ends <= made
    {
        return Err(Bad::Tag("x"));
    }
    Ok(ends.map(|at| i64::try_from(at).unwrap_or(i64::MAX)))
}

/// Digits and nothing else; what is larger than can be counted is the largest.
fn number(text: &str, name: &'static str, most: usize) -> Result<Option<u64>, Bad> {
    let Some(digits) = tag(text, name).map(unfolded) else { return Ok(None) };
    if digits.is_empty() || digits.len() > most || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Bad::Tag(name));
    }
    Ok(Some(digits.parse().unwrap_or(u64::MAX)))
}
