//! What is wrong with a configuration: every problem at once, each with its place.

use crate::cli::say::{Text, say};
use owabi_core::address::Lang;
use std::fmt;

/// Everything found wrong with one configuration. Programs end with exit code 78 on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems in the order they were found; never empty.
    pub problems: Vec<Problem>,
}

/// One mistake: where it stands, what it is and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The configuration file, or the environment variable, that says it.
    pub file: String,
    /// Line from 1, where there is one.
    pub line: Option<usize>,
    /// Column from 1, where there is one.
    pub column: Option<usize>,
    /// The key: `smtp.relays[0].port`; empty when the whole file is meant.
    pub path: String,
    /// What is wrong.
    pub message: Text,
    /// What to do about it.
    pub hint: Option<Text>,
}

impl ConfigError {
    /// The program's exit code for a bad configuration (`EX_CONFIG`).
    pub const EXIT_CODE: u8 = 78;

    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }

    /// All of them, for people: one a line, each followed by what to do.
    pub fn text(&self) -> Text {
        let of = |lang| self.problems.iter().map(|problem| problem.of(lang)).collect::<Vec<_>>().join("\n");
        Text { ja: of(Lang::Ja), en: of(Lang::En) }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text().en)
    }
}

impl Problem {
    pub(super) fn of(&self, lang: Lang) -> String {
        let numbers = [self.line, self.column].into_iter().flatten();
        let place = numbers.fold(self.file.clone(), |place, number| format!("{place}:{number}"));
        let path = if self.path.is_empty() { String::new() } else { format!(": {}", self.path) };
        let hint = self.hint.as_ref().map(|hint| format!("\n  {}", hint.of(lang))).unwrap_or_default();
        format!("{place}{path}: {}{hint}", self.message.of(lang))
    }
}

/// What `validate` functions write their findings to.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

/// A problem that does not know its file yet.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) message: Text,
    pub(super) hint: Option<Text>,
}

impl Findings {
    /// Notes that the value at `path` cannot be used.
    pub(super) fn refuse(&mut self, path: impl Into<String>, message: Text) {
        self.0.push(Finding { path: path.into(), message, hint: None });
    }

    /// The same, with what to do about it.
    pub(super) fn refuse_with(&mut self, path: impl Into<String>, message: Text, hint: Text) {
        self.0.push(Finding { path: path.into(), message, hint: Some(hint) });
    }

    /// Refuses zero where at least one is needed.
    pub(super) fn at_least_one(&mut self, path: impl Into<String>, n: u32) {
        if n == 0 {
            self.refuse(path, say!(ja: "1 以上にしてください。", en: "must be at least 1"));
        }
    }

    /// Refuses an empty name of a file.
    pub(super) fn empty(&mut self, path: impl Into<String>) {
        self.refuse(path, say!(ja: "空にはできません。", en: "must not be empty"));
    }

    /// Refuses no time at all.
    pub(super) fn no_time(&mut self, path: impl Into<String>) {
        self.refuse(path, say!(ja: "0s より長くしてください。", en: "must be longer than 0s"));
    }

    /// Refuses a path, or nothing, where systemd's name of a credential belongs.
    pub(super) fn no_name(&mut self, path: impl Into<String>) {
        self.refuse(
            path,
            say!(ja: "credential の名前を書いてください。パスではありません。", en: "is a name, not a path"),
        );
    }

    /// Refuses a password that anybody on the way could read.
    pub(super) fn in_the_clear(&mut self, path: impl Into<String>) {
        self.refuse_with(
            path,
            say!(ja: "パスワードが暗号化されずに流れます。", en: "the password would travel in the clear"),
            say!(
                ja: "tls: starttls か implicit にするか、auth_without_tls: true で許可してください。",
                en: "use tls: starttls or implicit, or allow it by auth_without_tls: true"
            ),
        );
    }

    /// Refuses what is of use with TLS alone.
    pub(super) fn without_tls(&mut self, path: impl Into<String>) {
        self.refuse(path, say!(ja: "tls: none では意味がありません。", en: "has no meaning with tls: none"));
    }

    /// Refuses a rate that is not a positive number of mails a second.
    pub(super) fn rate(&mut self, path: impl Into<String>, rate: Option<f64>) {
        if rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            self.refuse_with(
                path,
                say!(ja: "1 秒あたりの通数は 0 より大きくしてください。", en: "must be more than 0 mails a second"),
                say!(
                    ja: "上限を設けないなら、キーを書かないか null と書きます。",
                    en: "leave the key out, or write null, for no limit"
                ),
            );
        }
    }
}
