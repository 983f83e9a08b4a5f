//! What the world can know of the sender: its domain's records in the DNS, and the signature on its mails.

pub mod dkim;
pub mod dmarc;
pub mod dns;
pub mod key;
pub mod spf;

/// The value of `name=` in a list of tags such as `v=DKIM1; p=…` (RFC 6376 section 3.2); names are compared without case.
fn tag<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let parts = list.split(';').filter_map(|part| part.split_once('='));
    parts.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Without the white space that folding left.
fn unfolded(value: &str) -> String {
    value.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

/// Whether one domain is the other, or lies below it.
fn is_within(domain: &str, of: &str) -> bool {
    let (domain, of) = (domain.to_ascii_lowercase(), of.to_ascii_lowercase());
    domain == of || domain.strip_suffix(&of).is_some_and(|rest| rest.ends_with('.'))
}
