use super::shapes::one_or_many;
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

/// Which payments belong to a cohort: one of the purposes, one of the methods, paid on a day of the period, both days included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortRule {
    /// What was paid for, compared after NFKC and trimming.
    #[serde(deserialize_with = "one_or_many")]
    pub purpose: Vec<String>,
    /// How it was paid, compared alike.
    #[serde(deserialize_with = "one_or_many")]
    pub method: Vec<String>,
    /// First day, `2021-10-14`, Japan time.
    pub paid_from: String,
    /// Last day, `2022-01-25`, Japan time.
    pub paid_to: String,
}
