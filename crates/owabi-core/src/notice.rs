//! A notice: what is said about one incident, read from `config/notices/<id>.yaml`.
//!
//! Each fact stands once, here; templates only refer to it. A minimal notice has an id, a title, a language, a sender and a
//! reply address; everything else has a default that sends nothing by surprise.

mod cohort;
mod facts;
mod policy;
mod shapes;
mod validate;

pub use cohort::Cohort;
pub use facts::Fact;
pub use policy::{Breaker, InDoubt, Policy, Window};
pub use shapes::Mailbox;
pub use validate::{Problem, Severity};

use crate::roster::{ColumnMap, RosterCohort, RosterOptions};
use crate::yaml::{self, Span, YamlError};
use serde::{Deserialize, Serialize};

/// The language a notice is written in, which decides how helpers write dates and lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Language {
    /// The language tag, `ja` or `en`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }
}

/// A notice as its file defines it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeDefinition {
    /// `[a-z0-9-]`, 1 to 64 characters, equal to the file's stem.
    pub id: String,
    /// What operators call it, and the title that templates may print.
    pub title: String,
    /// The language of the letter.
    pub language: Language,
    /// The name of the directory below `templates/notices/`; the notice's id when absent. Two languages of one incident differ in it.
    #[serde(default)]
    pub template: Option<String>,
    /// Who the mail is from.
    pub from: Mailbox,
    /// Where answers go.
    pub reply_to: Mailbox,
    /// The organisation that answers for the notice, as the console shows it.
    #[serde(default)]
    pub organisation: Option<String>,
    /// What the letter states, as `facts.…` in templates.
    #[serde(default = "facts::empty")]
    pub facts: Fact,
    /// The groups of affected members.
    #[serde(default)]
    pub cohorts: Vec<Cohort>,
    /// How to read this notice's rosters.
    #[serde(default)]
    pub roster: Roster,
    /// The only URLs that the letter may carry, compared exactly. `{{facts.…}}` is allowed, so that a fact stands once.
    #[serde(default)]
    pub allowed_urls: Vec<String>,
    /// Words that must stand in every letter, in text and HTML; white space is ignored. `{{facts.…}}` and helpers are allowed.
    #[serde(default)]
    pub required_phrases: Vec<String>,
    /// How the notice is released and sent.
    #[serde(default)]
    pub policy: Policy,
    /// The only addresses that `test-send` may write to.
    #[serde(default)]
    pub test_addresses: Vec<String>,
    /// How long personal data is kept after the last mail; `None` keeps it until someone purges.
    #[serde(default)]
    pub retention: Option<Span>,
}

/// How to read this notice's rosters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// Header names by field (`member_no: [会員番号, member_no]`); a single name may stand without brackets.
    #[serde(default)]
    pub columns: ColumnMap,
}

impl NoticeDefinition {
    /// Reads a notice file. Call [`NoticeDefinition::validate`] for what a type cannot say.
    ///
    /// # Errors
    /// The first mistake in the YAML's form, with file, line, column and path.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, YamlError> {
        yaml::parse(file_name, text)
    }

    /// The directory of the templates below `templates/notices/`.
    pub fn template_dir(&self) -> &str {
        self.template.as_deref().unwrap_or(&self.id)
    }

    /// Whether `test-send` may write to this address, compared without regard to ASCII case.
    pub fn is_test_address(&self, address: &str) -> bool {
        self.test_addresses.iter().any(|allowed| allowed.eq_ignore_ascii_case(address))
    }

    /// A cohort by its id.
    pub fn cohort(&self, id: &str) -> Option<&Cohort> {
        self.cohorts.iter().find(|cohort| cohort.id == id)
    }

    /// How this notice's rosters are read: its columns and its cohorts; encoding and delimiter are detected.
    pub fn roster_options(&self) -> RosterOptions {
        let cohort = |cohort: &Cohort| RosterCohort {
            id: cohort.id.clone(),
            title: cohort.title.clone(),
            rule: cohort.rule.clone(),
        };
        let cohorts = self.cohorts.iter().map(cohort).collect();
        RosterOptions { columns: self.roster.columns.clone(), cohorts, ..RosterOptions::default() }
    }
}
