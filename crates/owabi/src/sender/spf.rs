//! SPF (RFC 7208): whether a domain's record covers an address from which mails leave.
//!
//! Macros and `ptr` are not followed: a record that needs them is "unknown", never guessed.

use super::dns::{Dns, NoAnswer};
use std::net::IpAddr;
use std::pin::Pin;

/// The most terms that ask the DNS (section 4.6.4).
pub const MOST_LOOKUPS: u32 = 10;

/// What the record says of an address (section 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may send.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// Nothing is said.
    Neutral,
}

/// Why nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No TXT record begins with `v=spf1`.
    #[error("no SPF record")]
    None,
    /// More than one does: receivers treat that as an error.
    #[error("{0} SPF records; exactly one may be there")]
    Several(usize),
    /// A term that is none.
    #[error("{0:?} is no SPF term")]
    Syntax(String),
    /// More than ten terms ask the DNS: receivers treat that as an error.
    #[error("more than {MOST_LOOKUPS} DNS lookups")]
    TooMany,
    /// A term that is not followed here.
    #[error("{0:?} is not followed here")]
    NotFollowed(String),
    /// An included or redirected domain has no record.
    #[error("{0} has no SPF record")]
    NoneAt(String),
    /// The DNS did not say.
    #[error("{0}: {1}")]
    Dns(String, NoAnswer),
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says of the address.
    pub verdict: Verdict,
    /// The term that decided, if any.
    pub by: Option<String>,
    /// Terms that asked the DNS.
    pub lookups: u32,
}

/// The one SPF record of a domain.
///
/// # Errors
/// When there is none, or more than one, or the DNS does not say.
pub async fn record(dns: &Dns, domain: &str) -> Result<String, Trouble> {
    let texts = match dns.txt(domain).await {
        Ok(texts) => texts,
        Err(why) if why.is_certain() => return Err(Trouble::None),
        Err(why) => return Err(Trouble::Dns(domain.to_owned(), why)),
    };
    let is_spf = |text: &String| text.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case("v=spf1"));
    let mut records: Vec<String> = texts.into_iter().filter(is_spf).collect();
    match records.len() {
        0 => Err(Trouble::None),
        1 => Ok(records.remove(0)),
        several => Err(Trouble::Several(several)),
    }
}

/// What a domain's record says of mails from `ip`.
///
/// # Errors
/// Why nothing can be said.
pub async fn evaluate(dns: &Dns, domain: &str, ip: IpAddr) -> Result<Found, Trouble> {
    let mut walk = Walk { dns, ip, lookups: 0 };
    let (verdict, by) = walk.domain(domain.to_owned()).await?.unwrap_or((Verdict::Neutral, None));
    Ok(Found { verdict, by, lookups: walk.lookups })
}

type Matched = Option<(Verdict, Option<String>)>;
type Walking<'a> = Pin<Box<dyn Future<Output = Result<Matched, Trouble>> + Send + 'a>>;

struct Walk<'a> {
    dns: &'a Dns,
    ip: IpAddr,
    lookups: u32,
}

impl Walk<'_> {
    fn domain(&mut self, domain: String) -> Walking<'_> {
        Box::pin(async move {
            let text = record(self.dns, &domain).await?;
            let mut redirect = None;
            for term in text.split_ascii_whitespace().skip(1) {
                match modifier(term) {
                    Some(("redirect", to)) => redirect = Some(to.to_owned()),
                    Some(_) => {}
                    None => {
                        let (verdict, mechanism) = qualified(term);
                        if self.holds(mechanism, &domain).await? {
                            return Ok(Some((verdict, Some(term.to_owned()))));
                        }
                    }
                }
            }
            let Some(to) = redirect else { return Ok(None) };
            self.counted(&to)?;
            match self.domain(to.clone()).await {
                Err(Trouble::None) => Err(Trouble::NoneAt(to)),
                other => other,
            }
        })
    }

    /// A term that asks the DNS; macros are not followed.
    fn counted(&mut self, argument: &str) -> Result<(), Trouble> {
        if argument.contains('%') {
            return Err(Trouble::NotFollowed(argument.to_owned()));
        }
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS { Err(Trouble::TooMany) } else { Ok(()) }
    }

    async fn holds(&mut self, mechanism: &str, domain: &str) -> Result<bool, Trouble> {
        let (name, argument) = named(mechanism);
        match name.to_ascii_lowercase().as_str() {
            "all" => Ok(true),
            "ip4" | "ip6" => in_network(self.ip, argument).ok_or_else(|| Trouble::Syntax(mechanism.to_owned())),
            "a" => {
                let (host, prefixes) = target(argument, domain).ok_or_else(|| Trouble::Syntax(mechanism.to_owned()))?;
                self.counted(&host)?;
                self.is_of(&host, prefixes).await
            }
            "mx" => {
                let (host, prefixes) = target(argument, domain).ok_or_else(|| Trouble::Syntax(mechanism.to_owned()))?;
                self.counted(&host)?;
                let exchanges = none_if_certain(self.dns.mx(&host).await, &host)?;
                for exchange in exchanges.iter().filter(|name| !name.is_empty()).take(MOST_LOOKUPS as usize) {
                    if self.is_of(exchange, prefixes).await? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            "include" => {
                let of = argument.strip_prefix(':').ok_or_else(|| Trouble::Syntax(mechanism.to_owned()))?.to_owned();
                self.counted(&of)?;
                match self.domain(of.clone()).await {
                    Ok(found) => Ok(found.is_some_and(|(verdict, _)| verdict == Verdict::Pass)),
                    Err(Trouble::None) => Err(Trouble::NoneAt(of)),
                    Err(other) => Err(other),
                }
            }
            "exists" => {
                let of = argument.strip_prefix(':').ok_or_else(|| Trouble::Syntax(mechanism.to_owned()))?;
                self.counted(of)?;
                Ok(!none_if_certain(self.dns.addresses(of, false).await, of)?.is_empty())
            }
            "ptr" => Err(Trouble::NotFollowed(mechanism.to_owned())),
            _ => Err(Trouble::Syntax(mechanism.to_owned())),
        }
    }

    async fn is_of(&self, host: &str, (four, six): (u8, u8)) -> Result<bool, Trouble> {
        let found = none_if_certain(self.dns.addresses(host, self.ip.is_ipv6()).await, host)?;
        let prefix = if self.ip.is_ipv4() { four } else { six };
        Ok(found.iter().any(|address| is_in(self.ip, *address, prefix)))
    }
}

/// A name that is not there matches nothing; a resolver that fails leaves it open.
fn none_if_certain<T>(answer: Result<Vec<T>, NoAnswer>, name: &str) -> Result<Vec<T>, Trouble> {
    match answer {
        Ok(found) => Ok(found),
        Err(why) if why.is_certain() => Ok(Vec::new()),
        Err(why) => Err(Trouble::Dns(name.to_owned(), why)),
    }
}

/// `redirect=…` and the like; a mechanism has no `=` before its first `:` or `/`.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    (!name.contains([':', '/'])).then_some((name, value))
}

