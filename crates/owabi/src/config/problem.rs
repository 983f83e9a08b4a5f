//! What is wrong with a configuration: every problem at once, each with its place.

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
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ConfigError {
    /// The program's exit code for a bad configuration (`EX_CONFIG`).
    pub const EXIT_CODE: u8 = 78;

    pub(crate) fn one(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"))
    }
}

/// What `validate` functions write their findings to.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

/// A problem that does not know its file yet.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Findings {
    /// Notes that the value at `path` cannot be used.
    pub(super) fn refuse(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Finding { path: path.into(), message: message.into(), hint: None });
    }

    /// The same, with what to do about it.
    pub(super) fn refuse_with(&mut self, path: impl Into<String>, message: impl Into<String>, hint: &str) {
        self.0.push(Finding { path: path.into(), message: message.into(), hint: Some(hint.to_owned()) });
    }

    /// Refuses zero where at least one is needed.
    pub(super) fn at_least_one(&mut self, path: impl Into<String>, n: u32) {
        if n == 0 {
            self.refuse(path, "must be at least 1");
        }
    }

    /// Refuses a rate that is not a positive number of mails a second.
    pub(super) fn rate(&mut self, path: impl Into<String>, rate: Option<f64>) {
        if rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            self.refuse_with(
                path,
                "must be more than 0 mails a second",
                "leave the key out, or write null, for no limit",
            );
        }
    }
}
