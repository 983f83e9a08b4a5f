//! An SPF record, read as a whole before any of it is followed: one wrong term makes all of it an error (RFC 7208 section 4.6).

use super::{Trouble, Verdict};
use std::net::IpAddr;

/// The lengths of the prefixes for IPv4 and IPv6.
pub(super) type Prefixes = (u8, u8);

/// What a term asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    All,
    Network(IpAddr, u8),
    /// Of this host, or of the domain itself.
    A(Option<String>, Prefixes),
    Mx(Option<String>, Prefixes),
    Include(String),
    Exists(String),
    Ptr,
}

/// A mechanism, and what follows when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    pub(super) verdict: Verdict,
    pub(super) mechanism: Mechanism,
    /// As it is written.
    pub(super) text: String,
}

/// A whole record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) directives: Vec<Directive>,
    pub(super) redirect: Option<String>,
}

impl Record {
    /// Reads what follows `v=spf1`.
    pub(super) fn parse(text: &str) -> Result<Self, Trouble> {
        let (mut record, mut has_exp) = (Self::default(), false);
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            let wrong = || Trouble::Syntax(term.to_owned());
            match modifier(term) {
                Some((name, value)) if name.eq_ignore_ascii_case("redirect") => {
                    let to = domain(value).ok_or_else(wrong)?;
                    if record.redirect.replace(to).is_some() {
                        return Err(Trouble::Twice("redirect"));
                    }
                }
                Some((name, value)) if name.eq_ignore_ascii_case("exp") => {
                    domain(value).ok_or_else(wrong)?;
                    if std::mem::replace(&mut has_exp, true) {
                        return Err(Trouble::Twice("exp"));
                    }
                }
                // Unknown ones mean nothing (section 6).
                Some((name, value)) if is_name(name) && is_macro_string(value) => {}
                Some(_) => return Err(wrong()),
                None => record.directives.push(directive(term).ok_or_else(wrong)?),
            }
        }
        Ok(record)
    }
}

/// `redirect=…` and the like; a mechanism has no `=` before its first `:` or `/`.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    (!name.contains([':', '/'])).then_some((name, value))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// Visible characters, and after each `%` a macro (section 7.1).
fn is_macro_string(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let after = &rest[at + 1..];
        let length = match after.as_bytes().first() {
            Some(b'%' | b'_' | b'-') => 1,
            Some(b'{') => match after.find('}') {
                Some(end) if is_macro(&after[1..end]) => end + 1,
                _ => return false,
            },
            _ => return false,
        };
        rest = &after[length..];
    }
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A letter, digits, `r`, delimiters.
fn is_macro(inside: &str) -> bool {
    let Some(rest) = inside.strip_prefix(|c: char| "slodiphcrtv".contains(c.to_ascii_lowercase())) else {
        return false;
    };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix(['r', 'R']).unwrap_or(rest);
    rest.chars().all(|c| ".-+,/_=".contains(c))
}

/// A domain-spec: it ends with a top label or with a macro.
fn domain(text: &str) -> Option<String> {
    let ends_with_macro = text.ends_with('}') || ["%%", "%_", "%-"].iter().any(|end| text.ends_with(end));
    let bare = text.strip_suffix('.').unwrap_or(text);
    let is_top = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && label.bytes().any(|byte| !byte.is_ascii_digit())
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let has_top = bare.rsplit_once('.').is_some_and(|(before, label)| !before.is_empty() && is_top(label));
    ((ends_with_macro || has_top) && is_macro_string(text)).then(|| text.to_owned())
}

fn directive(term: &str) -> Option<Directive> {
    let (verdict, mechanism) = match term.as_bytes().first()? {
        b'+' => (Verdict::Pass, &term[1..]),
        b'-' => (Verdict::Fail, &term[1..]),
        b'~' => (Verdict::SoftFail, &term[1..]),
        b'?' => (Verdict::Neutral, &term[1..]),
        _ => (Verdict::Pass, term),
    };
    let (name, argument) = mechanism.find([':', '/']).map_or((mechanism, ""), |at| mechanism.split_at(at));
    let of_domain = || domain(argument.strip_prefix(':')?);
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "ip4" => network(argument, true)?,
        "ip6" => network(argument, false)?,
        "a" => target(argument).map(|(host, prefixes)| Mechanism::A(host, prefixes))?,
        "mx" => target(argument).map(|(host, prefixes)| Mechanism::Mx(host, prefixes))?,
        "include" => Mechanism::Include(of_domain()?),
        "exists" => Mechanism::Exists(of_domain()?),
        "ptr" if argument.is_empty() || of_domain().is_some() => Mechanism::Ptr,
        _ => return None,
    };
    Some(Directive { verdict, mechanism, text: term.to_owned() })
}