fn qualified(term: &str) -> (Verdict, &str) {
    match term.as_bytes().first() {
        Some(b'+') => (Verdict::Pass, &term[1..]),
        Some(b'-') => (Verdict::Fail, &term[1..]),
        Some(b'~') => (Verdict::SoftFail, &term[1..]),
        Some(b'?') => (Verdict::Neutral, &term[1..]),
        _ => (Verdict::Pass, term),
    }
}

/// Name and the rest, which begins with `:` or `/` or is empty.
fn named(mechanism: &str) -> (&str, &str) {
    mechanism.find([':', '/']).map_or((mechanism, ""), |at| mechanism.split_at(at))
}

/// The host of `a` and `mx`, and the lengths of the prefixes for IPv4 and IPv6.
fn target(argument: &str, domain: &str) -> Option<(String, (u8, u8))> {
    let (host, cidr) = argument.find('/').map_or((argument, ""), |at| argument.split_at(at));
    let host = if host.is_empty() { domain } else { host.strip_prefix(':')? };
    let (four, six) = match cidr.strip_prefix("//") {
        Some(six) => ("", six),
        None => cidr.strip_prefix('/').unwrap_or("").split_once("//").unwrap_or((cidr.trim_start_matches('/'), "")),
    };
    let length = |text: &str, most: u8| {
        if text.is_empty() { Some(most) } else { text.parse().ok().filter(|length| *length <= most) }
    };
    Some((host.to_owned(), (length(four, 32)?, length(six, 128)?)))
}

/// `:192.0.2.0/24`; `None` for what is no network.
fn in_network(ip: IpAddr, argument: &str) -> Option<bool> {
    let text = argument.strip_prefix(':')?;
    let (network, prefix) = text.split_once('/').map_or((text, None), |(network, prefix)| (network, Some(prefix)));
    let network: IpAddr = network.parse().ok()?;
    let most = if network.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok().filter(|length| *length <= most))?;
    Some(is_in(ip, network, prefix))
}

fn is_in(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            u32::from(ip) & mask == u32::from(network) & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            u128::from(ip) & mask == u128::from(network) & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_the_addresses_of_their_prefix_and_no_others() {
        for (ip, network, holds) in [
            ("192.0.2.7", ":192.0.2.0/24", Some(true)),
            ("192.0.3.7", ":192.0.2.0/24", Some(false)),
            ("192.0.2.7", ":192.0.2.7", Some(true)),
            ("192.0.2.7", ":0.0.0.0/0", Some(true)),
            ("2001:db8::1", ":2001:db8::/32", Some(true)),
            ("2001:db9::1", ":2001:db8::/32", Some(false)),
            ("192.0.2.7", ":2001:db8::/32", Some(false)),
            ("192.0.2.7", ":192.0.2.0/33", None),
            ("192.0.2.7", ":example.jp", None),
        ] {
            assert_eq!(in_network(ip.parse().unwrap(), network), holds, "{ip} {network}");
        }
    }

    #[test]
    fn hosts_and_prefixes_of_a_and_mx_are_read() {
        let read = |argument| target(argument, "d.test").map(|(host, (four, six))| format!("{host} {four} {six}"));
        assert_eq!(read("").unwrap(), "d.test 32 128");
        assert_eq!(read(":a.test").unwrap(), "a.test 32 128");
        assert_eq!(read(":a.test/24//64").unwrap(), "a.test 24 64");
        assert_eq!(read("/24").unwrap(), "d.test 24 128");
        assert_eq!(read("//64").unwrap(), "d.test 32 64");
        assert_eq!(read("/x"), None);
        assert_eq!(modifier("redirect=a.test"), Some(("redirect", "a.test")));
        assert_eq!(modifier("exists:%{i}=x"), None);
    }
}
