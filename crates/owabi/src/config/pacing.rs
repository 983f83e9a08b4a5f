//! `pacing`: how fast mails go to one recipient domain.

use super::problem::Findings;
use crate::cli::say::say;
use serde::{Deserialize, Serialize};

/// `pacing`: limits for recipient domains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pacing {
    /// Limits that come with owabi.
    pub presets: Presets,
    /// Limits of this site; they replace a preset's for the same domain.
    pub domains: Vec<DomainLimit>,
}

/// Sets of limits that come with owabi.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presets {
    /// The Japanese mobile carriers.
    #[default]
    JpCarriers,
    /// No limits but the site's own.
    None,
}

/// Limits for one recipient domain, exactly as written (subdomains are domains of their own).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DomainLimit {
    /// The domain, in lower case.
    pub domain: String,
    /// Mails a second; `None` is no limit.
    pub rate: Option<f64>,
    /// Mails of the domain under way at a time; `None` is no limit.
    pub concurrency: Option<u32>,
}

/// Mail domains of the Japanese mobile carriers.
const JP_CARRIERS: [&str; 18] = [
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "au.com",
    "softbank.ne.jp",
    "i.softbank.jp",
    "d.vodafone.ne.jp",
    "h.vodafone.ne.jp",
    "t.vodafone.ne.jp",
    "c.vodafone.ne.jp",
    "r.vodafone.ne.jp",
    "k.vodafone.ne.jp",
    "n.vodafone.ne.jp",
    "s.vodafone.ne.jp",
    "q.vodafone.ne.jp",
    "ymobile.ne.jp",
    "uqmobile.jp",
    "rakumail.jp",
    "disney.ne.jp",
];

// The carriers publish no figures. These are our own careful choice, meant to stay well under what gets a sender throttled.
const CARRIER_RATE: f64 = 30.0;
const CARRIER_CONCURRENCY: u32 = 10;

impl Pacing {
    /// Every limit that applies, the site's own first; each domain once.
    pub fn limits(&self) -> Vec<DomainLimit> {
        let preset: &[&str] = match self.presets {
            Presets::JpCarriers => &JP_CARRIERS,
            Presets::None => &[],
        };
        let own = |domain: &str| self.domains.iter().any(|limit| limit.domain == domain);
        let carriers = preset.iter().filter(|domain| !own(domain)).map(|domain| DomainLimit {
            domain: (*domain).to_owned(),
            rate: Some(CARRIER_RATE),
            concurrency: Some(CARRIER_CONCURRENCY),
        });
        self.domains.iter().cloned().chain(carriers).collect()
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        for (n, limit) in self.domains.iter().enumerate() {
            let at = format!("pacing.domains[{n}]");
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            if limit.domain.is_empty() || !limit.domain.chars().all(plain) {
                found.refuse_with(
                    format!("{at}.domain"),
                    say!(ja: "メールのドメインではありません。", en: "is not a mail domain"),
                    say!(
                        ja: "小文字で、日本語ドメイン名は xn--… の形で書いてください。例: docomo.ne.jp",
                        en: "lower case, and a Japanese domain name as xn--…; for example: docomo.ne.jp"
                    ),
                );
            }
            if self.domains[..n].iter().any(|other| other.domain == limit.domain && !limit.domain.is_empty()) {
                let domain = &limit.domain;
                found.refuse(
                    format!("{at}.domain"),
                    say!(ja: "{domain} の上限はすでに書かれています。", en: "{domain} has limits already"),
                );
            }
            found.rate(format!("{at}.rate"), limit.rate);
            if limit.concurrency == Some(0) {
                found.at_least_one(format!("{at}.concurrency"), 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_s_own_limit_replaces_the_carrier_s_and_leaves_the_others() {
        let own = DomainLimit { domain: "docomo.ne.jp".into(), rate: Some(5.0), concurrency: None };
        let limits = Pacing { domains: vec![own.clone()], ..Pacing::default() }.limits();
        assert_eq!(limits.iter().filter(|limit| limit.domain == "docomo.ne.jp").collect::<Vec<_>>(), [&own]);
        assert_eq!(limits.len(), JP_CARRIERS.len());
    }

    #[test]
    fn presets_none_leaves_only_the_site_s_limits() {
        assert!(Pacing { presets: Presets::None, ..Pacing::default() }.limits().is_empty());
    }
}
