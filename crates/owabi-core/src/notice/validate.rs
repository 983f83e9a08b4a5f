use super::{Breaker, Cohort, Fact, NoticeDefinition};
use crate::roster::CohortRule;
use crate::text::{Text, say};
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
    /// What is wrong, and what to do.
    pub message: Text,
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
    fn add(&mut self, severity: Severity, path: impl Into<String>, message: Text) {
        self.0.push(Problem { severity, path: path.into(), message });
    }

    fn unless(&mut self, fine: bool, path: impl Into<String>, message: impl FnOnce() -> Text) {
        if !fine {
            self.add(Severity::Error, path, message());
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
        let id = &self.id;
        let message = say!(
            ja: "ここでは「{id}」、ファイルの名前は「{stem}」です。同じにしてください。",
            en: "the id `{id}` and the file's name `{stem}` must be the same"
        );
        (self.id != stem).then(|| Problem { severity: Severity::Error, path: "id".into(), message })
    }

    fn check_identity(&self, found: &mut Problems) {
        found.unless(is_slug(&self.id), "id", not_a_slug);
        found.unless(is_slug(self.template_dir()), "template", not_a_slug);
        found.unless(!self.title.trim().is_empty(), "title", empty);
        for (path, mailbox) in [("from", &self.from), ("reply_to", &self.reply_to)] {
            found.unless(is_address(&mailbox.address), path, not_an_address);
            found.unless(!mailbox.name.contains(char::is_control), path, || {
                say!(ja: "名前に制御文字があります。取り除いてください。", en: "has a control character in its name; remove it")
            });
        }
        for (n, address) in self.test_addresses.iter().enumerate() {
            found.unless(is_address(address), format!("test_addresses[{n}]"), not_an_address);
        }
    }

    fn check_facts(&self, found: &mut Problems) {
        found.unless(
            matches!(self.facts, Fact::Group(_)),
            "facts",
            || say!(ja: "キーと値の組を書いてください。", en: "must be a mapping"),
        );
        for (path, text) in self.facts.texts() {
            let path = format!("facts.{path}");
            found.unless(!looks_like_date(text) || is_date(text), &path, || {
                say!(
                    ja: "「{text}」という日付はありません。暦にある日を書いてください。",
                    en: "`{text}` is not a day of the calendar; write one that is"
                )
            });
            found.unless(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                &path,
                || say!(ja: "制御文字があります。取り除いてください。", en: "has a control character; remove it"),
            );
            found.unless(!text.contains("{{"), &path, || {
                say!(
                    ja: "値にテンプレートは書けません。値そのものを書いてください。",
                    en: "is a template; write the value itself"
                )
            });
        }
    }

    fn check_cohorts(&self, found: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (n, cohort) in self.cohorts.iter().enumerate() {
            let (path, id) = (format!("cohorts[{n}]"), &cohort.id);
            found.unless(seen.insert(id.as_str()), format!("{path}.id"), || {
                say!(ja: "「{id}」が二度使われています。別の id にしてください。", en: "`{id}` stands twice; give it another id")
            });
            check_cohort(cohort, &path, found);
        }
    }

    fn check_columns(&self, found: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (field, names) in self.roster.columns.fields() {
            let path = format!("roster.columns.{field}");
            found.unless(
                names.iter().all(|name| !name.trim().is_empty()),
                &path,
                || say!(ja: "空の列名があります。消してください。", en: "has an empty name; remove it"),
            );
            for name in names {
                found.unless(seen.insert(name), &path, || {
                    say!(
                        ja: "列「{name}」は、すでにほかの項目に使われています。一つの項目だけに書いてください。",
                        en: "the column `{name}` already stands for another field; name it in one place"
                    )
                });
            }
        }
    }

    fn check_words(&self, found: &mut Problems) {
        for (n, url) in self.allowed_urls.iter().enumerate() {
            let fine = ["https://", "http://"].iter().any(|start| url.starts_with(start));
            let fine = url.starts_with("{{") || fine && !url.contains(char::is_whitespace);
            found.unless(fine, format!("allowed_urls[{n}]"), || {
                say!(
                    ja: "https:// か http:// で始まり、空白のない URL を書いてください。",
                    en: "must begin with https:// or http://, and hold no spaces"
                )
            });
        }
        for (n, phrase) in self.required_phrases.iter().enumerate() {
            found.unless(!phrase.trim().is_empty(), format!("required_phrases[{n}]"), empty);
        }
        if self.required_phrases.is_empty() {
            let message = say!(
                ja: "空です。文面に必要なことが書かれているかどうかを点検できません。欠かせない文言を書いてください。",
                en: "is empty, so the facts guard cannot tell whether a letter says what it must; name what must not be missing"
            );
            found.add(Severity::Warning, "required_phrases", message);
        }
    }

    fn check_policy(&self, found: &mut Problems) {
        found.unless(
            self.policy.approvals_required <= 2,
            "policy.approvals_required",
            || say!(ja: "0、1、2 のどれかにしてください。", en: "must be 0, 1 or 2"),
        );
        if let Some(Breaker { failure_share, .. }) = self.policy.breaker {
            let fine = failure_share > 0.0 && failure_share <= 1.0;
            found.unless(
                fine,
                "policy.breaker.failure_share",
                || say!(ja: "0 より大きく、1 以下にしてください。", en: "must be above 0 and at most 1"),
            );
        }
    }
}

fn check_cohort(cohort: &Cohort, path: &str, found: &mut Problems) {
    found.unless(is_cohort_id(&cohort.id), format!("{path}.id"), || {
        say!(
            ja: "a〜z、A〜Z、0〜9、_、- だけを使い、1〜64 文字にしてください。",
            en: "must be 1 to 64 of a-z, A-Z, 0-9, _ and -"
        )
    });
    found.unless(!cohort.title.trim().is_empty(), format!("{path}.title"), empty);
    let Some(CohortRule { purpose, method, paid_from, paid_to }) = &cohort.rule else { return };
    found.unless(!purpose.is_empty(), format!("{path}.rule.purpose"), || {
        say!(ja: "支払いの内容が一つもありません。名簿にあるとおりに書いてください。", en: "names no purpose; write them as the roster does")
    });
    found.unless(!method.is_empty(), format!("{path}.rule.method"), || {
        say!(ja: "支払いの方法が一つもありません。名簿にあるとおりに書いてください。", en: "names no method; write them as the roster does")
    });
    let in_order = paid_from.zip(*paid_to).is_none_or(|(from, to)| from <= to);
    found.unless(in_order, format!("{path}.rule.paid_to"), || {
        say!(ja: "paid_from より前の日です。期間の終わりの日を書いてください。", en: "is before paid_from; write the last day")
    });
}

fn not_a_slug() -> Text {
    say!(ja: "a〜z、0〜9、- だけを使い、1〜64 文字にしてください。", en: "must be 1 to 64 of a-z, 0-9 and -")
}

fn not_an_address() -> Text {
    say!(
        ja: "メールアドレスではありません。info@example.jp のように書いてください。",
        en: "is not a mail address; write one such as info@example.jp"
    )
}

fn empty() -> Text {
    say!(ja: "空です。記入してください。", en: "is empty; write it")
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
