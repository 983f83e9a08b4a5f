use crate::roster::CohortRule;
use serde::{Deserialize, Serialize};

/// A group of affected members that the letter speaks to in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// The id in the roster, the database and `member.in.<id>`: letters, digits, `_` and `-`.
    pub id: String,
    /// What operators see in the console and in reports.
    pub title: String,
    /// A sentence of its own for members of the cohort: a small template that sees `payments` (those of this cohort), `title`, `name`
    /// and `facts`; templates print it as `{{paragraph}}` inside `{{#each member.cohorts}}`.
    #[serde(default)]
    pub paragraph: Option<String>,
    /// Which payments make a member affected; absent when the roster names cohorts itself.
    #[serde(default)]
    pub rule: Option<CohortRule>,
}
