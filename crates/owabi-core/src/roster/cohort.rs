//! Who is affected: the rules by which a payment makes its payer a member of a cohort.

use super::paid_at::PaidAt;
use crate::address::{Lang, is_invisible};
use crate::yaml::one_or_many;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Which payments belong to a cohort. What is left out of a rule is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CohortRule {
    /// What may have been paid for; compared after NFKC, with runs of space as one and none at the ends.
    #[serde(default, deserialize_with = "one_or_many")]
    pub purpose: Vec<String>,
    /// How it may have been paid; compared likewise.
    #[serde(default, deserialize_with = "one_or_many")]
    pub method: Vec<String>,
    /// The first day, Japan time: `2021-10-14`.
    #[serde(default, with = "day")]
    pub paid_from: Option<Date>,
    /// The last day, Japan time; all of it is inside.
    #[serde(default, with = "day")]
    pub paid_to: Option<Date>,
}

/// One cohort of the notice, as far as reading a roster needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RosterCohort {
    /// The id that members get.
    pub id: String,
    /// The title; a plain list may name the cohort by it too.
    pub title: String,
    /// The rule for payment exports.
    pub rule: Option<CohortRule>,
}

/// Why a payment concerns nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotAffected {
    /// No rule names what was paid for.
    Purpose,
    /// A rule names the purpose, none this way of paying for it.
    Method,
    /// A rule names purpose and method, but the day is outside.
    Day,
}

impl NotAffected {
    /// One sentence for the operator.
    pub fn text(self, lang: Lang) -> &'static str {
        match self {
            Self::Purpose => lang.of("対象外の支払内容です", "the purpose is not affected"),
            Self::Method => lang.of("対象外の支払方法です", "the payment method is not affected"),
            Self::Day => lang.of("対象期間外の支払いです", "the payment is outside the affected period"),
        }
    }
}

/// Text as rules, cohort names and member numbers are compared: NFKC, nothing invisible, one space for each run of space, none at the ends.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    let single =
        !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ") && !text.contains(['\t', '\r', '\n']);
    let is_plain = || !text.contains(is_invisible) && is_nfkc_quick(text.chars()) == IsNormalized::Yes;
    if single && (text.is_ascii() || is_plain()) {
        return Cow::Borrowed(text);
    }
    let plain: String = text.chars().filter(|c| !is_invisible(*c)).nfkc().collect();
    Cow::Owned(plain.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The rules of a notice, folded once for a million comparisons.
pub(super) struct Rules {
    rules: Vec<(String, CohortRule)>,
    asked: Vec<(String, Judged)>,
}

type Judged = Result<Vec<usize>, NotAffected>;

impl Rules {
    pub(super) fn new(cohorts: &[RosterCohort]) -> Self {
        let folded = |texts: &[String]| texts.iter().map(|text| fold(text).into_owned()).collect();
        let rules = cohorts.iter().filter_map(|cohort| cohort.rule.as_ref().map(|rule| (cohort.id.clone(), rule)));
        let rules = rules.map(|(id, rule)| {
            (id, CohortRule { purpose: folded(&rule.purpose), method: folded(&rule.method), ..rule.clone() })
        });
        Self { rules: rules.collect(), asked: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The ids of the cohorts that a payment belongs to, in the notice's order; never empty.
    pub(super) fn cohorts(
        &mut self,
        purpose: &str,
        method: &str,
        paid_at: &PaidAt,
    ) -> Result<Vec<String>, NotAffected> {
        let day = paid_at.date;
        let inside = |rule: &CohortRule| {
            rule.paid_from.is_none_or(|from| from <= day) && rule.paid_to.is_none_or(|to| day <= to)
        };
        let named = self.named(purpose, method)?;
        let ids: Vec<String> =
            named.iter().map(|i| &self.rules[*i]).filter(|(_, rule)| inside(rule)).map(|(id, _)| id.clone()).collect();
        if ids.is_empty() { Err(NotAffected::Day) } else { Ok(ids) }
    }

    /// The rules that name this purpose and method. An export has few such pairs, so the answers are kept.
    fn named(&mut self, purpose: &str, method: &str) -> Judged {
        let key = format!("{purpose}\0{method}");
        if let Some((_, judged)) = self.asked.iter().find(|(asked, _)| *asked == key) {
            return judged.clone();
        }
        let judged = self.judge(&fold(purpose), &fold(method));
        if self.asked.len() < 32 {
            self.asked.push((key, judged.clone()));
        }
        judged
    }

    fn judge(&self, purpose: &str, method: &str) -> Judged {
        let names = |texts: &[String], text: &str| texts.is_empty() || texts.iter().any(|t| t == text);
        let by_purpose: Vec<usize> =
            (0..self.rules.len()).filter(|i| names(&self.rules[*i].1.purpose, purpose)).collect();
        if by_purpose.is_empty() {
            return Err(NotAffected::Purpose);
        }
        let by_both: Vec<usize> = by_purpose.into_iter().filter(|i| names(&self.rules[*i].1.method, method)).collect();
        if by_both.is_empty() { Err(NotAffected::Method) } else { Ok(by_both) }
    }
}

/// Days in configuration files: `2021-10-14`.
mod day {
    use crate::text::say;
    use crate::yaml::both;
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(
        clippy::ref_option,
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's `with` hands over a reference to the field"
    )]
    pub(super) fn serialize<S: Serializer>(day: &Option<Date>, to: S) -> Result<S::Ok, S::Error> {
        day.map(|day| day.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Date>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let wrong = |text: &str| {
            say!(
                ja: "「{text}」は日付ではありません。2021-10-14 のように書いてください。",
                en: "`{text}` is no day such as 2021-10-14"
            )
        };
        text.map(|text| text.parse().map_err(|_| D::Error::custom(both(&wrong(&text))))).transpose()
    }
}
