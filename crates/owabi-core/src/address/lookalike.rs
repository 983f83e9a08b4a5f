//! Addresses that are valid, and probably not what the member meant.

use super::Lang;
use serde::{Deserialize, Serialize};

/// Something about a usable address that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "warning")]
pub enum Warning {
    /// The domain is one slip away from a domain that many people use.
    LikelyTypo {
        /// The domain that was probably meant.
        suggestion: String,
    },
    /// The domain mixes scripts, or is made of letters that look Latin and are not.
    MixedScript,
    /// The domain is an IP address, ends in a number, or has a single label or a one-letter top level.
    UnusualDomain,
}

impl Warning {
    /// One sentence for the operator.
    pub fn text(&self, lang: Lang) -> String {
        match self {
            Self::LikelyTypo { suggestion } => lang
                .of(format!("「{suggestion}」の打ち間違いかもしれません"), format!("perhaps {suggestion} was meant")),
            Self::MixedScript => lang
                .of("ドメイン名に紛らわしい文字が混じっています", "the domain mixes letters that look alike")
                .to_owned(),
            Self::UnusualDomain => {
                lang.of("ドメイン名が通常の形ではありません", "the domain has an unusual form").to_owned()
            }
        }
    }
}

/// All that is odd about a normalised domain.
pub(super) fn warnings(domain: &str) -> Vec<Warning> {
    let typo = suggestion(domain).map(|suggestion| Warning::LikelyTypo { suggestion });
    let mixed = is_mixed_script(domain).then_some(Warning::MixedScript);
    let unusual = is_unusual(domain).then_some(Warning::UnusualDomain);
    [typo, mixed, unusual].into_iter().flatten().collect()
}

fn is_unusual(domain: &str) -> bool {
    let top = domain.rsplit_once('.').map(|(_, top)| top);
    top.is_none_or(|top| top.len() < 2 || top.bytes().all(|b| b.is_ascii_digit()) || domain.starts_with('['))
}

/// Domains that many members use, each with a first label long enough that one wrong letter is a slip.
const COMMON: [&str; 20] = [
    "gmail.com",
    "yahoo.co.jp",
    "yahoo.ne.jp",
    "yahoo.com",
    "docomo.ne.jp",
    "ezweb.ne.jp",
    "softbank.ne.jp",
    "icloud.com",
    "hotmail.com",
    "hotmail.co.jp",
    "outlook.com",
    "outlook.jp",
    "biglobe.ne.jp",
    "nifty.com",
    "rakuten.jp",
    "ymobile.ne.jp",
    "vodafone.ne.jp",
    "i.softbank.jp",
    "au.com",
    "live.jp",
];

/// Real providers that stand one letter from a common one.
const REAL: [&str; 7] =
    ["mail.com", "email.com", "ymail.com", "fmail.com", "rocketmail.com", "yahoo.co", "nifty.ne.jp"];

/// Providers that exist under one ending only.
const ONE_ENDING: [(&str, &str); 6] = [
    ("gmail", "gmail.com"),
    ("docomo", "docomo.ne.jp"),
    ("ezweb", "ezweb.ne.jp"),
    ("icloud", "icloud.com"),
    ("i.softbank", "i.softbank.jp"),
    ("vodafone", "vodafone.ne.jp"),
];

/// Endings that no registry has, and what was meant.
const ENDINGS: [(&str, &str); 12] = [
    (".con", ".com"),
    (".cmo", ".com"),
    (".ocm", ".com"),
    (".comm", ".com"),
    (".ne.jo", ".ne.jp"),
    (".co.jo", ".co.jp"),
    (".ne.jpp", ".ne.jp"),
    (".co.jpp", ".co.jp"),
    (".ne.pj", ".ne.jp"),
    (".co.pj", ".co.jp"),
    (".nejp", ".ne.jp"),
    (".cojp", ".co.jp"),
];

fn suggestion(domain: &str) -> Option<String> {
    if COMMON.contains(&domain) || REAL.contains(&domain) {
        return None;
    }
    let by_ending =
        ENDINGS.iter().find_map(|(wrong, right)| domain.strip_suffix(wrong).map(|rest| format!("{rest}{right}")));
    by_ending.or_else(|| one_ending(domain)).or_else(|| one_slip(domain)).map(|found| one_slip(&found).unwrap_or(found))
}

/// `docomo.co.jp`, `gmail.co`: the right provider under an ending that it does not have.
fn one_ending(domain: &str) -> Option<String> {
    const WRONG: [&str; 12] =
        [".com", ".co", ".jp", ".co.jp", ".ne.jp", ".or.jp", ".ne", ".cm", ".om", ".net", ".com.jp", ".ne.co.jp"];
    let (_, right) =
        ONE_ENDING.iter().find(|(name, _)| domain.strip_prefix(name).is_some_and(|end| WRONG.contains(&end)))?;
    Some((*right).to_owned())
}

fn one_slip(domain: &str) -> Option<String> {
    let near = |common: &&&str| common.len() >= 8 && is_one_slip(domain.as_bytes(), common.as_bytes());
    COMMON.iter().find(near).map(|common| (*common).to_owned())
}

/// Whether one letter was left out, added, mistaken, or two neighbours swapped.
fn is_one_slip(a: &[u8], b: &[u8]) -> bool {
    let same_start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[same_start..], &b[same_start..]);
    let same_end = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - same_end], &b[..b.len() - same_end]);
    match (a, b) {
        ([_], [_] | []) | ([], [_]) => true,
        ([a1, a2], [b1, b2]) => a1 == b2 && a2 == b1,
        _ => false,
    }
}

fn is_mixed_script(domain: &str) -> bool {
    if !domain.contains("xn--") {
        return false;
    }
    let (unicode, _) = idna::domain_to_unicode(domain);
    unicode.split('.').any(|label| {
        let foreign = label.chars().any(is_greek_or_cyrillic);
        let latin = label.chars().any(|c| c.is_ascii_alphabetic() || matches!(c, '\u{c0}'..='\u{24f}'));
        foreign && (latin || label.chars().all(|c| is_latin_lookalike(c) || c.is_ascii_digit() || c == '-'))
    })
}

fn is_greek_or_cyrillic(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1c80}'..='\u{1c8f}' | '\u{1f00}'..='\u{1fff}')
}

fn is_latin_lookalike(c: char) -> bool {
    "аеорсухіјѕһԁԛԝӏьгпокαορνικυγω".contains(c)
}
