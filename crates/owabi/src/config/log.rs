//! `log`, `test_send` and `language`: what people see.

use super::problem::Findings;
use crate::cli::say::say;
use owabi_core::address::Lang;
use serde::{Deserialize, Serialize};

/// `log`: the program's own log, which goes to stderr.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is logged: a level, or `tracing` directives such as `info,owabi_smtp=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Entries with fields when stderr is systemd's journal and it answers, else text; coloured on a terminal.
    #[default]
    Auto,
    /// Text with the time, never coloured.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::default(), level: "info".to_owned() }
    }
}

impl Log {
    pub(super) fn validate(&self, found: &mut Findings) {
        let level = &self.level;
        if let Err(message) = crate::telemetry::check_level(level) {
            found.refuse_with(
                "log.level",
                say!(ja: "ログレベルとして使えません({level})。", en: "{message}"),
                say!(ja: "例: info、debug、info,owabi_smtp=debug", en: "for example: info, debug, or info,owabi_smtp=debug"),
            );
        }
    }
}

/// `test_send`: who may get a test mail.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TestSend {
    /// Addresses that `owabi test-send` may send to.
    pub allow: Vec<String>,
}

impl TestSend {
    /// Whether a test mail may go to `address` (ASCII case does not matter).
    pub fn allows(&self, address: &str) -> bool {
        self.allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(address))
    }

    pub(super) fn validate(&self, found: &mut Findings) {
        for (n, address) in self.allow.iter().enumerate() {
            let good = address.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
            if !good || address.contains(char::is_whitespace) {
                found.refuse(
                    format!("test_send.allow[{n}]"),
                    say!(ja: "メールアドレスではありません。", en: "is not a mail address"),
                );
            }
        }
    }
}

/// The language that the command line speaks to its operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// 日本語
    #[default]
    Ja,
    /// English
    En,
}

impl Language {
    /// The language of a text.
    pub fn lang(self) -> Lang {
        match self {
            Self::Ja => Lang::Ja,
            Self::En => Lang::En,
        }
    }
}
