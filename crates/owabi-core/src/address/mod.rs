//! Mail addresses as rosters give them: tidied, judged, and never shown unmasked by accident.
//!
//! [`Address::parse`] repairs what a spreadsheet does to an address (full-width characters, invisible characters,
//! `mailto:`), refuses what no relay could deliver, and warns of what is probably a slip. Old addresses of the Japanese
//! carriers (`abc..def@docomo.ne.jp`) are accepted: their owners are real.

mod lookalike;
mod problem;
mod syntax;
mod tidy;

pub use lookalike::Warning;
pub use problem::{AddressProblem, Invalid};
pub use tidy::{Change, is_bidi_control};

pub(crate) use tidy::is_invisible;

use serde::{Deserialize, Serialize};
use std::fmt;

/// The language of a text that an operator reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// The one of two texts that is in this language.
    pub(crate) fn of<T>(self, ja: T, en: T) -> T {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
}

/// A normalised address. Its only `Display` (and `Debug`) is masked: `a***@d***.jp`.
///
/// The domain is lower case and in A-labels; the local part keeps its case and stands as the member writes it, so
/// equal members give equal values.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    text: Box<str>,
}

/// What [`Address::parse`] made of one cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The usable address.
    pub address: Address,
    /// What was repaired, each kind once, in the order of repair.
    pub changes: Vec<Change>,
    /// What a person should look at; the address is used all the same.
    pub warnings: Vec<Warning>,
}

impl Address {
    /// Reads one roster cell.
    ///
    /// # Errors
    /// [`AddressProblem::Blank`] when the cell says that there is no address (empty, `なし`, `n/a` …),
    /// [`AddressProblem::Invalid`] when no relay could take it (RFC 5321, section 4.1.2, with its size limits).
    pub fn parse(raw: &str) -> Result<Parsed, AddressProblem> {
        let tidied = tidy::tidy(raw)?;
        let (local, domain) = syntax::split(&tidied.text)?;
        let domain = syntax::domain(domain)?;
        let local = syntax::local_part(local, &domain)?;
        if tidy::is_placeholder(&local) && tidy::is_placeholder(&domain) {
            return Err(AddressProblem::Blank);
        }
        let address = Self { text: format!("{local}@{domain}").into() };
        syntax::check_length(&address.envelope())?;
        Ok(Parsed { warnings: lookalike::warnings(address.domain()), address, changes: tidied.changes })
    }

    /// Reads back what [`Address::as_str`] gave.
    ///
    /// # Errors
    /// As [`Address::parse`]; also [`Invalid::NotNormalised`] for a text that `as_str` can never give.
    pub fn from_stored(stored: &str) -> Result<Self, AddressProblem> {
        let parsed = Self::parse(stored)?;
        let same = parsed.address.as_str() == stored;
        same.then_some(parsed.address).ok_or(AddressProblem::Invalid { reason: Invalid::NotNormalised })
    }

    /// The normalised form to store and to compare: `abc..def@docomo.ne.jp`, `"a b"@example.jp`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form for MAIL and RCPT (RFC 5321): as stored, but with the local part quoted when it is no dot-string.
    pub fn envelope(&self) -> String {
        let local = self.local_part();
        if local.starts_with('"') || syntax::is_dot_string(local) {
            return self.text.to_string();
        }
        format!("\"{local}\"@{}", self.domain())
    }

    /// The part before the last `@`, with its quotes if it needs them.
    pub fn local_part(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// The domain in lower case and A-labels, or an address literal with its brackets.
    pub fn domain(&self) -> &str {
        self.text.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether only a relay with SMTPUTF8 (RFC 6531) can take it: the local part is not ASCII.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local_part().is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = |text: &str| text.trim_start_matches('"').chars().next().unwrap_or('*');
        let top = self.domain().rsplit_once('.').map_or("", |(_, top)| top.trim_end_matches(']'));
        write!(f, "{}***@{}***.{top}", first(self.local_part()), first(self.domain()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}
