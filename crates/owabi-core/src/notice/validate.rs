use super::{Breaker, Cohort, Fact, NoticeDefinition};
use crate::roster::CohortRule;
use crate::yaml::YamlError;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The notice cannot be used.
    Error,
    /// The notice works, but a person should look.
    Warning,
}

/// Something about a notice that its author should change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it stops the notice.
    pub severity: Severity,
    /// The key's path, `cohorts[1].id`.
    pub path: String,
    /// What is wrong, in English, without a full stop.
    pub message: String,
}

impl Problem {
    /// The problem as a mistake in `file`.
    pub fn in_file(self, file: &str) -> YamlError {
        YamlError::at(file, self.path, self.message)
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, severity: Severity, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { severity, path: path.into(), message: message.into() });
    }

    fn unless(&mut self, fine: bool, path: impl Into<String>, message: impl Into<String>) {
        if !fine {
            self.add(Severity::Error, path, message);
        }
    }

    fn warn_unless(&mut self, fine: bool, path: &str, message: &str) {
        if !fine {
            self.add(Severity::Warning, path, message);
        }
    }
}

impl NoticeDefinition {
    /// Every problem of the notice, errors and warnings, in the file's order; empty when there is nothing to say.
    pub fn validate(&self) -> Vec<Problem> {
        let mut found = Problems::default();
        self.check_identity(&mut found);
        self.check_facts(&mut found);
        self.check_cohorts(&mut found);
        self.check_columns(&mut found);
        self.check_words(&mut found);
        self.check_policy(&mut found);
        found.0
    }

    /// The problem that the id differs from the file's stem (`metaps-2022` for `metaps-2022.yaml`), if it does.
    pub fn check_stem(&self, stem: &str) -> Option<Problem> {
        let message = format!("the id `{}` and the file's name `{stem}` must be the same", self.id);
        (self.id != stem).then(|| Problem { severity: Severity::Error, path: "id".into(), message })
    }

    fn check_identity(&self, found: &mut Problems) {
        found.unless(is_slug(&self.id), "id", "must be 1 to 64 of a-z, 0-9 and -");
        found.unless(is_slug(self.template_dir()), "template", "must be 1 to 64 of a-z, 0-9 and -");
        found.unless(!self.title.trim().is_empty(), "title", "is empty");
        for (path, mailbox) in [("from", &self.from), ("reply_to", &self.reply_to)] {
            found.unless(is_address(&mailbox.address), path, "is not a mail address");
            found.unless(!mailbox.name.contains(char::is_control), path, "has a control character in its name");
        }
        for (n, address) in self.test_addresses.iter().enumerate() {
            found.unless(is_address(address), format!("test_addresses[{n}]"), "is not a mail address");
        }
    }

    fn check_facts(&self, found: &mut Problems) {
        found.unless(matches!(self.facts, Fact::Group(_)), "facts", "must be a mapping");
        for (path, text) in self.facts.texts() {
            let path = format!("facts.{path}");
            found.unless(
                !looks_like_date(text) || is_date(text),
                &path,
                format!("`{text}` is not a day of the calendar"),
            );
            found.unless(!text.contains(|c: char| c.is_control() && c != '\n'), &path, "has a control character");
            found.unless(!text.contains("{{"), &path, "is a template; a fact stands for itself");
        }
    }

    fn check_cohorts(&self, found: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (n, cohort) in self.cohorts.iter().enumerate() {
            let path = format!("cohorts[{n}]");
            found.unless(
                seen.insert(cohort.id.as_str()),
                format!("{path}.id"),
                format!("`{}` stands twice", cohort.id),
            );
            check_cohort(cohort, &path, found);
        }
    }

    fn check_columns(&self, found: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (field, names) in self.roster.columns.fields() {
            let path = format!("roster.columns.{field}");
            found.unless(names.iter().all(|name| !name.trim().is_empty()), &path, "has an empty name");
            for name in names {
                found.unless(seen.insert(name), &path, format!("the column `{name}` already stands for another field"));
            }
        }
    }

    fn check_words(&self, found: &mut Problems) {
        for (n, url) in self.allowed_urls.iter().enumerate() {
            let fine = ["https://", "http://", "{{"].iter().any(|start| url.starts_with(start));
            let message = "must begin with https:// or http://";
            found.unless(
                fine && !url.contains(char::is_whitespace) || url.starts_with("{{"),
                format!("allowed_urls[{n}]"),
                message,
            );
        }
        for (n, phrase) in self.required_phrases.iter().enumerate() {
            found.unless(!phrase.trim().is_empty(), format!("required_phrases[{n}]"), "is empty");
        }
        let message = "is empty, so the facts guard cannot tell whether a letter says what it must";
        found.warn_unless(!self.required_phrases.is_empty(), "required_phrases", message);
    }

    fn check_policy(&self, found: &mut Problems) {
        let message = "must be 0, 1 or 2";
        found.unless(self.policy.approvals_required <= 2, "policy.approvals_required", message);
        if let Some(Breaker { failure_share, .. }) = self.policy.breaker {
            let fine = failure_share > 0.0 && failure_share <= 1.0;
            found.unless(fine, "policy.breaker.failure_share", "must be above 0 and at most 1");
        }
    }
}

fn check_cohort(cohort: &Cohort, path: &str, found: &mut Problems) {
    found.unless(is_cohort_id(&cohort.id), format!("{path}.id"), "must be 1 to 64 of a-z, A-Z, 0-9, _ and -");
    found.unless(!cohort.title.trim().is_empty(), format!("{path}.title"), "is empty");
    let Some(CohortRule { purpose, method, paid_from, paid_to }) = &cohort.rule else { return };
    found.unless(!purpose.is_empty(), format!("{path}.rule.purpose"), "names no purpose");
    found.unless(!method.is_empty(), format!("{path}.rule.method"), "names no method");
    let in_order = paid_from.zip(*paid_to).is_none_or(|(from, to)| from <= to);
    found.unless(in_order, format!("{path}.rule.paid_to"), "is before paid_from");
}

fn is_slug(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_cohort_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Only the shape: one `@` with something printable, ASCII and unspaced on both sides.
fn is_address(text: &str) -> bool {
    let printable = text.bytes().all(|b| b.is_ascii_graphic() && !b"<>(),;:\\".contains(&b));
    let halves = text.split_once('@').is_some_and(|(l, d)| !l.is_empty() && !d.is_empty() && !d.contains('@'));
    printable && halves && text.len() <= 254
}

fn looks_like_date(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99"
}

fn is_date(text: &str) -> bool {
    looks_like_date(text) && text.parse::<Date>().is_ok()
}
