//! SPF (RFC 7208): whether a domain's record covers an address from which mails leave.
//!
//! Macros and `ptr` are not followed: a record that needs them is "unknown", never guessed.

mod record;

use super::dns::{Dns, NoAnswer};
use record::{Directive, Mechanism, Prefixes, Record};
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

/// The most terms that ask the DNS (section 4.6.4).
pub const MOST_LOOKUPS: u32 = 10;
/// The most exchangers of one `mx` (section 4.6.4).
pub const MOST_EXCHANGERS: usize = 10;
/// The most questions that come to nothing (section 4.6.4).
pub const MOST_VOID: u32 = 2;
/// For all questions about one address together (section 4.6.4).
const PATIENCE: Duration = Duration::from_secs(20);

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
    /// A modifier that may stand there once.
    #[error("{0}= stands there twice")]
    Twice(&'static str),
    /// An `mx` of too many exchangers: receivers treat that as an error.
    #[error("{0} has more than {MOST_EXCHANGERS} MX records")]
    TooManyExchangers(String),
    /// Too many names that do not exist or have no such record: receivers treat that as an error.
    #[error("more than {MOST_VOID} DNS lookups without an answer, the last of {0}")]
    TooManyVoid(String),
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
    let dns = dns.within(PATIENCE);
    let mut walk = Walk { dns: &dns, ip, lookups: 0, void: 0 };
    let (verdict, by) = walk.domain(domain.to_owned()).await?.unwrap_or((Verdict::Neutral, None));
    Ok(Found { verdict, by, lookups: walk.lookups })
}

type Matched = Option<(Verdict, Option<String>)>;
type Walking<'a> = Pin<Box<dyn Future<Output = Result<Matched, Trouble>> + Send + 'a>>;

struct Walk<'a> {
    dns: &'a Dns,
    ip: IpAddr,
    lookups: u32,
    void: u32,
}

impl Walk<'_> {
    fn domain(&mut self, domain: String) -> Walking<'_> {
        Box::pin(async move {
            let Record { directives, redirect } = Record::parse(&record(self.dns, &domain).await?)?;
            let has_all = directives.iter().any(|one| one.mechanism == Mechanism::All);
            for Directive { verdict, mechanism, text } in directives {
                if self.holds(mechanism, &text, &domain).await? {
                    return Ok(Some((verdict, Some(text))));
                }
            }
            let Some(to) = redirect.filter(|_| !has_all) else { return Ok(None) };
            self.counted(&to)?;
            self.further(to).await
        })
    }

    /// What another domain's record says, which must be there.
    async fn further(&mut self, of: String) -> Result<Matched, Trouble> {
        match self.domain(of.clone()).await {
            Err(Trouble::None) => Err(Trouble::NoneAt(of)),
            other => other,
        }
    }

    /// A term that asks the DNS; macros are not followed.
    fn counted(&mut self, argument: &str) -> Result<(), Trouble> {
        if argument.contains('%') {
            return Err(Trouble::NotFollowed(argument.to_owned()));
        }
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS { Err(Trouble::TooMany) } else { Ok(()) }
    }

    async fn holds(&mut self, mechanism: Mechanism, text: &str, domain: &str) -> Result<bool, Trouble> {
        let own = |host: Option<String>| host.unwrap_or_else(|| domain.to_owned());
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Network(network, prefix) => Ok(is_in(self.ip, network, prefix)),
            Mechanism::A(host, prefixes) => {
                let host = own(host);
                self.counted(&host)?;
                self.is_of(&host, prefixes).await
            }
            Mechanism::Mx(host, prefixes) => self.is_exchanger_of(&own(host), prefixes).await,
            Mechanism::Include(of) => {
                self.counted(&of)?;
                let found = self.further(of).await?;
                Ok(found.is_some_and(|(verdict, _)| verdict == Verdict::Pass))
            }
            Mechanism::Exists(of) => {
                self.counted(&of)?;
                let answer = self.dns.addresses(&of, false).await;
                Ok(!self.none_if_certain(answer, &of)?.is_empty())
            }
            Mechanism::Ptr => Err(Trouble::NotFollowed(text.to_owned())),
        }
    }

    async fn is_exchanger_of(&mut self, host: &str, prefixes: Prefixes) -> Result<bool, Trouble> {
        self.counted(host)?;
        let answer = self.dns.mx(host).await;
        let exchangers = self.none_if_certain(answer, host)?;
        if exchangers.len() > MOST_EXCHANGERS {
            return Err(Trouble::TooManyExchangers(host.to_owned()));
        }
        for exchanger in exchangers.iter().filter(|name| !name.is_empty()) {
            if self.is_of(exchanger, prefixes).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn is_of(&mut self, host: &str, (four, six): Prefixes) -> Result<bool, Trouble> {
        let answer = self.dns.addresses(host, self.ip.is_ipv6()).await;
        let found = self.none_if_certain(answer, host)?;
        let prefix = if self.ip.is_ipv4() { four } else { six };
        Ok(found.iter().any(|address| is_in(self.ip, *address, prefix)))
    }

    /// A name that is not there matches nothing, and may not be asked for often; a resolver that fails leaves it open.
    fn none_if_certain<T>(&mut self, answer: Result<Vec<T>, NoAnswer>, name: &str) -> Result<Vec<T>, Trouble> {
        match answer {
            Ok(found) => Ok(found),
            Err(why) if why.is_certain() => {
                self.void += 1;
                if self.void > MOST_VOID { Err(Trouble::TooManyVoid(name.to_owned())) } else { Ok(Vec::new()) }
            }
            Err(why) => Err(Trouble::Dns(name.to_owned(), why)),
        }
    }
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
        for (ip, network, prefix, holds) in [
            ("192.0.2.7", "192.0.2.0", 24, true),
            ("192.0.3.7", "192.0.2.0", 24, false),
            ("192.0.2.7", "192.0.2.7", 32, true),
            ("192.0.2.7", "0.0.0.0", 0, true),
            ("2001:db8::1", "2001:db8::", 32, true),
            ("2001:db9::1", "2001:db8::", 32, false),
            ("2001:db9::1", "::", 0, true),
            ("192.0.2.7", "2001:db8::", 32, false),
        ] {
            assert_eq!(is_in(ip.parse().unwrap(), network.parse().unwrap(), prefix), holds, "{ip} {network}");
        }
    }
}
