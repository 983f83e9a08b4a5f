//! One thing that was looked at, and how it stands: what people read and what `--json` says come from the same.

use crate::cli::exit::Exit;
use crate::cli::say::Text;
use crate::cli::session::Session;
use serde_json::{Value, json};
use std::time::Duration;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it should be.
    Fine,
    /// Neither good nor bad: what it means is said.
    Told,
    /// It works, but somebody should look.
    Warning,
    /// It does not work; the run ends with this.
    Failed(Exit),
}

impl State {
    /// The marks before a line: in Japanese and in English.
    pub(super) fn marks(self) -> (&'static str, &'static str) {
        match self {
            Self::Fine => ("  ○", "  ok"),
            Self::Told => ("  ・", "  -"),
            Self::Warning => ("  △", "  !"),
            Self::Failed(_) => ("  ×", "  x"),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Told => "info",
            Self::Warning => "warning",
            Self::Failed(_) => "failed",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The word for it in `--json`.
    pub(super) step: &'static str,
    pub(super) state: State,
    /// How long it took.
    pub(super) took: Option<Duration>,
    pub(super) what: Text,
    /// What to do about it.
    pub(super) next: Option<Text>,
}

impl Seen {
    pub(super) fn fine(step: &'static str, what: Text) -> Self {
        Self { step, state: State::Fine, took: None, what, next: None }
    }

    pub(super) fn told(step: &'static str, what: Text) -> Self {
        Self { state: State::Told, ..Self::fine(step, what) }
    }

    pub(super) fn warning(step: &'static str, what: Text, next: Text) -> Self {
        Self { state: State::Warning, next: Some(next), ..Self::fine(step, what) }
    }

    pub(super) fn failed(step: &'static str, exit: Exit, what: Text, next: Text) -> Self {
        Self { state: State::Failed(exit), next: Some(next), ..Self::fine(step, what) }
    }

    /// What is said holds approximately.
    pub(super) fn about(self, is_approximate: bool) -> Self {
        if !is_approximate {
            return self;
        }
        let Text { ja, en } = &self.what;
        let (ja, end) = ja.strip_suffix('。').map_or((ja.as_str(), ""), |ja| (ja, "。"));
        let what = Text {
            ja: format!("{ja}(目安: 組織のドメインは、公開サフィックスの一覧を使わずに推定しています){end}"),
            en: format!("{en} (about: the organisation's domain is guessed without the list of public suffixes)"),
        };
        Self { what, ..self }
    }

    pub(super) fn in_time(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }

    /// What people read, with the time that it took.
    pub(super) fn line(&self) -> Text {
        let Text { ja, en } = &self.what;
        match self.took {
            Some(took) => {
                let ms = took.as_millis();
                let (ja, end) = ja.strip_suffix('。').map_or((ja.as_str(), ""), |ja| (ja, "。"));
                Text { ja: format!("{ja}({ms} ミリ秒){end}"), en: format!("{en} ({ms} ms)") }
            }
            None => self.what.clone(),
        }
    }

    pub(super) fn json(&self, session: &Session) -> Value {
        let lang = session.lang();
        json!({
            "step": self.step,
            "state": self.state.word(),
            "ms": self.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "message": self.what.of(lang),
            "next": self.next.as_ref().map(|next| next.of(lang)),
        })
    }
}