/// The host of `a` and `mx`, if one is named, and the lengths of the prefixes.
fn target(argument: &str) -> Option<(Option<String>, Prefixes)> {
    // A slash may stand inside a macro.
    let from = argument.rfind('}').map_or(0, |at| at + 1);
    let (host, cidr) = argument[from..].find('/').map_or((argument, ""), |at| argument.split_at(from + at));
    let host = if host.is_empty() { None } else { Some(domain(host.strip_prefix(':')?)?) };
    let (four, six) = match cidr.split_once("//") {
        Some((four, six)) => (four, Some(six)),
        None => (cidr, None),
    };
    let four = if four.is_empty() { 32 } else { length(four.strip_prefix('/')?, 32)? };
    Some((host, (four, six.map_or(Some(128), |six| length(six, 128))?)))
}

/// `:192.0.2.0/24` and the like.
fn network(argument: &str, is_v4: bool) -> Option<Mechanism> {
    let text = argument.strip_prefix(':')?;
    let (network, prefix) = text.split_once('/').map_or((text, None), |(network, prefix)| (network, Some(prefix)));
    let network: IpAddr = network.parse().ok().filter(|network: &IpAddr| network.is_ipv4() == is_v4)?;
    let most = if is_v4 { 32 } else { 128 };
    Some(Mechanism::Network(network, prefix.map_or(Some(most), |prefix| length(prefix, most))?))
}

fn length(digits: &str, most: u8) -> Option<u8> {
    let is_plain = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|length| is_plain && *length <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(terms: &str) -> Result<Record, Trouble> {
        Record::parse(&format!("v=spf1 {terms}"))
    }

    #[test]
    fn terms_that_are_none_make_the_whole_record_an_error() {
        for wrong in [
            "mx -al",
            "ip4:2001:db8::/32 -all",
            "ip6:192.0.2.0/24 -all",
            "ip4:192.0.2.0/33",
            "ip4:192.0.2.0/+24",
            "ip4:192.0.2.0/024",
            "ip4:192.0.2",
            "ip4",
            "ip4:192.0.2.1, -all",
            "a:",
            "a/",
            "a/33",
            "a//129",
            "a/24/64",
            "mx:localhost",
            "include",
            "include:",
            "include:relay.123",
            "exists:%{x}.test",
            "exists:%i.test",
            "all:x.test",
            "all/24",
            "redirect=",
            "=x",
            "1x=y",
            "-all\tmx",
            "mx お詫び",
        ] {
            assert!(matches!(parse(wrong), Err(Trouble::Syntax(_))), "{wrong}: {:?}", parse(wrong));
        }
        assert_eq!(parse("redirect=a.test redirect=b.test"), Err(Trouble::Twice("redirect")));
        assert_eq!(parse("exp=a.test mx EXP=b.test"), Err(Trouble::Twice("exp")));
    }

    #[test]
    fn terms_are_read_as_they_are_meant() {
        let one = |term: &str| parse(term).unwrap().directives.remove(0);
        let a = |host: Option<&str>, prefixes| Mechanism::A(host.map(str::to_owned), prefixes);
        for (term, mechanism) in [
            ("a", a(None, (32, 128))),
            ("A:a.test", a(Some("a.test"), (32, 128))),
            ("a:a.test/24//64", a(Some("a.test"), (24, 64))),
            ("a/24", a(None, (24, 128))),
            ("a//64", a(None, (32, 64))),
            ("a/0//0", a(None, (0, 0))),
            ("a:%{d/}/24", a(Some("%{d/}"), (24, 128))),
            ("mx:a.test.", Mechanism::Mx(Some("a.test.".to_owned()), (32, 128))),
            ("ip4:192.0.2.0/24", Mechanism::Network("192.0.2.0".parse().unwrap(), 24)),
            ("ip6:2001:db8::/32", Mechanism::Network("2001:db8::".parse().unwrap(), 32)),
            ("exists:%{ir}.%{l1r-}._spf.%{d2}", Mechanism::Exists("%{ir}.%{l1r-}._spf.%{d2}".to_owned())),
            ("ptr", Mechanism::Ptr),
            ("all", Mechanism::All),
        ] {
            assert_eq!(one(term).mechanism, mechanism, "{term}");
        }
        assert_eq!(
            ["-all", "~all", "?all", "+all", "all"].map(|term| one(term).verdict),
            [Verdict::Fail, Verdict::SoftFail, Verdict::Neutral, Verdict::Pass, Verdict::Pass,]
        );
        let record = parse("mx unknown=x:%{d}  redirect=_spf.a.test").unwrap();
        assert_eq!((record.directives.len(), record.redirect.as_deref()), (1, Some("_spf.a.test")));
    }
}
