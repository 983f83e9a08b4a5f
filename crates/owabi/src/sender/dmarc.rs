//! DMARC (RFC 7489): a domain's policy, and whether another domain is aligned with it.
//!
//! The policy of a domain without one is looked for at the domains above it, but never at one under which anybody gets
//! domains. Of those only the top level and Japan's are known here, not the whole list of public suffixes: whoever is
//! aligned because of a domain above is so approximately.

use super::dns::{Dns, NoAnswer};
use super::{is_within, tag};

/// The most domains above one that are asked.
const MOST_ABOVE: usize = 7;

/// Under `jp`, what stands before the domain of an organisation.
const SECOND_LEVELS_OF_JP: [&str; 9] = ["ac", "ad", "co", "ed", "go", "gr", "lg", "ne", "or"];

/// A policy as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The domain that publishes it: the asked one or one above it.
    pub at: String,
    /// `none`, `quarantine` or `reject`: what counts for the domain that was asked for.
    pub policy: String,
    /// `aspf=s`: the bounce address's domain must be the From's.
    pub strict_spf: bool,
    /// `adkim=s`: the signature's domain must be the From's.
    pub strict_dkim: bool,
    /// Where reports go.
    pub reports: Option<String>,
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Neither the domain nor one above it has a record.
    #[error("no DMARC record")]
    None,
    /// More than one: receivers then use none.
    #[error("{0} DMARC records at {1}; exactly one may be there")]
    Several(usize, String),
    /// Its `p=` is missing or unknown.
    #[error("{0:?} has no policy p=none, quarantine or reject")]
    NoPolicy(String),
    /// The DNS did not say.
    #[error("{0}: {1}")]
    Dns(String, NoAnswer),
}

/// The policy that receivers apply to mails from `domain`.
///
/// # Errors
/// Why there is none.
pub async fn policy(dns: &Dns, domain: &str) -> Result<Policy, Trouble> {
    let labels: Vec<&str> = domain.split('.').collect();
    for above in 0..labels.len().min(MOST_ABOVE) {
        let at = labels[above..].join(".");
        if is_public(&at) {
            break;
        }
        let name = format!("_dmarc.{at}");
        let texts = match dns.txt(&name).await {
            Ok(texts) => texts,
            Err(why) if why.is_certain() => continue,
            Err(why) => return Err(Trouble::Dns(name, why)),
        };
        let records: Vec<&String> = texts.iter().filter(|text| tag(text, "v") == Some("DMARC1")).collect();
        match records.as_slice() {
            [] => {}
            [one] => return read(one, at, above > 0),
            several => return Err(Trouble::Several(several.len(), name)),
        }
    }
    Err(Trouble::None)
}

fn read(text: &str, at: String, is_below: bool) -> Result<Policy, Trouble> {
    let below = if is_below { tag(text, "sp") } else { None };
    let policy = below.or_else(|| tag(text, "p")).unwrap_or_default().to_ascii_lowercase();
    if !matches!(policy.as_str(), "none" | "quarantine" | "reject") {
        return Err(Trouble::NoPolicy(text.to_owned()));
    }
    let is_strict = |name| tag(text, name).is_some_and(|value| value.eq_ignore_ascii_case("s"));
    let reports = tag(text, "rua").map(str::to_owned);
    Ok(Policy { at, policy, strict_spf: is_strict("aspf"), strict_dkim: is_strict("adkim"), reports })
}

/// Whether anybody gets domains under this one, as far as it is known here.
fn is_public(domain: &str) -> bool {
    let domain = domain.to_ascii_lowercase();
    match domain.split_once('.') {
        None => true,
        Some((second, "jp")) => SECOND_LEVELS_OF_JP.contains(&second),
        Some(_) => false,
    }
}

/// Whether alignment of these two hangs on which domain is the organisation's, which is known approximately.
pub fn is_approximate(from: &str, other: &str, strict: bool) -> bool {
    !strict && !from.eq_ignore_ascii_case(other)
}

/// Whether `other` (of the bounce address, or `d=` of a signature) is aligned with the From domain.
pub fn is_aligned(from: &str, other: &str, strict: bool, policy: Option<&Policy>) -> bool {
    if from.eq_ignore_ascii_case(other) {
        return true;
    }
    let is_above = |above: &str| !is_public(above) && is_within(from, above) && is_within(other, above);
    !strict && (is_above(from) || is_above(other) || policy.is_some_and(|policy| is_above(&policy.at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_and_below_the_organisation_sp_counts() {
        let text = "v=DMARC1; p=reject; sp=quarantine; adkim=s; rua=mailto:d@example.jp";
        let own = read(text, "example.jp".into(), false).unwrap();
        assert_eq!((own.policy.as_str(), own.strict_dkim, own.strict_spf), ("reject", true, false));
        assert_eq!(read(text, "example.jp".into(), true).unwrap().policy, "quarantine");
        assert!(matches!(read("v=DMARC1; p=all", "example.jp".into(), false), Err(Trouble::NoPolicy(_))));
    }

    #[test]
    fn alignment_is_relaxed_unless_the_policy_is_strict() {
        let policy = read("v=DMARC1; p=none", "example.jp".into(), true).unwrap();
        for (from, other, strict, aligned) in [
            ("example.jp", "example.jp", true, true),
            ("example.jp", "bounce.example.jp", false, true),
            ("example.jp", "bounce.example.jp", true, false),
            ("news.example.jp", "bounce.example.jp", false, true),
            ("example.jp", "example.com", false, false),
            ("example.jp", "badexample.jp", false, false),
            ("example.jp", "jp", false, false),
            ("example.co.jp", "co.jp", false, false),
            ("example.co.jp", "news.example.co.jp", false, true),
        ] {
            assert_eq!(is_aligned(from, other, strict, Some(&policy)), aligned, "{from} {other} {strict}");
        }
        assert!(is_approximate("example.jp", "news.example.jp", false));
        assert!(
            !is_approximate("example.jp", "Example.jp", false) && !is_approximate("example.jp", "a.example.jp", true)
        );
    }

    #[test]
    fn a_domain_under_which_anybody_gets_domains_is_no_organisations() {
        for (domain, public) in [
            ("jp", true),
            ("co.jp", true),
            ("Lg.JP", true),
            ("example.jp", false),
            ("co.com", false),
            ("a.co.jp", false),
        ] {
            assert_eq!(is_public(domain), public, "{domain}");
        }
    }
}
