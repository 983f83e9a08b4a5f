//! What RFC 5321 lets stand on either side of the `@`, and what the carriers allowed beside it.

use super::Invalid;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Domains whose subscribers could once choose local parts that are no dot-strings. Their subdomains count too.
const CARRIERS: [&str; 20] = [
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "au.com",
    "ido.ne.jp",
    "softbank.ne.jp",
    "i.softbank.jp",
    "softbank.jp",
    "vodafone.ne.jp",
    "disney.ne.jp",
    "disneymobile.ne.jp",
    "ymobile.ne.jp",
    "ymobile1.ne.jp",
    "y-mobile.ne.jp",
    "emnet.ne.jp",
    "emobile.ne.jp",
    "pdx.ne.jp",
    "willcom.com",
    "wcm.ne.jp",
    "jp-t.ne.jp",
    "uqmobile.jp",
];

fn is_carrier(domain: &str) -> bool {
    CARRIERS
        .iter()
        .any(|carrier| domain.strip_suffix(carrier).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Splits at the last `@`, because a quoted local part may hold others.
pub(super) fn split(text: &str) -> Result<(&str, &str), Invalid> {
    let (local, domain) = text.rsplit_once('@').ok_or(Invalid::NoAt)?;
    let several = local.contains('@') && !local.starts_with('"') && local.contains([',', ';', ' ', '、', '/', '|']);
    match (local.is_empty(), domain.is_empty()) {
        (true, _) => Err(Invalid::NoLocalPart),
        (_, true) => Err(Invalid::NoDomain),
        _ if several => Err(Invalid::Several),
        _ => Ok((local, domain)),
    }
}

/// The domain in normal form.
pub(super) fn domain(raw: &str) -> Result<String, Invalid> {
    if let Some(inside) = raw.strip_prefix('[') {
        return literal(inside).ok_or(Invalid::Literal);
    }
    // Plain domains are not sent through IDNA: a label such as `xn--example` resolves although it decodes to nothing.
    let ascii = if raw.is_ascii() {
        raw.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(raw).map_err(|_| Invalid::Domain)?
    };
    if ascii.split('.').any(|label| label.len() > 63) || ascii.len() > 253 {
        return Err(Invalid::TooLong);
    }
    if ascii.split('.').all(is_label) { Ok(ascii) } else { Err(Invalid::Domain) }
}

fn is_label(label: &str) -> bool {
    let hyphens_inside = !label.starts_with('-') && !label.ends_with('-');
    !label.is_empty() && hyphens_inside && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn literal(inside: &str) -> Option<String> {
    let inside = inside.strip_suffix(']')?;
    if let Some(six) = inside.get(..5).filter(|tag| tag.eq_ignore_ascii_case("ipv6:")).map(|_| &inside[5..]) {
        return six.parse::<Ipv6Addr>().ok().map(|ip| format!("[IPv6:{ip}]"));
    }
    inside.parse::<Ipv4Addr>().ok().map(|ip| format!("[{ip}]"))
}

/// The local part in normal form: quotes only where they are needed, and never at a carrier.
pub(super) fn local_part(raw: &str, domain: &str) -> Result<String, Invalid> {
    if raw.len() > 64 {
        return Err(Invalid::TooLong);
    }
    let quoted = raw.starts_with('"');
    let content = if quoted { unquote(raw).ok_or(Invalid::Quoting)? } else { raw.to_owned() };
    if is_dot_string(&content) || (is_carrier(domain) && is_carrier_legacy(&content)) {
        return Ok(content);
    }
    if quoted { Ok(quote(&content)) } else { Err(local_fault(&content)) }
}

fn local_fault(local: &str) -> Invalid {
    if local.contains('"') {
        Invalid::Quoting
    } else if local.chars().all(|c| is_atext(c) || c == '.') {
        Invalid::Dots
    } else {
        Invalid::LocalCharacter
    }
}

/// RFC 5321 `Dot-string`, with RFC 6531's non-ASCII characters.
pub(super) fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

fn is_carrier_legacy(local: &str) -> bool {
    local.chars().all(|c| is_atext(c) || c == '.') && local.chars().any(|c| c != '.')
}

fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        _ if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        _ => !c.is_whitespace() && !c.is_control(),
    }
}

/// The content of a quoted string; `None` when it is not well formed.
fn unquote(raw: &str) -> Option<String> {
    let inner = raw.strip_prefix('"')?;
    let mut content = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return chars.next().is_none().then_some(content),
            '\\' => content.push(chars.next().filter(|c| matches!(c, ' '..='~'))?),
            _ => content.push(c),
        }
    }
    None
}

fn quote(content: &str) -> String {
    let escaped = content.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// The limits of RFC 5321, section 4.5.3.1, on the form that goes to the relay.
pub(super) fn check_length(envelope: &str) -> Result<(), Invalid> {
    let local = envelope.rfind('@').unwrap_or(0);
    if local <= 64 && envelope.len() <= 254 { Ok(()) } else { Err(Invalid::TooLong) }
}
